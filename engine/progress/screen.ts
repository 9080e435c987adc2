/**
 * A block of lines at the end of a terminal that is drawn anew in its place.
 *
 * Each frame takes the whole of the last one away: patching only what changed loses rows as soon as one is put in
 * between, and a frame is a few lines.
 */

const ESCAPE = "\u001b";
/** A terminal that knows them shows a frame at once, the others ignore them. */
const [HOLD, SHOW] = [`${ESCAPE}[?2026h`, `${ESCAPE}[?2026l`];
const ERASE_DOWN = `${ESCAPE}[J`;
const COLOR = /\u001b\[\d+m/g;

export interface Screen {
  /** Shows these lines in the place of those that were shown last. */
  draw(lines: readonly string[]): void;
  /** Takes what is shown away. */
  clear(): void;
  /** What is shown stays, and the next frame begins below it. */
  done(): void;
}

/** @param stream a terminal; its width may change at any time */
export function openScreen(stream: {
  readonly columns: number;
  write(text: string): boolean;
}): Screen {
  let shown: readonly string[] = [];

  /** The cursor to the beginning of what is shown, which is no more. */
  const takeAway = (): string => {
    // A terminal that has become narrower has wrapped what was shown.
    const rows = shown.reduce((sum, line) => sum + rowsOf(line, stream.columns), 0);
    return rows === 0 ? "" : `${ESCAPE}[${rows}A\r${ERASE_DOWN}`;
  };

  return {
    draw(lines) {
      if (lines.length === shown.length && lines.every((line, i) => line === shown[i])) return;
      const text = lines.map((line) => `${line}\n`).join("");
      stream.write(`${HOLD}${takeAway()}${text}${SHOW}`);
      shown = lines;
    },
    clear() {
      if (shown.length > 0) stream.write(takeAway());
      shown = [];
    },
    done() {
      shown = [];
    },
  };
}

function rowsOf(line: string, columns: number): number {
  const width = Array.from(line.replace(COLOR, "")).length;
  return Math.max(1, Math.ceil(width / Math.max(1, columns)));
}
