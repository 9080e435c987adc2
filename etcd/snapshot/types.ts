/** What the reader is told and what it gives: the types that everybody else sees. */
import type { Auth } from "./auth";

/** How `readSnapshot` is told to stop, and how it tells where it is. */
export interface ReadOptions {
  /** Ends the reading: the promise rejects with the signal's reason and nothing stays behind. */
  readonly signal?: AbortSignal;
  /** Whether a digest of each record is kept, to compare a server's answers with. Default: true. */
  readonly digests?: boolean;
  /** Told after each stretch of the file, about twenty times a second, and once at the end. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** The 32 bytes of SHA-256 that `etcdctl snapshot save` appends to the database. */
export type Trailer = "matches" | "differs" | "absent";

/** A member as the snapshot's source knew it (bucket `members`). */
export interface Member {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** A lease as stored. etcd stores no expiry time: after a restore each lease starts anew. */
export interface Lease {
  readonly ttlSeconds: number;
  /** Greater than 0 only where the source persisted lease checkpoints. */
  readonly remainingTtlSeconds: number;
}

/** An alarm that was raised when the snapshot was taken. */
export interface Alarm {
  readonly memberId: bigint;
  /** `NOSPACE`, `CORRUPT`, or `unknown (N)` for a number that this reader does not know. */
  readonly alarm: string;
}

/** An etcd snapshot file that was read once from end to end and found whole. */
export interface Snapshot {
  readonly file: string;
  /** Size of the file, the trailer included. */
  readonly bytes: number;
  /** SHA-256 of the whole file in hex, as `sha256sum FILE` prints it. */
  readonly sha256: string;
  readonly trailer: Trailer;
  /** What the trailer says, in hex; absent when there is none. */
  readonly trailerSha256?: string;
  /** SHA-256 of the database without the trailer, in hex: what the trailer should say. */
  readonly contentSha256: string;

  readonly pageSize: number;
  /** Pages of the file, up to bbolt's high-water mark. */
  readonly pages: number;
  /** Pages that nothing refers to. */
  readonly freePages: number;
  /** Set when one of the two meta pages is damaged and the other was used. */
  readonly badMetaPage?: 0 | 1;

  /** The store's revision as a server computes it: greatest of last record and compaction marks, at least 1. */
  readonly revision: number;
  /** Of the last record in the bucket `key`; before `revision` where a compaction took the last ones. 0: no record. */
  readonly lastRecordRevision: number;
  /** 0: never scheduled. */
  readonly scheduledCompactRevision: number;
  /** 0: never finished. */
  readonly finishedCompactRevision: number;
  /** The greater of the two marks above: what a server compacts to when it starts. 0: never. */
  readonly compactRevision: number;
  /** Entries of the bucket `key`: every kept version of every key, tombstones included. */
  readonly records: number;
  /** Records without a key, as `etcdutl snapshot restore --bump-revision` adds one. */
  readonly placeholders: number;

  /** Written by etcd 3.6 and later, for example `3.6.0`. */
  readonly storageVersion?: string;
  readonly clusterVersion?: string;
  /** Set while a downgrade of the cluster is under way: the version that it goes to, which a restored cluster goes on with. */
  readonly downgradeTo?: string;
  readonly term?: number;
  readonly consistentIndex?: number;
  readonly members: readonly Member[];
  readonly removedMembers: readonly bigint[];
  readonly leases: ReadonlyMap<bigint, Lease>;
  readonly alarms: readonly Alarm[];
  readonly auth: Auth;
  /** Grows with each change of users, roles or passwords; 0: never set. */
  readonly authRevision: number;

  /**
   * The hash that a server with this content gives for `maintenance/hashkv` (CRC-32C, unsigned).
   *
   * Computed from the index; the file is not read again. Both sides must use the same two revisions.
   * @param revision hash of this revision. Default: the snapshot's.
   * @param compactRevision compaction mark to reckon with; give the one of the server's answer.
   *   -1 and 0 both mean never compacted. Default: the snapshot's.
   * @throws RangeError when `revision` is before `compactRevision` or after the snapshot's revision.
   */
  hashKv(revision?: number, compactRevision?: number): number;

  /** The keys that exist at `revision`, in key order. */
  readonly live: LiveKeys;

