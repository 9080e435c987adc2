/** What the backup foretells: leases start anew at a restore and then run out, and their keys go with them. */
import { counted } from "../wire/figures";
import type { Check } from "../report/report";
import type { Snapshot } from "../snapshot/snapshot";
import type { EtcdClient } from "../client/etcd-client";
import { leaseId } from "./lease-clock";
import type { Answer } from "./server-facts";
import type { Excuse, Since } from "./since";

/** Leases whose TTL is asked for one by one; a call takes about a third of a millisecond. */
const LEASES_ASKED = 1000;
/** Not longer than this: a slow server is asked for fewer. */
const ASKING_MS = 20_000;
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
  /** The longest that one of them has been running, in seconds. */
  readonly oldest: number;
}

export const IN_USE = "the store was in use since it was restored, and is not restored over";

/** The comparison of no lease at all. */
export const NO_TTLS: TtlComparison = { asked: 0, differences: [], oldest: 0 };

/** Compares the TTL of the backup's leases that the server still has; of the first 1,000 when there are more. */
export async function compareTtls(
  client: EtcdClient,
  snapshot: Snapshot,
  { goneLeases }: Since,
): Promise<TtlComparison> {
  const differences: TtlDifference[] = [];
  const until = performance.now() + ASKING_MS;
  let asked = 0;
  let oldest = 0;
  for (const [lease, { ttlSeconds }] of snapshot.leases) {
    if (goneLeases.has(lease)) continue;
    if (asked === LEASES_ASKED || (asked > 0 && performance.now() > until)) break;
    asked += 1;
    const time = await client.leaseTime(lease);
    // Undefined: it ran out since we listed them.
    if (time === undefined) continue;
    oldest = Math.max(oldest, time.granted - time.remaining);
    if (time.granted !== ttlSeconds) {
      differences.push({ lease, expectedSeconds: ttlSeconds, foundSeconds: time.granted });
    }
  }
  return { asked, differences, oldest };
}

/** The store has moved on since the backup's revision only as its leases foretell. */
export function revisionCheck(
  snapshot: Snapshot,
  since: Answer<Since>,
  excuse: Excuse,
  inUse: boolean,
): Check {
  const check = { id: "revision", title: "Revision of the store now", source: "file" };
  const expected = String(snapshot.revision);
  if ("refused" in since) {
    return { ...check, verdict: "not-checked", expected, reason: since.refused };
  }
  const { revision } = since.value;
  const found = String(revision);
  if (revision < snapshot.revision) {
    const reason = "the server has not even come to the backup's revision: it is another store";
    return { ...check, verdict: "fail", expected, found, reason };
  }
  if (revision === snapshot.revision) {
    return { ...check, verdict: "pass", expected, found };
  }
  if (inUse && excuse.holds !== "yes") {
    return { ...check, verdict: "explained", expected, found, reason: IN_USE };
  }
  return { ...check, verdict: VERDICTS[excuse.holds], expected, found, reason: excuse.reason };
}

const VERDICTS = { yes: "explained", no: "fail", unknown: "not-checked" } as const;

/**
 * Each lease of the backup is there with its TTL, or has run out and its keys with it. Of a store that is `inUse`,
 * leases may have come and gone, but none has another TTL.
 */
export function leasesCheck(
  snapshot: Snapshot,
  since: Answer<Since>,
  excuse: Excuse,
  ttls: TtlComparison,
  inUse: boolean,
): Check {
  const check = { id: "leases", title: "Leases", source: "file" };
  const expected = String(snapshot.leases.size);
  if ("refused" in since) {
    return { ...check, verdict: "not-checked", expected, reason: since.refused };
  }
  const { goneLeases, newLeases } = since.value;
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
    return { ...checked, verdict: VERDICTS[excuse.holds], reason: excuse.reason };
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
