/** Which keys hang on which lease, and when they are gone from a restored store in which nobody renews them. */
import { prefixOf, printableKey } from "../wire/keys";
import type { Lease, Snapshot } from "../snapshot/snapshot";

/** A lease, what hangs on it, and when that is gone from a restored store to which nobody renews it. */
export interface LeaseCount {
  /** In hex, as etcdctl prints it. */
  readonly id: string;
  readonly ttlSeconds: number;
  /** After the restored server's start: each lease begins anew, a checkpointed one where it had come to. */
  readonly runsOutAfterSeconds: number;
  readonly keys: number;
  readonly prefixes: readonly string[];
}

/** The keys that are gone at the same time. */
export interface LeaseTime {
  readonly runsOutAfterSeconds: number;
  readonly leases: number;
  readonly keys: number;
  readonly prefixes: readonly string[];
}

/** Leases of the file, and what hangs on them. */
export interface LeaseCensus {
  /** How many leases there are. */
  readonly count: number;
  /** The soonest first; of very many ten thousand, those that keys hang on first. */
  readonly leases: readonly LeaseCount[];
  /** How many leases are not in the list. */
  readonly leasesLeftOut: number;
  /** Of the leases that keys hang on, the soonest first. */
  readonly byTime: readonly LeaseTime[];
  readonly leasedKeys: number;
  /** Keys that name a lease which the file does not hold: they stay. */
  readonly keysWithoutTheirLease: number;
}

/** `/registry/events/shop/`. */
const PREFIX_DEPTH = 3;
const PREFIXES_NAMED = 20;
/** A store may hold a million leases; nobody reads a list of more than these. */
const LEASES_LISTED = 10_000;

interface Counts {
  keys: number;
  readonly prefixes: Set<string>;
}

/** Counts which keys hang on which lease: in time and memory as leases and keys there are. */
export function countLeases({ live, leases }: Pick<Snapshot, "live" | "leases">): LeaseCensus {
  const used = new Map<bigint, Counts>();
  let keysWithoutTheirLease = 0;
  let leasedKeys = 0;
  for (let i = 0; i < live.count; i++) {
    const { lease } = live.metadata(i);
    if (lease === 0n) continue;
    leasedKeys += 1;
    let counts = used.get(lease);
    if (counts === undefined) {
      if (!leases.has(lease)) {
        keysWithoutTheirLease += 1;
        continue;
      }
      counts = { keys: 0, prefixes: new Set() };
      used.set(lease, counts);
    }
    counts.keys += 1;
    if (counts.prefixes.size < PREFIXES_NAMED) {
      const prefix = prefixOf(live.key(i).toString("latin1"), PREFIX_DEPTH);
      counts.prefixes.add(printableKey(Buffer.from(prefix, "latin1")));
    }
  }
  const listed = listLeases(leases, used);
  return {
    count: leases.size,
    leases: listed,
    leasesLeftOut: leases.size - listed.length,
    byTime: timesOf(leases, used),
    leasedKeys,
    keysWithoutTheirLease,
  };
}

function endOf({ ttlSeconds, remainingTtlSeconds }: Lease): number {
  return remainingTtlSeconds > 0 ? remainingTtlSeconds : ttlSeconds;
}

function listLeases(
  leases: ReadonlyMap<bigint, Lease>,
  used: ReadonlyMap<bigint, Counts>,
): readonly LeaseCount[] {
  const chosen = new Set<bigint>();
  for (const ids of [used.keys(), leases.keys()]) {
    for (const id of ids) {
      if (chosen.size === LEASES_LISTED) break;
      chosen.add(id);
    }
  }
  // In the order of the file, whatever hangs on them: the sort below keeps it where times are equal.
  const list: LeaseCount[] = [];
  for (const [id, lease] of leases) {
    if (!chosen.has(id)) continue;
    const counts = used.get(id);
    list.push({
      id: BigInt.asUintN(64, id).toString(16),
      ttlSeconds: lease.ttlSeconds,
      runsOutAfterSeconds: endOf(lease),
      keys: counts?.keys ?? 0,
      prefixes: [...(counts?.prefixes ?? [])],
    });
  }
  return list.sort((a, b) => a.runsOutAfterSeconds - b.runsOutAfterSeconds);
}

function timesOf(
  leases: ReadonlyMap<bigint, Lease>,
  used: ReadonlyMap<bigint, Counts>,
): readonly LeaseTime[] {
  const times = new Map<number, { leases: number; keys: number; prefixes: Set<string> }>();
  for (const [id, counts] of used) {
    const lease = leases.get(id);
    if (lease === undefined) continue;
    const end = endOf(lease);
    const time = times.get(end) ?? { leases: 0, keys: 0, prefixes: new Set<string>() };
    times.set(end, time);
    time.leases += 1;
    time.keys += counts.keys;
    for (const prefix of counts.prefixes) {
      if (time.prefixes.size < PREFIXES_NAMED) time.prefixes.add(prefix);
    }
  }
  return [...times]
    .map(([runsOutAfterSeconds, { prefixes, ...sums }]) => ({
      runsOutAfterSeconds,
      ...sums,
      prefixes: [...prefixes],
    }))
    .sort((a, b) => a.runsOutAfterSeconds - b.runsOutAfterSeconds);
}