  /** Closes the file if `live.value` opened it. The index's memory goes with the snapshot itself. */
  close(): void;
}

/** What etcd knows about one live key, without its value. */
export interface KeyMetadata {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0n: no lease. */
  readonly lease: bigint;
  readonly valueBytes: number;
  /** Length of the stored `mvccpb.KeyValue`. */
  readonly storedBytes: number;
  /** CRC-32C of the stored `mvccpb.KeyValue`, unsigned. */
  readonly crc: number;
}

/** The live keys, numbered from 0 in the order of their bytes, as far as they can be known without hashing anything. */
export interface KeyReader {
  readonly count: number;
  /** A copy of key `i`. */
  key(i: number): Buffer;
  metadata(i: number): Omit<KeyMetadata, "crc">;
  /** Of key `i`, as `metadata` has it. */
  modRevision(i: number): number;
  /**
   * The value of key `i`, read again from the file.
   * @throws SnapshotError when the file is no longer the one that was read: where there is a CRC, the record's has to
   *   be the same, else its key.
   */
  value(i: number): Buffer;
  /**
   * The number of a key. When the key is not there: `-1 - n`, where `n` is the number of the first live key
   * after it (`count` if there is none).
   */
  indexOf(key: Uint8Array): number;
}

/** The keys of a file that was read for them alone. */
export interface SnapshotKeys {
  readonly live: KeyReader;
  /** Closes the file if `live.value` opened it. */
  close(): void;
}

/** The live keys with a CRC of each record. */
export interface LiveKeys extends KeyReader {
  metadata(i: number): KeyMetadata;
  /**
   * Whether some bytes are the stored `mvccpb.KeyValue` of key `i`: its length and its digest under a key that only this
   * process knows (wasm/digest.ts), so that nobody can make others that pass.
   */
  isRecord(i: number, bytes: Uint8Array): boolean;
  /** Where in the file the stored `mvccpb.KeyValue` of key `i` begins: for reading many in the file's order. */
  storedAt(i: number): number;
  /** Of key `i`, as `metadata` has it. */
  valueBytes(i: number): number;
  /** Of key `i`, as `metadata` has it. */
  version(i: number): number;
  /**
   * What the value of key `i` begins with, by number. 0: nothing that Kubernetes stores. 1: unusual, the value has to
   * be looked at. Else `head` has the bytes.
   */
  headNumber(i: number): number;
  /**
   * The beginning that many values have in common: magic and type of a protobuf object, apiVersion and kind of a
   * JSON object, the header of an encrypted value, CBOR's tag. Undefined for the numbers 0 and 1.
   */
  head(number: number): Buffer | undefined;
  /** The number of the first key after `i` that does not lie in the same folder: the same bytes up to the last slash. */
  folderEnd(i: number): number;
  /**
   * Buffers inside the index's memory, into which a server's `RangeResponse` messages are written and compared
   * in place. A second call frees the buffers of the first.
   */
  comparer(slotBytes: number, slots: number): RangeComparer;
}

/** Compares what a server answers with the live keys, without decoding it into objects. */
export interface RangeComparer {
  readonly slotBytes: number;
  readonly slots: number;
  /** The bytes of a slot, to be filled with an answer. */
  buffer(slot: number): Uint8Array;
  /**
   * Compares the `etcdserverpb.RangeResponse` at `[start, start + length)` of a slot with the live keys
   * `first` to `first + count - 1`.
   *
   * `stored` compares length and digest of each raw `KeyValue` as `isRecord` does, so the value too. `metadata` compares key,
   * create revision, mod revision, version and lease, and ignores the value: for `keys_only` answers.
   */
  compare(
    slot: number,
    start: number,
    length: number,
    first: number,
    count: number,
    mode: "stored" | "metadata",
  ): RangeComparison;
}

/** What a comparison found. All is well when `matched === count`, `keys === count` and `!malformed`. */
export interface RangeComparison {
  /** How many keys match, counted from `first` up to the first that does not. */
  readonly matched: number;
  /** How many keys the answer holds. */
  readonly keys: number;
  /** `header.revision` of the answer; 0 without one. */
  readonly headerRevision: number;
  /** `count` of the answer: keys in the range, whatever its limit. */
  readonly totalKeys: number;
  readonly more: boolean;
  /** The message is not valid protobuf up to its end. */
  readonly malformed: boolean;
}
