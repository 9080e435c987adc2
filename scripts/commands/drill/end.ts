/** From what a drill found to the one report of it: checks, phases and verdict of the drill over those of the verification. */
import { reportOfEnd, wallClock } from "../../../etcd/report/end";
import type { Check, DrillSummary, Phase, Report } from "../../../etcd/report/report";
import { EXIT } from "../../outcome";
import { interruptedCode } from "../../interrupt";
import type { BadEnd, BeginningOfRun } from "../../run-end";

/** What a drill adds to a report. */
export interface Additions {
  readonly drill: DrillSummary;
  readonly checks: readonly Check[];
  /** Before and after those of the report. */
  readonly before: readonly Phase[];
  readonly after: readonly Phase[];
}

/** The report of a drill that came to no verification. */
export function reportOfBadEnd(
  run: BeginningOfRun,
  { exitCode, cause, remedy, phase }: BadEnd,
): Report {
  const isFault = exitCode === EXIT.usage || exitCode === EXIT.checkFailed;
  const verdict = isFault ? "fail" : "incomplete";
  return reportOfEnd({ ...run, verdict, phase, reason: `${cause}; ${remedy}` });
}

/** The report with what the drill adds; its verdict is never better than that of its checks. */
export function withAdditions(report: Report, startedAt: Date, additions: Additions): Report {
  const checks = [...report.checks, ...additions.checks];
  const phases = [...additions.before, ...report.phases, ...additions.after];
  return {
    ...report,
    stack: additions.drill.name,
    verdict: verdictOf(report.verdict, additions.checks),
    startedAt: startedAt.toISOString(),
    seconds: wallClock(startedAt, phases),
    phases,
    checks,
    drill: additions.drill,
  };
}

function verdictOf(proof: Report["verdict"], added: readonly Check[]): Report["verdict"] {
  if (proof === "fail" || added.some(({ verdict }) => verdict === "fail")) return "fail";
  if (proof === "incomplete" || added.some(({ verdict }) => verdict === "not-checked")) {
    return "incomplete";
  }
  return "pass";
}

/** How the command ends: interrupted, by what ended the run, else by the verdict. */
export function exitCodeOfDrill(report: Report, badEnd: BadEnd | undefined): number {
  const interrupted = interruptedCode();
  if (interrupted !== undefined) return interrupted;
  if (badEnd !== undefined) return badEnd.exitCode;
  return report.verdict === "pass" ? EXIT.good : EXIT.checkFailed;
}
