/** From what a drill found to the one report of it: checks, phases and verdict of the drill over those of the verification. */
import { reportOfEnd, wallClock } from "../../../etcd/report/end";
import type { Check, Phase, Report } from "../../../etcd/report/report";
import type { DrillSummary } from "../../../etcd/report/drill-summary";
import { overallVerdict } from "../../../etcd/report/verdict";
import { duration } from "../../../etcd/wire/figures";
import { shownAddress } from "../../../sources/address";
import { EXIT } from "../../outcome";
import { interruptedCode } from "../../interrupt";
import { programTyped } from "../../project";
import { endOfRun, type BadEnd, type BeginningOfRun } from "../../run-end";
import type { Chosen } from "./choose";

/** What a drill adds to a report. */
export interface Additions {
  readonly drill: DrillSummary;
  readonly checks: readonly Check[];
  /** Before and after those of the report. */
  readonly before: readonly Phase[];
  readonly after: readonly Phase[];
}

/** What is known of a drill at any moment of it. */
export interface DrillFacts extends Pick<DrillSummary, "name" | "target" | "source"> {
  readonly chosen: Chosen | undefined;
  readonly passedOver: Chosen["passedOver"];
}

/** What a run of the engine came to: the verification's report, or how it ended before. */
export interface Outcome {
  readonly report: Report;
  readonly badEnd?: BadEnd;
}

/** As many that were passed over stand in the report. */
const MOST_TOLD = 20;

/** What a report says of the drill that it is of. */
export function summaryOf(facts: DrillFacts): DrillSummary {
  const { name, target, source, chosen, passedOver } = facts;
  const { taken, random } = chosen ?? {};
  return {
    ...{ name, target, source: shownAddress(source) },
    ...(taken === undefined
      ? {}
      : {
          taken: {
            ...{ at: taken.at.toISOString(), from: taken.from },
            ageSeconds: Math.max(0, (Date.now() - taken.at.getTime()) / 1000),
          },
        }),
    ...(passedOver.length === 0 ? {} : { passedOver: passedOver.slice(0, MOST_TOLD) }),
    ...(random === undefined ? {} : { random }),
  };
}

/** The report of a drill that came to no verification. */
export function reportOfBadEnd(run: BeginningOfRun, end: BadEnd): Report {
  return reportOfEnd(endOfRun(run, end));
}

/** The end of a drill that had no time left. */
export function overTime({ phase }: BadEnd, limit: number): BadEnd {
  return {
    ...{ exitCode: EXIT.checkFailed, phase },
    cause: `the drill was ended because its budget of ${duration(limit)} was used up`,
    remedy: "find out what it waited for, or give it more time with --budget total=TIME",
  };
}

/** What to do after a drill that ended so. */
export function remedyFor({ exitCode, remedy }: BadEnd, hasBackup: boolean): string {
  if (exitCode > 128) return "run it again";
  if (exitCode === EXIT.environment) return `\`${programTyped()} doctor\` says what is needed`;
  return hasBackup ? remedy : "look whether backups are still taken and arrive";
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
