/** What results of many backups say together: how many of how many, which not and why, and how that went day by day. */
import { TOOL } from "../../../etcd/report/tool";
import type { Entry } from "../list";
import type { Result } from "../result";
import { LEVELS } from "../words";

/** A result without its own report: what a report over all keeps of it. */
export type ShortResult = Omit<Result, "report">;

/** A place that was looked through. */
export interface SearchedPlace {
  readonly name: string;
  /** How many files or objects lie there, whatever they are. */
  readonly files: number;
  /** How many of them are called like a result. */
  readonly results: number;
}

/** `missing`: the list names it, and there is no result of it. */
export type RowVerdict = Result["verdict"] | "missing";

/** One backup, by its newest result. */
export interface FleetRow {
  readonly name: string;
  readonly source: string;
  readonly verdict: RowVerdict;
  /** Why it is not good, in one line. */
  readonly reason?: string;
  readonly failed: readonly string[];
  readonly level?: Result["level"];
  /** ISO 8601, UTC; absent where there is no result. */
  readonly endedAt?: string;
  readonly seconds?: number;
  readonly bytes?: number;
  readonly keys?: number;
  readonly sha256?: string;
  readonly takenAt?: string;
  /** When it passed last, by any of its results. */
  readonly lastPass?: string;
}

/** The results of one day, in UTC. */
export interface Day {
  /** `2026-11-29` */
  readonly day: string;
  readonly pass: number;
  readonly restorable: number;
  readonly fail: number;
  readonly incomplete: number;
  readonly medianSeconds: number;
}

export interface FleetReport {
  readonly schemaVersion: 1;
  readonly tool: string;
  readonly madeAt: string;
  /** The worst of all; `restorable` when every one is good and not every one was restored. */
  readonly verdict: Result["verdict"];
  readonly backups: number;
  readonly counts: Readonly<Record<RowVerdict, number>>;
  /** What share of them passed within so many seconds, however they stand now. */
  readonly coverage: {
    readonly withinSeconds: number;
    readonly proved: number;
    readonly share: number;
  };
  /** Where results were looked for, and how many there are. */
  readonly places: readonly SearchedPlace[];
  /** Names of results that could not be read: what they said nobody knows. */
  readonly unreadable: readonly string[];
  readonly evidence: Evidence;
  /** The ten that took longest, by their newest result. */
  readonly slowest: readonly { readonly name: string; readonly seconds: number }[];
  /** The ten whose backup was taken longest ago. */
  readonly oldest: readonly { readonly name: string; readonly takenAt: string }[];
  /** The last 90 days on which there are results, the oldest first. */
  readonly trend: readonly Day[];
  /** In the list's order, else by name. */
  readonly rows: readonly FleetRow[];
}

/** What was checked of signatures and histories, and what is wrong. */
export interface Evidence {
  /** Every result that counts is signed by the key that was given. */
  readonly signed: boolean;
  readonly histories: readonly {
    readonly file: string;
    readonly lines: number;
    readonly head: string;
  }[];
  /** A sentence each: results that were altered, removed, or put in. */
  readonly problems: readonly string[];
}

export interface MergeOptions {
  /** All that should be there. @default those of which there is a result */
  readonly list?: readonly Entry[] | undefined;
  readonly unreadable: readonly string[];
  readonly places: readonly SearchedPlace[];
  readonly evidence: Evidence;
  /** For the coverage. */
  readonly withinSeconds: number;
  readonly now: Date;
}

const MOST_EXTREME = 10;
const MOST_DAYS = 90;

/** Puts results together; of several of one name the newest counts. */
export function fleetReport(results: readonly ShortResult[], options: MergeOptions): FleetReport {
  const { list, unreadable, places, evidence, withinSeconds, now } = options;
  const byName = groupedBy(results, ({ name }) => name);
  const wanted: readonly Pick<Entry, "name" | "source" | "level">[] =
    list ??
    [...byName].map(([name, [first]]) => ({ name, source: first?.source ?? "" })).sort(inOrder);
  const rows = wanted.map((entry) => rowOf(entry, byName.get(entry.name) ?? []));
  const counts = { pass: 0, restorable: 0, fail: 0, incomplete: 0, missing: 0 };
  for (const { verdict } of rows) counts[verdict] += 1;
  const since = new Date(now.getTime() - withinSeconds * 1000).toISOString();
  const proved = rows.filter(({ lastPass = "" }) => lastPass >= since).length;
  return {
    ...{ schemaVersion: 1, tool: TOOL, madeAt: now.toISOString() },
    verdict: verdictOf(counts, rows.length, unreadable.length + evidence.problems.length),
    ...{ backups: rows.length, counts },
    coverage: { withinSeconds, proved, share: rows.length === 0 ? 0 : proved / rows.length },
    ...{ places, unreadable, evidence },
    ...extremes(rows),
    trend: trendOf(results),
    rows,
  };
}

