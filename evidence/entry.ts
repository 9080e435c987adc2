/** What a history keeps of a drill, and what a history says of the drills so far. */
import type { Report } from "../etcd/report/report";
import type { DrillSummary, PastDrill } from "../etcd/report/drill-summary";
import { wasRead } from "../etcd/report/end";
import { confidenceText } from "./confidence";
import type { HistoryEntry } from "./history";

/** A report keeps so many drills for its picture: three months of nights. */
const RECENT = 90;

/** The line of a drill; undefined for a report that is not of one. */
export function entryOf(report: Report, exitCode: number): HistoryEntry | undefined {
  const { drill, snapshot, checks, ended } = report;
  if (drill === undefined) return undefined;
  const { sha256, bytes, keys, revision, hashKv, etcdVersion } = snapshot;
  const ids = (wanted: string): string[] =>
    checks.filter(({ verdict }) => verdict === wanted).map(({ id }) => id);
  const startedAt = new Date(report.startedAt);
  return {
    schemaVersion: 1,
    drill: drill.name,
    tool: report.tool,
    target: drill.target,
    level: report.level,
    startedAt: startedAt.toISOString(),
    endedAt: new Date(startedAt.getTime() + report.seconds * 1000).toISOString(),
    verdict: report.verdict,
    exitCode,
    seconds: report.seconds,
    phases: report.phases.map(({ name, seconds }) => ({ name, seconds })),
    failed: ids("fail"),
    notChecked: ids("not-checked"),
    ...(ended === undefined ? {} : { ended: { phase: ended.phase, reason: ended.reason } }),
    ...(wasRead(report)
      ? {
          backup: {
            ...{ sha256, bytes, keys, revision, hashKv, etcdVersion },
            ...(drill.taken === undefined ? {} : { takenAt: drill.taken.at }),
          },
        }
      : {}),
    ...(drill.random === undefined
      ? {}
      : { random: { seed: drill.random.seed, among: drill.random.among } }),
  };
}

/** When the last drill that passed ended; undefined when none has. */
export function lastPassOf(entries: readonly HistoryEntry[]): string | undefined {
  return entries.findLast(({ verdict }) => verdict === "pass")?.endedAt;
}

/** What a report tells of its history. */
export function historySummary(
  entries: readonly HistoryEntry[],
): NonNullable<DrillSummary["history"]> {
  const lastPass = lastPassOf(entries);
  const random = entries.filter((entry) => entry.random !== undefined);
  const good = random.filter(({ verdict }) => verdict === "pass").length;
  return {
    drills: entries.length,
    ...(lastPass === undefined ? {} : { lastPass }),
    ...(random.length === 0 ? {} : { statement: confidenceText(good, random.length) }),
    // What was only read took no restore: it has no place in a picture of them.
    recent: entries.flatMap(pastOf).slice(-RECENT),
  };
}

function pastOf({
  startedAt,
  level,
  verdict,
  seconds,
  backup,
}: HistoryEntry): readonly PastDrill[] {
  if (level === "file" || verdict === "restorable") return [];
  return [{ startedAt, verdict, seconds, ...(backup === undefined ? {} : { keys: backup.keys }) }];
}
