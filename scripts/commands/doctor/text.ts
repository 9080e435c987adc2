/** What the doctor found, as one table and what to do. */
import Table from "cli-table3";
import pc from "picocolors";
import { visible } from "../../../etcd/wire/visible";
import type { Check, Subject } from "./check";

const MARKS: Readonly<Record<Check["verdict"], string>> = {
  pass: "ok",
  fail: "FAIL",
  "not-checked": "not checked",
};
/** Widths of the first two columns without the gaps; the third has the rest. */
const COLUMNS = [11, 16];
const GAP = 2;

/** For people; the last line is the verdict. */
export function doctorText(
  subject: Subject,
  checks: readonly Check[],
  { color, columns }: { readonly color: boolean; readonly columns: number },
): string {
  const colors = pc.createColors(color);
  const rest = columns - COLUMNS.reduce((sum, width) => sum + width + GAP, 0) - GAP;
  const tint = { pass: colors.green, fail: colors.red, "not-checked": colors.yellow };
  const table = new Table({
    chars: Object.fromEntries(
      [
        ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left"],
        ...["bottom-right", "left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"],
      ].map((edge) => [edge, ""]),
    ),
    style: { "padding-left": 0, "padding-right": GAP, head: [], border: [] },
    colWidths: [...COLUMNS, rest].map((width) => width + GAP),
    wordWrap: true,
  });
  for (const { verdict, title, found } of checks) {
    const lines = found.split("\n").map(visible).join("\n");
    table.push([tint[verdict](MARKS[verdict]), title, lines]);
  }
  const failed = checks.filter(({ verdict }) => verdict === "fail");
  const trimmed = table.toString().replace(/[ \t]+$/gm, "");
  return [
    `what \`up\` needs, stack ${subject.stack}, target ${subject.settings.target}`,
    "",
    trimmed,
    "",
    ...failed.map(({ title, mend }) => `${title}: ${mend ?? ""}`),
    ...(failed.length === 0 ? [] : [""]),
    failed.length === 0
      ? colors.green("READY  nothing stands in the way")
      : colors.red(`NOT READY  ${failed.length} of ${checks.length} checks failed`),
  ].join("\n");
}
