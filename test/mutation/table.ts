/** The matrix for people, as Markdown: the README shows it. */
import { CATCHERS, type Catcher } from "./finding";
import type { Row } from "./matrix";

const HEADS: Readonly<Record<Catcher, string>> = {
  structure: "preflight: structure",
  sha256: "preflight: SHA-256",
  restore: "restore",
  hashkv: "HashKV",
  "read-back": "read-back",
  other: "other check",
  encryption: "encryption keys",
  equal: "means the same",
  manifest: "manifest only",
  nothing: "**passed**",
};

/** A row for each kind, the sums, and below it whatever passed as good. */
export function matrixTable(rows: readonly Row[], seconds: number): string {
  const shown = rows.filter(({ mutants }) => mutants > 0);
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  const numbers = (count: (by: Catcher) => number) => CATCHERS.map((by) => count(by) || "");
  const sum = (count: (row: Row) => number) => shown.reduce((total, row) => total + count(row), 0);
  const mutants = sum((row) => row.mutants);
  const passed = shown.flatMap((row) => row.passed.map((each) => ({ id: row.id, ...each })));
  return [
    line(["damage", "mutants", ...CATCHERS.map((by) => HEADS[by])]),
    line(["---", "---:", ...CATCHERS.map(() => "---:")]),
    ...shown.map((row) => line([row.title, row.mutants, ...numbers((by) => row.caught[by])])),
    line(["**all**", mutants, ...numbers((by) => sum((row) => row.caught[by]))]),
    "",
    `${shown.length} kinds, ${mutants} mutants, ${seconds} s; ` +
      `${sum(({ located }) => located)} located key by key; ${passed.length} passed as good`,
    ...passed.map(({ id, place, by, detail }) => `PASSED: ${id}, ${place} (${by}: ${detail})`),
  ].join("\n");
}
