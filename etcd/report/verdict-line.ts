/** The verdict of a report in one line. */
import { counted, grouped } from "../wire/figures";
import { visible } from "../wire/visible";
import { causeOf, sumOfPrefixes } from "./cause";
import type { CheckVerdict, Report } from "./report";
import { colorsOf, type TextOptions } from "./text-columns";
import { v2Proved, v2Same } from "./v2-words";

/** The one line that says it all: `PASS  337 of 337 keys are exactly what the backup holds (…)`. */
export function verdictLine(report: Report, options: TextOptions = {}): string {
  const colors = colorsOf(options);
  const { verdict, checks, snapshot, ended } = report;
  if (ended !== undefined) {
    const [word, paint] =
      verdict === "fail"
        ? (["FAIL", colors.red] as const)
        : (["INCOMPLETE", colors.yellow] as const);
    const reason = options.withReason === false ? "" : `: ${visible(ended.reason)}`;
    return `${paint(colors.bold(word))}  nothing was compared, the run ended in the phase ${ended.phase}${reason}`;
  }
  const ids = (wanted: CheckVerdict) =>
    checks
      .filter((check) => check.verdict === wanted)
      .map(({ id }) => id)
      .join(", ");
  switch (verdict) {
    case "pass": {
      if (report.v2 !== undefined) {
        return `${colors.green(colors.bold("PASS"))}  ${v2Proved(report, report.v2)}`;
      }
      const proof = `(revision ${snapshot.revision}, HashKV ${snapshot.hashKv})`;
      return `${colors.green(colors.bold("PASS"))}  ${proved(report)} ${proof}`;
    }
    case "fail": {
      return `${colors.red(colors.bold("FAIL"))}  ${causeOf(report) ?? failedKeys(report)}; failed: ${ids("fail")}`;
    }
    case "incomplete": {
      return `${colors.yellow(colors.bold("INCOMPLETE"))}  not proved; could not be checked: ${ids("not-checked")}`;
    }
  }
}

/** What a pass of each level proves. */
function proved(report: Report): string {
  switch (report.level) {
    case "quick":
      return `the hash over all ${counted(report.snapshot.keys, "key")} is that of the backup`;
    case "standard":
      return `${sameKeys(report)} are of the backup's revisions, and so is the hash over all`;
    case "full":
      return `${sameKeys(report)} are exactly what the backup holds`;
  }
}

function sameKeys(report: Report): string {
  const { snapshot, differences } = report;
  const { missing, changed } = sumOfPrefixes(differences);
  return `${grouped(snapshot.keys - missing - changed)} of ${counted(snapshot.keys, "key")}`;
}

/** How the keys are, of a run that failed: perhaps not because of them. */
function failedKeys(report: Report): string {
  const { snapshot, differences, checks, v2 } = report;
  if (v2 !== undefined) {
    return `${v2Same(v2)} are as the backup holds them, ${grouped(differences.total)} ${differences.total === 1 ? "key differs" : "keys differ"}`;
  }
  const looked = checks.some(({ id, verdict }) => id === "read-back" && verdict !== "not-checked");
  if (!looked && differences.total === 0) {
    return `the ${counted(snapshot.keys, "key")} of the backup were not read back`;
  }
  const kinds = Object.entries(sumOfPrefixes(differences)).filter(([, number]) => number > 0);
  const which = kinds.map(([kind, number]) => `${grouped(number)} ${kind}`).join(", ");
  const are = `as the backup at revision ${snapshot.revision} holds them`;
  return `${sameKeys(report)} are ${are}${which === "" ? "" : ` (${which})`}`;
}
