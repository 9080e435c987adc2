/** What stands on a terminal after all that was written to it: of VT100's commands those that our programs send. */

/** A terminal of so many columns; as many rows as are written. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly isTTY: true;
  write(text: string): boolean;
  /** The rows down to the last that holds anything, without what is blank at their ends. */
  screen(): readonly string[];
}

/** @throws Error (when written to) for a command that it does not know */
export function openTerminal(columns: number, rows = 50): Terminal {
  const cells: string[][] = [[]];
  let row = 0;
  let column = 0;
  const line = (): string[] => {
    while (cells.length <= row) cells.push([]);
    return cells[row] ?? [];
  };
  const put = (character: string): void => {
    // The last column wraps with the next character, and not before.
    if (column === columns) [row, column] = [row + 1, 0];
    const at = line();
    while (at.length < column) at.push(" ");
    at[column] = character;
    column += 1;
  };
  const command = (parameters: string, name: string): void => {
    const number = Number(parameters) || 1;
    if (name === "A") row = Math.max(0, row - number);
    else if (name === "J" && parameters === "") {
      line().length = Math.min(line().length, column);
      cells.length = row + 1;
    } else if (name !== "m" && !(parameters === "?2026" && /[hl]/.test(name))) {
      throw new Error(`the terminal of the test does not know ESC[${parameters}${name}`);
    }
  };
  return {
    columns,
    rows,
    isTTY: true,
    write(text) {
      for (const [, parameters, name, character] of text.matchAll(
        /\u001b\[([?\d;]*)([A-Za-z])|([^])/gu,
      )) {
        if (name !== undefined) command(parameters ?? "", name);
        else if (character === "\n") [row, column] = [row + 1, 0];
        else if (character === "\r") column = 0;
        else put(character ?? "");
      }
      return true;
    },
    screen: () => withoutBlankEnd(cells.map((each) => each.join("").trimEnd())),
  };
}

/** A screen's rows, without blank ones below the last that holds anything. */
export function withoutBlankEnd(rows: readonly string[]): readonly string[] {
  return rows.slice(0, rows.findLastIndex((row) => row !== "") + 1);
}
