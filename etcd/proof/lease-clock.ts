/** Whether a lease of the backup can have run out by now. etcd stores no expiry time: each starts anew at the restore. */
import type { Snapshot } from "../snapshot/snapshot";

/** What is known of the time since the restore, in seconds. */
export interface LeaseClock {
  /** Since the store was restored, as whoever restored it says. */
  readonly sinceRestore?: number | undefined;
  /** Since the server's process began, as it says. */
  readonly uptime?: number | undefined;
  /** The raft term: 2 in the first run of a restored store, and one more for each start or election after that. */
  readonly raftTerm: number;
  /** The longest that a lease which is still there has been running. */
  readonly oldestLease: number;
}

/** Clocks tell whole seconds, and a process begins a moment before it notes the time. */
const SLACK_SECONDS = 2;
const FIRST_TERM = 2;

/**
 * `no`: it was revoked by somebody. `unknown`: the server was started again since, and nobody says when it was restored.
 *
 * The clock of a lease runs from the restore at the earliest, so a lease cannot have run out before its whole TTL is over.
 */
export function canHaveRunOut(ttlSeconds: number, clock: LeaseClock): "yes" | "no" | "unknown" {
  const { uptime, oldestLease } = clock;
  const sinceRestore = secondsSinceRestore(clock);
  if (sinceRestore !== undefined) {
    return sinceRestore + SLACK_SECONDS >= ttlSeconds ? "yes" : "no";
  }
  return Math.max(uptime ?? 0, oldestLease) + SLACK_SECONDS >= ttlSeconds ? "yes" : "unknown";
}

/** Undefined where nobody knows; a restore that is yet to come is told by a clock that cannot be trusted. */
export function secondsSinceRestore({ sinceRestore, uptime, raftTerm }: LeaseClock) {
  const told =
    sinceRestore !== undefined && sinceRestore + SLACK_SECONDS >= 0 ? sinceRestore : undefined;
  const firstRun = raftTerm <= FIRST_TERM ? uptime : undefined;
  return told === undefined || firstRun === undefined
    ? (told ?? firstRun)
    : Math.min(told, firstRun);
}

/** The time that a lease of the backup has after a restore: what remained, where the source persisted that (lessor.go, `getRemainingTTL`). */
export function secondsOf(snapshot: Pick<Snapshot, "leases">, lease: bigint): number {
  const { ttlSeconds = 0, remainingTtlSeconds = 0 } = snapshot.leases.get(lease) ?? {};
  return remainingTtlSeconds > 0 ? remainingTtlSeconds : ttlSeconds;
}

/** As etcdctl prints it. */
export function leaseId(lease: bigint): string {
  return BigInt.asUintN(64, lease).toString(16).padStart(16, "0");
}
