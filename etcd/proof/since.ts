/** What became of the store after the backup's revision, and whether leases that ran out are the whole of it. */
import { setTimeout as delay } from "node:timers/promises";

import type { EtcdClient } from "../client/etcd-client";
import { counted, duration } from "../wire/figures";
import type { Snapshot } from "../snapshot/snapshot";
import {
  canHaveRunOut,
  leaseId,
  secondsOf,
  secondsSinceRestore,
  type LeaseClock,
} from "./lease-clock";
import { ALL_KEYS, type Plan } from "./plan";

/** The store as it is now. */
export interface Since {
  readonly revision: number;
  readonly keys: number;
  /** The backup's leases that the server no longer has. */
  readonly goneLeases: ReadonlySet<bigint>;
  /** How many live keys of the backup hung on them. */
  readonly goneKeys: number;
  /** Leases that the backup does not know. */
  readonly newLeases: readonly bigint[];
  /**
   * Whether the gone leases account for every later revision and for the number of keys.
   *
   * etcd deletes all keys of a lease in one revision, and makes none for a lease without keys (`lessor.Revoke`).
   */
  readonly fits: boolean;
}

const LOOKS = 5;

/** Looks at the store as it is now; again when it changed while we looked. */
export async function gatherSince(
  client: EtcdClient,
  snapshot: Snapshot,
  plan: Plan,
): Promise<Since> {
  for (let look = 1; ; look += 1) {
    const leases = await client.leases();
    const keys = await client.count(ALL_KEYS, leases.revision);
    const still = (await client.status()).revision === leases.revision;
    const known = new Set(leases.ids);
    const goneLeases = new Set([...snapshot.leases.keys()].filter((id) => !known.has(id)));
    const withKeys = [...goneLeases].filter((id) => plan.keysByLease.has(id));
    const goneKeys = withKeys.reduce((sum, id) => sum + (plan.keysByLease.get(id) ?? 0), 0);
    const fits =
      leases.revision - snapshot.revision === withKeys.length &&
      snapshot.live.count - keys === goneKeys;
    // A lease disappears from the list a moment before its keys do.
    if ((still && fits) || look === LOOKS) {
      const newLeases = leases.ids.filter((id) => !snapshot.leases.has(id));
      return { revision: leases.revision, keys, goneLeases, goneKeys, newLeases, fits };
    }
    await delay(100);
  }
}

/** Whether leases that ran out explain what the store is now. */
export interface Excuse {
  readonly holds: "yes" | "no" | "unknown";
  readonly reason: string;
}

/**
 * An excuse holds in time, key by key and by the revision: every lease that is gone can have run out by now, exactly the
 * keys of those are missing, no other key was touched, and there is one revision for each lease that had keys.
 * @param differingNow keys that are not as in the backup at the store's present revision, without those of `goneLeases`
 */
export function excuseOf(
  snapshot: Snapshot,
  since: Since,
  clock: LeaseClock,
  differingNow: number,
): Excuse {
  const by = { no: [] as bigint[], unknown: [] as bigint[], yes: [] as bigint[] };
  for (const lease of since.goneLeases) {
    by[canHaveRunOut(secondsOf(snapshot, lease), clock)].push(lease);
  }
  const [early] = by.no;
  if (early !== undefined) {
    const after = Math.max(0, secondsSinceRestore(clock) ?? 0);
    const reason =
      `gone before they can have run out: ${counted(by.no.length, "lease")}; the first is ${leaseId(early)}, of ` +
      `${secondsOf(snapshot, early)} s, ${duration(after)} after the restore: somebody revoked it`;
    return { holds: "no", reason };
  }
  const moved = since.revision !== snapshot.revision;
  if (!since.fits || differingNow > 0) {
    const reason = moved
      ? "somebody wrote after the backup's revision, which no lease of it explains; " +
        `not as in the backup now: ${counted(differingNow, "key")}`
      : "the keys that are there now do not fit to the leases that are";
    return { holds: "no", reason };
  }
  const [unclear] = by.unknown;
  if (unclear !== undefined) {
    const up = clock.uptime === undefined ? "" : `, and runs for ${duration(clock.uptime)} now`;
    const reason =
      `gone: ${counted(by.unknown.length, "lease")}, the first is ${leaseId(unclear)}, of ${secondsOf(snapshot, unclear)} s; ` +
      `whether it ran out or was revoked cannot be told: nobody says when the store was restored` +
      (clock.raftTerm > 2 ? `, the server was started again since${up}` : "");
    return { holds: "unknown", reason };
  }
  return { holds: "yes", reason: ranOut(snapshot, since) };
}

function ranOut(snapshot: Snapshot, { goneLeases, goneKeys }: Since): string {
  let shortest = Infinity;
  let longest = 0;
  for (const lease of goneLeases) {
    const seconds = secondsOf(snapshot, lease);
    shortest = Math.min(shortest, seconds);
    longest = Math.max(longest, seconds);
  }
  const span = shortest === longest ? `${shortest} s` : `${shortest} to ${longest} s`;
  return (
    `ran out after the restore: ${counted(goneLeases.size, "lease")} of ${span}, and with that ` +
    `${counted(goneKeys, "key")}; at revision ${snapshot.revision} all are there`
  );
}
