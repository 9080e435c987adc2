/** From what a drill found to the one report of it: checks, phases and verdict of the drill over those of the verification. */
import { reportOfEnd, wallClock } from "../../../etcd/report/end";
import type { Check, DrillSummary, Phase, Report } from "../../../etcd/report/report";
import { overallVerdict } from "../../../etcd/report/verdict";
import { EXIT } from "../../outcome";
import { interruptedCode } from "../../interrupt";
import { endOfRun, type BadEnd, type BeginningOfRun } from "../../run-end";

/** What a drill adds to a report. */
export interface Additions {
  readonly drill: DrillSummary;
  readonly checks: readonly Check[];
  /** Before and after those of the report. */
  readonly before: readonly Phase[];
  readonly after: readonly Phase[];
}

/** The report of a drill that came to no verification. */
export function reportOfBadEnd(run: BeginningOfRun, end: BadEnd): Report {
  return reportOfEnd(endOfRun(run, end));
}

/** The report with what the drill adds; its verdict is never better than that of its checks. */
export function withAdditions(report: Report, startedAt: Date, additions: Additions): Report {
  const checks = [...report.checks, ...additions.checks];
  const phases = [...additions.before, ...report.phases, ...additions.after];
  return {
    ...report,
    stack: additions.drill.name,
    verdict: overallVerdict(checks),
    startedAt: startedAt.toISOString(),
    seconds: wallClock(startedAt, phases),
    phases,
    checks,
    drill: additions.drill,
  };
}

/** How the command ends: interrupted, by what ended the run, else by the verdict. */
export function exitCodeOfDrill(report: Report, badEnd: BadEnd | undefined): number {
  const interrupted = interruptedCode();
  if (interrupted !== undefined) return interrupted;
  if (badEnd !== undefined) return badEnd.exitCode;
  return report.verdict === "pass" ? EXIT.good : EXIT.checkFailed;
}
