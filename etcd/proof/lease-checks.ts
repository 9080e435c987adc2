/** What the backup foretells: leases start anew at a restore and then run out, and their keys go with them. */
import { counted } from "../wire/figures";
import type { Check } from "../report/report";
import type { Snapshot } from "../snapshot/snapshot";
import type { EtcdClient } from "../client/etcd-client";
import type { Answer, Since } from "./server-facts";

/** Leases whose TTL is asked for one by one; a call takes about a third of a millisecond. */
const LEASES_ASKED = 1000;
/**
 * An etcd raises a lease's TTL to one and a half of its election timeout (`lessor.minTTL`), which is 50 s at most
 * (`embed.Config.Validate`).
 */
const GREATEST_MINIMUM_SECONDS = 75;

/** A lease whose TTL at the server is not the backup's. */
export interface TtlDifference {
  readonly lease: bigint;
  readonly expectedSeconds: number;
  readonly foundSeconds: number;
}

/** What `compareTtls` found. */
export interface TtlComparison {
  readonly asked: number;
  readonly differences: readonly TtlDifference[];
}

const IN_USE = "the store was in use since it was restored, and is not restored over";

/** The comparison of no lease at all. */
export const NO_TTLS: TtlComparison = { asked: 0, differences: [] };

/** Compares the TTL of the backup's leases that the server still has; of the first 1,000 when there are more. */
export async function compareTtls(
  client: EtcdClient,
  snapshot: Snapshot,
  { goneLeases }: Since,
): Promise<TtlComparison> {
  const differences: TtlDifference[] = [];
  const present = [...snapshot.leases].filter(([id]) => !goneLeases.has(id)).slice(0, LEASES_ASKED);
  for (const [lease, { ttlSeconds }] of present) {
    const foundSeconds = await client.grantedTtl(lease);
    // -1: it ran out since we listed them.
    if (foundSeconds !== -1 && foundSeconds !== ttlSeconds) {
      differences.push({ lease, expectedSeconds: ttlSeconds, foundSeconds });
    }
  }
  return { asked: present.length, differences };
}

/** The store has moved on since the backup's revision only as its leases foretell. */
export function revisionCheck(
  snapshot: Snapshot,
  since: Answer<Since>,
  differingNow: number,
  inUse: boolean,
): Check {
  const check = { id: "revision", title: "Revision of the store now", source: "file" };
  const expected = String(snapshot.revision);
  if ("refused" in since) {
    return { ...check, verdict: "not-checked", expected, reason: since.refused };
  }
  const { revision, explained } = since.value;
  const found = String(revision);
  if (revision < snapshot.revision) {
    const reason = "the server has not even come to the backup's revision: it is another store";
    return { ...check, verdict: "fail", expected, found, reason };
  }
  if (revision === snapshot.revision) {
    return { ...check, verdict: "pass", expected, found };
  }
  if (explained) {
    const reason = ranOut(snapshot, since.value);
    return { ...check, verdict: "explained", expected, found, reason };
  }
  if (inUse) {
    return { ...check, verdict: "explained", expected, found, reason: IN_USE };
  }
  const reason =
    "somebody wrote after the backup's revision, which no lease of it explains; " +
    `not as in the backup now: ${counted(differingNow, "key")}`;
  return { ...check, verdict: "fail", expected, found, reason };
}

/**
 * Each lease of the backup is there with its TTL, or has run out and its keys with it. Of a store that is `inUse`,
 * leases may have come and gone, but none has another TTL.
 */
export function leasesCheck(
  snapshot: Snapshot,
  since: Answer<Since>,
  ttls: TtlComparison,
  inUse: boolean,
): Check {
  const check = { id: "leases", title: "Leases", source: "file" };
  const expected = String(snapshot.leases.size);
  if ("refused" in since) {
    return { ...check, verdict: "not-checked", expected, reason: since.refused };
  }
  const { goneLeases, newLeases, explained } = since.value;
  const present = snapshot.leases.size - goneLeases.size;
  const checked = { ...check, expected, found: String(present + newLeases.length) };
  const wrong = ttls.differences.filter(
    ({ foundSeconds, expectedSeconds }) =>
      foundSeconds < expectedSeconds || foundSeconds > GREATEST_MINIMUM_SECONDS,
  );
  if (wrong[0]) {
    const { lease, expectedSeconds, foundSeconds } = wrong[0];
    const reason = `${counted(wrong.length, "lease")} with another TTL, the first is ${leaseId(lease)}: ${foundSeconds} s, in the file ${expectedSeconds} s`;
    return { ...checked, verdict: "fail", reason };
  }
  if (inUse && newLeases.length + goneLeases.size > 0) {
    return { ...checked, verdict: "explained", reason: IN_USE };
  }
  if (newLeases.length > 0) {
    const reason = `${counted(newLeases.length, "lease")} not of the backup, the first is ${leaseId(newLeases[0] ?? 0n)}`;
    return { ...checked, verdict: "fail", reason };
  }
  if (goneLeases.size > 0) {
    return explained
      ? { ...checked, verdict: "explained", reason: ranOut(snapshot, since.value) }
      : {
          ...checked,
          verdict: "fail",
          reason: `gone: ${counted(goneLeases.size, "lease")}; but the keys that are left do not fit to that`,
        };
  }
  const longer = ttls.differences[0];
  if (longer) {
    const reason = `this etcd raises a TTL below its minimum: ${leaseId(longer.lease)} has ${longer.foundSeconds} s, in the file ${longer.expectedSeconds} s`;
    return { ...checked, verdict: "explained", reason };
  }
  const some = snapshot.leases.size > ttls.asked;
  return {
    ...checked,
    verdict: "pass",
    ...(some && { reason: `the TTL of the first ${ttls.asked} was compared` }),
  };
}

function ranOut(snapshot: Snapshot, { goneLeases, goneKeys }: Since): string {
  const ttls = [...goneLeases].map((id) => snapshot.leases.get(id)?.ttlSeconds ?? 0);
  const [shortest, longest] = [Math.min(...ttls), Math.max(...ttls)];
  const span = shortest === longest ? `${shortest} s` : `${shortest} to ${longest} s`;
  return (
    `ran out after the restore: ${counted(goneLeases.size, "lease")} of ${span}, and with that ` +
    `${counted(goneKeys, "key")}; at revision ${snapshot.revision} all are there`
  );
}

/** As etcdctl prints it. */
function leaseId(lease: bigint): string {
  return BigInt.asUintN(64, lease).toString(16).padStart(16, "0");
}
