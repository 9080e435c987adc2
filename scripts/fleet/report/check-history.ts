/** Whether results are those that histories have noted: none was removed, none replaced, none put in. */
import type { HistoryEntry } from "../../../evidence/history";
import type { ReadResult } from "./read-results";

/** A history that was read; its chain holds. */
export interface NotedHistory {
  readonly file: string;
  readonly entries: readonly HistoryEntry[];
}

/**
 * What is wrong, a sentence each. Of each backup the newest result counts, and the newest line: what was before may have been
 * cleared away.
 */
export function historyProblems(
  results: readonly ReadResult[],
  histories: readonly NotedHistory[],
): readonly string[] {
  const noted = new Map<string, { readonly entry: HistoryEntry; readonly in: string }>();
  for (const { file, entries } of histories) {
    for (const entry of entries) {
      const { name } = entry.listed ?? {};
      if (name === undefined) continue;
      const before = noted.get(name);
      if (before === undefined || before.entry.endedAt <= entry.endedAt)
        noted.set(name, { entry, in: file });
    }
  }
  const newest = new Map<string, ReadResult>();
  for (const result of results) {
    const before = newest.get(result.name);
    if (before === undefined || before.endedAt < result.endedAt) newest.set(result.name, result);
  }
  const problems: string[] = [];
  for (const [name, { entry, in: file }] of noted) {
    const { result = "", sha256 } = entry.listed ?? {};
    const found = newest.get(name);
    if (found === undefined) {
      problems.push(`${file} notes a result of ${name}, and there is none: ${result} was removed`);
    } else if (found.fileSha256 !== sha256) {
      const what = found.file === result ? "was replaced" : `is ${found.file} instead`;
      problems.push(`${file} notes ${result} as the newest result of ${name}, and it ${what}`);
    }
  }
  for (const [name, { file }] of newest) {
    if (!noted.has(name)) problems.push(`no history notes ${file}, the result of ${name}`);
  }
  return problems.sort();
}
