/** The keys of the bucket `key`: revisions (etcd `server/storage/mvcc/revision.go`). */
import type { SnapshotErrorKind } from "./snapshot-error";

/** The key of a record of this revision in the bucket `key`: 17 bytes (etcd `server/storage/mvcc/revision.go`). */
export function revisionKey(main: number, sub = 0): Buffer {
  const key = Buffer.alloc(17);
  key.writeBigUInt64BE(BigInt(main), 0);
  key.write("_", 8);
  key.writeBigUInt64BE(BigInt(sub), 9);
  return key;
}

const NEGATIVE = 2n ** 63n;

/** What to say of a revision above 2^53, which JavaScript's numbers do not count exactly. */
export function describeGreatRevision(main: bigint): {
  readonly problem: string;
  readonly kind: SnapshotErrorKind;
} {
  if (main >= NEGATIVE) {
    return {
      problem: `revision ${BigInt.asIntN(64, main)} is negative, and etcd panics on it`,
      kind: "damaged",
    };
  }
  return {
    problem:
      `revision ${main} is beyond 2^53 (${Number.MAX_SAFE_INTEGER}), as a restore with --bump-revision can make it: etcd ` +
      "serves it, but this program cannot count it exactly",
    kind: "limit",
  };
}
