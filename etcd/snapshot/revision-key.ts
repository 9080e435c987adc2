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

const REVISION_BYTES = 17;

/**
 * Whether some bytes have the form of such a key: 8 bytes main, `_`, 8 bytes sub, and `t` behind a tombstone's.
 * @param start where in `bytes` they begin; all of them must lie in it
 */
export function isRevisionKey(bytes: Buffer, start: number, length: number): boolean {
  return (
    (length === REVISION_BYTES ||
      (length === REVISION_BYTES + 1 && bytes[start + REVISION_BYTES] === 0x74)) &&
    bytes[start + 8] === 0x5f &&
    bytes.readUInt32BE(start + 9) === 0
  );
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
