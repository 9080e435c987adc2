/** The report of a run that ended without a verification: every end leaves evidence of that run, and not of the one before. */
import type { Check, EndedRun, Phase, Report, RestoredSummary, VerificationLevel } from "./report";
import type { SnapshotSummary } from "../snapshot/judgement";
import { ranOn } from "./ran-on";
import { TOOL } from "./tool";

/** What is known of such a run. */
export interface EndOfRun extends EndedRun {
  /** `fail`: the backup or its restore is at fault. `incomplete`: nobody can tell (interrupted, no network, no program). */
  readonly verdict: "fail" | "incomplete";
  /** What was read of the backup; its name alone when it could not be read. */
  readonly snapshot: Pick<SnapshotSummary, "file"> & Partial<SnapshotSummary>;
  readonly level: VerificationLevel;
  /** When the command began. */
  readonly startedAt: Date;
  /** What was measured, up to the phase in which it ended. Default: nothing. */
  readonly phases?: readonly Phase[];
  /** Default: the run was for no stack. */
  readonly stack?: string | undefined;
  /** `https://HOST:PORT` of the etcd that was to be proved, where that was known. Default: it was not. */
  readonly endpoint?: string | undefined;
}

const UNREAD: Omit<SnapshotSummary, "file"> = {
  sha256: "",
  bytes: 0,
  revision: 0,
  compactRevision: 0,
  keys: 0,
  hashKv: 0,
  etcdVersion: "",
};
const NOT_ASKED: RestoredSummary = {
  endpoint: "",
  revision: 0,
  compactRevision: 0,
  keys: 0,
  hashKv: 0,
  etcdVersion: "",
  clusterId: "",
};

/** The report of a run that ends now; its one check, `run`, names the reason. Write it with `writeReports`. */
export function reportOfEnd(end: EndOfRun): Report {
  const { verdict, phase, reason, level, startedAt, phases = [], stack, endpoint = "" } = end;
  const check: Check = {
    id: "run",
    title: "The run came to its verification",
    verdict: verdict === "fail" ? "fail" : "not-checked",
    expected: "a verification",
    found: `ended in the phase ${phase}`,
    reason,
  };
  return {
    schemaVersion: 1,
    tool: TOOL,
    verdict,
    level,
    ...(stack !== undefined && { stack }),
    ranOn: ranOn(),
    ended: { phase, reason },
    startedAt: startedAt.toISOString(),
    seconds: wallClock(startedAt, phases),
    snapshot: { ...UNREAD, ...end.snapshot },
    restored: { ...NOT_ASKED, endpoint },
    phases,
    checks: [check],
    differences: { total: 0, byPrefix: [], keys: [], details: [] },
  };
}

/**
 * Seconds since a run began, to the millisecond: at least those of its phases, whose clocks are others' (a machine's over
 * SSH), so that no report adds up to more than it says.
 */
export function wallClock(startedAt: Date, phases: readonly Phase[]): number {
  const milliseconds = phases.reduce((sum, phase) => sum + Math.round(phase.seconds * 1000), 0);
  return Math.max(Date.now() - startedAt.getTime(), milliseconds) / 1000;
}

/** Whether the backup was read to its end, so that its figures mean something. */
export function wasRead({ snapshot }: Pick<Report, "snapshot">): boolean {
  return snapshot.sha256 !== "";
}

/** The level that a setting names; a wrong one is refused by who checks all settings. */
export function levelNamed(text: string | undefined): VerificationLevel {
  return text === "quick" || text === "standard" ? text : "full";
}
