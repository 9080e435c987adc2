/** Plain lines, for logs and pipes: one when a step starts, one when it ends, what it says in between. */

import type { Operation, Progress } from "./types";
import { label, seconds, summaryLine, wordsFor } from "./wording";

/** A longer line is cut: it is data, and nobody reads it here. */
const LONGEST_LINE = 2_000;

export function lineProgress(write: (line: string) => void): Progress {
  const since = new Map<string, number>();
  const key = (urn: string, operation: Operation): string => `${operation} ${urn}`;
  return {
    registered: () => undefined,
    started(urn, operation) {
      const { sign, doing } = wordsFor(operation);
      since.set(key(urn, operation), Date.now());
      write(`${sign} ${label(urn)}: ${doing}`);
    },
    said(urn, line) {
      const [, name = ""] = label(urn).split(" ");
      write(`    ${name} | ${cut(line)}`);
    },
    ended(urn, operation, error) {
      const { sign, done } = wordsFor(operation);
      const started = since.get(key(urn, operation));
      since.delete(key(urn, operation));
      // Nobody waited for it: components come and go without work, and no change is no news.
      if (started === undefined && error === undefined) return;
      const time = started === undefined ? "" : ` (${seconds(Date.now() - started)})`;
      write(
        error === undefined
          ? `${sign} ${label(urn)}: ${done}${time}`
          : `! ${label(urn)}: failed${time}:${indent(error)}`,
      );
    },
    planned(urn, operation, details) {
      const { sign, wouldBe } = wordsFor(operation);
      if (operation === "same") return;
      write(
        `${sign} ${label(urn)}: ${wouldBe}${details.length > 0 ? ` (${details.join(", ")})` : ""}`,
      );
    },
    note: (line) => {
      write(cut(line));
    },
    passing: () => undefined,
    finished: (summary) => {
      write(summaryLine(summary));
    },
  };
}

function cut(line: string): string {
  return line.length <= LONGEST_LINE
    ? line
    : `${line.slice(0, LONGEST_LINE)}… (${line.length} characters)`;
}

function indent(text: string): string {
  return text.includes("\n") ? `\n    ${text.replaceAll("\n", "\n    ")}` : ` ${text}`;
}
