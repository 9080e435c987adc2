/** Shards of equal work for a list of backups of known sizes, and what a pod needs that does one of them. */
import { EXIT, UserError } from "../../outcome";
import type { Entry } from "../list";
import type { Level } from "../words";
import type { Sized } from "./sizes";
import { wholeMiB } from "./quantity";
import { workOf, type Work } from "./work";

export interface PlannedEntry extends Sized, Work {
  readonly level: Level;
  /** From 0. */
  readonly shard: number;
}

/** What one pod of a Job is given. */
export interface Pod {
  readonly cores: number;
  /** Whole MiB, as it is asked of Kubernetes. */
  readonly memoryBytes: number;
  /** Whole MiB. */
  readonly diskBytes: number;
}

export interface Plan {
  /** In the list's order. */
  readonly entries: readonly PlannedEntry[];
  /** By number. */
  readonly shards: readonly {
    readonly backups: number;
    readonly bytes: number;
    readonly coreSeconds: number;
    /** Wall time on the cores of its pod. */
    readonly seconds: number;
  }[];
  readonly pod: Pod;
  readonly coreHours: number;
  /** Until the last shard has ended, when all run at the same time. */
  readonly seconds: number;
}

export interface PlanOptions {
  /** Where an entry does not say it. */
  readonly level: Level;
  /** Of a pod; as many backups are at work in it. */
  readonly cores: number;
  readonly shards?: number | undefined;
  /** Seconds in which it should be done: decides how many shards there are, where nobody says it. */
  readonly within: number;
}

/** The process that gives the work out, and its connections. */
const PARENT_BYTES = 256 * 2 ** 20;
/** Forecasts are forecasts. */
const MARGIN = 1.2;
/** A Job has no more indices than this. */
const MOST_SHARDS = 100_000;

/**
 * The largest first, each to the shard that has least to do (Graham's LPT rule: at most a third above the best there is).
 * An entry that names its shard keeps it.
 */
export function planOf(sized: readonly Sized[], options: PlanOptions): Plan {
  const { cores } = options;
  const wanted = sized.map((one) => {
    const level = one.entry.level ?? options.level;
    return { ...one, level, ...workOf(one.bytes, level) };
  });
  const all = wanted.reduce((sum, { coreSeconds }) => sum + coreSeconds, 0);
  const count = options.shards ?? shardsFor(wanted, all, options);
  const loads = Array.from({ length: count }, () => 0);
  const shardOf = new Map<Entry, number>();
  const give = ({ entry, coreSeconds }: (typeof wanted)[number], shard: number): void => {
    loads[shard] = (loads[shard] ?? 0) + coreSeconds;
    shardOf.set(entry, shard);
  };
  for (const one of wanted)
    if (one.entry.shard !== undefined) give(one, ownShard(one.entry, count));
  const free = wanted.filter(({ entry }) => entry.shard === undefined);
  for (const one of free.toSorted((a, b) => b.coreSeconds - a.coreSeconds)) {
    give(one, leastOf(loads));
  }
  const entries = wanted.map((one) => ({ ...one, shard: shardOf.get(one.entry) ?? 0 }));
  const shards = loads.map((coreSeconds, at) => {
    const own = entries.filter(({ shard }) => shard === at);
    const longest = Math.max(0, ...own.map(({ seconds }) => seconds));
    return {
      ...{ backups: own.length, coreSeconds },
      bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
      seconds: Math.max(coreSeconds / cores, longest),
    };
  });
  return {
    ...{ entries, shards, pod: podFor(entries, cores), coreHours: all / 3600 },
    seconds: Math.max(0, ...shards.map(({ seconds }) => seconds)),
  };
}

function ownShard({ shard = 0, name, line }: Entry, count: number): number {
  if (shard < count) return shard;
  throw new UserError(
    EXIT.usage,
    `the list says in line ${line} that ${JSON.stringify(name)} is of shard ${shard}, and there are to be ${count}, from 0; take ` +
      "the field out, or plan more with --shards",
  );
}

function shardsFor(
  wanted: readonly (Work & { readonly entry: Entry })[],
  coreSeconds: number,
  { cores, within }: PlanOptions,
): number {
  const bySettled = Math.max(0, ...wanted.map(({ entry }) => (entry.shard ?? -1) + 1));
  const needed = Math.max(1, bySettled, Math.ceil(coreSeconds / (cores * within)));
  return Math.min(needed, Math.max(bySettled, wanted.length), MOST_SHARDS);
}

function leastOf(loads: readonly number[]): number {
  return loads.reduce((least, load, at) => (load < (loads[least] ?? 0) ? at : least), 0);
}

/** Enough for the largest that may meet in one pod. */
function podFor(entries: readonly PlannedEntry[], cores: number): Pod {
  const largest = (of: (one: PlannedEntry) => number): number =>
    entries
      .map(of)
      .toSorted((a, b) => b - a)
      .slice(0, cores)
      .reduce((sum, bytes) => sum + bytes, 0);
  return {
    cores,
    memoryBytes: wholeMiB(PARENT_BYTES + MARGIN * largest(({ memoryBytes }) => memoryBytes)),
    diskBytes: wholeMiB(MARGIN * largest(({ diskBytes }) => diskBytes)),
  };
}
