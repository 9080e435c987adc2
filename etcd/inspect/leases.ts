import { prefixOf, printableKey } from "../wire/keys";
import type { Snapshot } from "../snapshot/snapshot";

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

/** Leases of the file, the soonest first. */
export interface LeaseCensus {
  readonly leases: readonly LeaseCount[];
  readonly leasedKeys: number;
  /** Keys that name a lease which the file does not hold: they stay. */
  readonly keysWithoutTheirLease: number;
}

/** `/registry/events/shop/`. */
const PREFIX_DEPTH = 3;
const PREFIXES_NAMED = 20;

/** Counts which keys hang on which lease. */
export function countLeases({ live, leases }: Pick<Snapshot, "live" | "leases">): LeaseCensus {
  const found = new Map(
    [...leases.keys()].map((id) => [id, { keys: 0, prefixes: new Set<string>() }]),
  );
  let keysWithoutTheirLease = 0;
  let leasedKeys = 0;
  for (let i = 0; i < live.count; i++) {
    const { lease } = live.metadata(i);
    if (lease === 0n) continue;
    leasedKeys += 1;
    const counts = found.get(lease);
    if (counts === undefined) {
      keysWithoutTheirLease += 1;
      continue;
    }
    counts.keys += 1;
    if (counts.prefixes.size < PREFIXES_NAMED) {
      const prefix = prefixOf(live.key(i).toString("latin1"), PREFIX_DEPTH);
      counts.prefixes.add(printableKey(Buffer.from(prefix, "latin1")));
    }
  }
  const list = [...leases].map(([id, { ttlSeconds, remainingTtlSeconds }]): LeaseCount => ({
    id: BigInt.asUintN(64, id).toString(16),
    ttlSeconds,
    runsOutAfterSeconds: remainingTtlSeconds > 0 ? remainingTtlSeconds : ttlSeconds,
    keys: found.get(id)?.keys ?? 0,
    prefixes: [...(found.get(id)?.prefixes ?? [])],
  }));
  return {
    leases: list.sort((a, b) => a.runsOutAfterSeconds - b.runsOutAfterSeconds),
    leasedKeys,
    keysWithoutTheirLease,
  };
}