/** `Map.groupBy`, which Node.js 20 has not yet. */
function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

function inOrder(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function rowOf(
  { name, source, level }: Pick<Entry, "name" | "source" | "level">,
  results: readonly ShortResult[],
): FleetRow {
  const [newest] = results.toSorted((a, b) => (a.endedAt > b.endedAt ? -1 : 1));
  if (newest === undefined) {
    const reason = "there is no result of it";
    return { ...{ name, source, verdict: "missing", reason, failed: [] } };
  }
  const passes = results.filter(({ verdict }) => verdict === "pass").map(({ endedAt }) => endedAt);
  const lastPass = passes.toSorted().at(-1);
  const { backup, takenAt, endedAt, seconds, failed } = newest;
  return {
    ...{ name, source: newest.source, level: newest.level, failed, endedAt, seconds },
    ...judged(newest, level),
    ...(backup && { bytes: backup.bytes, keys: backup.keys, sha256: backup.sha256 }),
    ...(takenAt !== undefined && { takenAt }),
    ...(lastPass !== undefined && { lastPass }),
  };
}

/** Good at less than the list asks for is not good enough. */
function judged(
  { verdict, level, reason }: ShortResult,
  asked: Entry["level"],
): Pick<FleetRow, "verdict" | "reason"> {
  const isGood = verdict === "pass" || verdict === "restorable";
  if (isGood && asked !== undefined && LEVELS.indexOf(level) < LEVELS.indexOf(asked)) {
    return {
      verdict: "incomplete",
      reason: `good at level ${level}, and the list asks for ${asked}`,
    };
  }
  return { verdict, ...(reason !== undefined && { reason }) };
}

function verdictOf(
  { fail, incomplete, missing, restorable }: FleetReport["counts"],
  all: number,
  doubtful: number,
): FleetReport["verdict"] {
  if (fail > 0) return "fail";
  if (incomplete + missing + doubtful > 0 || all === 0) return "incomplete";
  return restorable > 0 ? "restorable" : "pass";
}

function extremes(rows: readonly FleetRow[]): Pick<FleetReport, "slowest" | "oldest"> {
  const timed = rows.flatMap(({ name, seconds }) =>
    seconds === undefined ? [] : [{ name, seconds }],
  );
  const taken = rows.flatMap(({ name, takenAt }) =>
    takenAt === undefined ? [] : [{ name, takenAt }],
  );
  return {
    slowest: timed.toSorted((a, b) => b.seconds - a.seconds).slice(0, MOST_EXTREME),
    oldest: taken.toSorted((a, b) => (a.takenAt < b.takenAt ? -1 : 1)).slice(0, MOST_EXTREME),
  };
}

function trendOf(results: readonly ShortResult[]): readonly Day[] {
  const days = [...groupedBy(results, ({ endedAt }) => endedAt.slice(0, 10))]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(-MOST_DAYS);
  return days.map(([day, all]) => {
    const count = (wanted: Result["verdict"]): number =>
      all.filter(({ verdict }) => verdict === wanted).length;
    const seconds = all.map((result) => result.seconds).toSorted((a, b) => a - b);
    return {
      ...{ day, pass: count("pass"), restorable: count("restorable"), fail: count("fail") },
      ...{ incomplete: count("incomplete"), medianSeconds: seconds[seconds.length >> 1] ?? 0 },
    };
  });
}

/** Those that are not good, the failed ones first. */
export function notGood(rows: readonly FleetRow[]): readonly FleetRow[] {
  const order: readonly RowVerdict[] = ["fail", "incomplete", "missing"];
  return order.flatMap((wanted) => rows.filter(({ verdict }) => verdict === wanted));
}

/** A share as people read it, rounded down: 4,999 of 5,000 are not all. */
export function percent(share: number): string {
  return `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;
}
