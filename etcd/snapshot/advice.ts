/** What to do about a file that cannot be read: behind every error of the reader, by its kind and what the file is. */
import { createHash } from "node:crypto";

import { wentThroughTerminal } from "./copied-as-text";
import { readFully, type SourceFile } from "./file";
import type { SnapshotError } from "./snapshot-error";

const SHA256_BYTES = 32;
/** Where a database ends and a sha256 follows, as etcd itself tells it (`etcdutl/snapshot/v3_snapshot.go`, `hasChecksum`). */
const SECTOR = 512;
const CHUNK_BYTES = 1 << 20;

/** The error with advice behind it. Reads the file once more where that tells who damaged it. */
export function withAdvice(error: SnapshotError, source: SourceFile): SnapshotError {
  switch (error.kind) {
    case "damaged":
      return error.advised(ofDamage(source));
    case "cut":
      return error.advised(ofLength(source));
    case "changed":
      return error.advised("Read it again when nobody writes to it");
    case "limit":
      return error.advised(
        "`etcdutl snapshot restore` and etcd itself can still restore it, without the proof of this program",
      );
    case "unreadable":
    case "foreign":
    case "no-key-bucket":
      return error;
  }
}

function ofLength(source: SourceFile): string {
  const part = Buffer.alloc(Math.min(CHUNK_BYTES, source.size));
  readFully(source, part, 0);
  const why = wentThroughTerminal(part);
  if (why !== undefined) return why.charAt(0).toUpperCase() + why.slice(1);
  return "Fetch it again from where it was stored, or use an older backup";
}

function ofDamage(source: SourceFile): string {
  if (source.size % SECTOR !== SHA256_BYTES) {
    return (
      "It has no sha256 at its end, so it is no snapshot but a copy of a database file, probably copied while etcd was " +
      `writing to it: take a backup with \`etcdctl snapshot save\``
    );
  }
  return isAsWritten(source)
    ? `The sha256 at its end is that of its content, so it was saved like this: the database of the member that it was taken from is damaged. Take a backup from another member, or use an older one`
    : `The sha256 at its end is not that of its content: fetch it again from where it was stored, or use an older backup`;
}

function isAsWritten(source: SourceFile): boolean {
  const end = source.size - SHA256_BYTES;
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end));
  try {
    for (let at = 0; at < end; at += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, end - at));
      readFully(source, part, at);
      hash.update(part);
    }
    const stated = Buffer.alloc(SHA256_BYTES);
    readFully(source, stated, end);
    return hash.digest().equals(stated);
  } catch {
    // It shrank meanwhile; then it is not what was written either.
    return false;
  }
}
