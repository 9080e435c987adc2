/** A live tree of the stack on a terminal. */

import pc from "picocolors";
import type { Operation, Progress, Summary } from "./types";
import { openScreen } from "./screen";
import { label, seconds, summaryLine, wordsFor } from "./wording";

export interface Row {
  readonly urn: string;
  readonly parent: string;
  readonly operation?: Operation;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly error?: string;
  /** The last line that it said. */
  readonly said?: string;
}

const FRAME_MS = 120;
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** What the tree needs of a terminal. */
type TerminalStream = Pick<NodeJS.WriteStream, "columns" | "rows"> & {
  write(text: string): boolean;
};

/** Draws on `stream`, which is a terminal. When nothing has changed, one line is all that stays. */
export function treeProgress(stream: TerminalStream): Promise<Progress> {
  return Promise.resolve(openTree(stream));
}

function openTree(stream: TerminalStream): Progress {
  const screen = openScreen(stream);
  const rows = new Map<string, Row>();
  let status = "";
  let changed = false;

  const draw = (): void => {
    const size = { columns: stream.columns, rows: stream.rows - 2 };
    const lines = renderTree([...rows.values()], Date.now(), size)
      .split("\n")
      .filter(Boolean);
    screen.draw(status === "" ? lines : [...lines, pc.dim(cut(status, stream.columns))]);
  };
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  const change = (urn: string, fields: Partial<Row>): void => {
    rows.set(urn, { ...(rows.get(urn) ?? { urn, parent: "" }), ...fields });
  };

  return {
    registered(urn, parent) {
      status = "";
      change(urn, { parent });
    },
    started(urn, operation) {
      changed = true;
      change(urn, { operation, startedAt: Date.now() });
    },
    said(urn, line) {
      change(urn, { said: line });
    },
    ended(urn, operation, error) {
      if (operation !== "same") changed = true;
      const failure = error === undefined ? {} : { error };
      change(urn, { operation, endedAt: Date.now(), ...failure });
    },
    planned(urn, operation, details) {
      if (operation !== "same") changed = true;
      change(urn, { operation, said: details.join(", ") });
    },
    note(line) {
      screen.clear();
      stream.write(`${line}\n`);
      draw();
    },
    passing(line) {
      status = line;
    },
    finished(summary) {
      clearInterval(timer);
      status = "";
      const failed = [...rows.values()].filter((row) => row.error !== undefined);
      if (changed || failed.length > 0) draw();
      else screen.clear();
      screen.done();
      stream.write(endOf(summary, failed));
    },
  };
}

/** What stays below the tree: why it failed, and the counts. */
function endOf(summary: Summary, failed: readonly Row[]): string {
  const line = summaryLine(summary);
  return [
    ...failed.map(({ urn, error }) => `${pc.red("error")} ${label(urn)}: ${String(error)}\n`),
    `${summary.ok ? line : pc.red(line)}\n`,
  ].join("");
}

/** The tree as text: children under their parents, no line wider than the terminal, no more lines than it shows. */
export function renderTree(
  rows: readonly Row[],
  now: number,
  size: { readonly columns: number; readonly rows: number },
): string {
  const known = new Set(rows.map((row) => row.urn));
  const below = (parent: string, depth: number): readonly string[] =>
    rows
      .filter((row) => row.parent === parent || (parent === "" && !known.has(row.parent)))
      .flatMap((row) => [renderRow(row, depth, now, size.columns), ...below(row.urn, depth + 1)]);
  const lines = below("", 0);
  // What is going on is at the end: the beginning may go out of sight.
  return lines.slice(-Math.max(1, size.rows)).join("\n");
}

function renderRow(row: Row, depth: number, now: number, columns: number): string {
  const { operation = "same", startedAt, endedAt, error, said = "" } = row;
  const running = startedAt !== undefined && endedAt === undefined;
  const words = wordsFor(operation);
  const frame = FRAMES[Math.floor(now / FRAME_MS) % FRAMES.length] ?? "";
  const sign = error !== undefined ? "✗" : running ? frame : words.sign;
  const state = stateOf(row);
  const time = startedAt === undefined ? "" : ` (${seconds((endedAt ?? now) - startedAt)})`;
  const more = endedAt === undefined && said !== "" ? `  ${said}` : "";
  const text = `${"  ".repeat(depth)}${sign} ${label(row.urn)} ${state}${time}${more}`;
  return paint(error !== undefined ? "failed" : operation)(cut(text, columns));
}

function cut(text: string, columns: number): string {
  const characters = Array.from(text);
  return characters.length > columns
    ? `${characters.slice(0, Math.max(0, columns - 1)).join("")}…`
    : text;
}

function stateOf({ operation, startedAt, endedAt, error }: Row): string {
  if (error !== undefined) return "failed";
  if (operation === undefined) return "";
  const words = wordsFor(operation);
  if (endedAt !== undefined) return words.done;
  return startedAt === undefined ? words.wouldBe : words.doing;
}

function paint(state: Operation | "failed"): (text: string) => string {
  switch (state) {
    case "failed":
      return pc.red;
    case "same":
      return pc.dim;
    case "create":
    case "create-replacement":
      return pc.green;
    case "update":
    case "replace":
    case "delete-replaced":
      return pc.yellow;
    case "delete":
      return pc.magenta;
  }
}
