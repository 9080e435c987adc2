/** etcd's write-ahead log: what was asked of a store, in order (`server/storage/wal/wal.go`, in 3.4 `wal/wal.go`). */
import * as fs from "node:fs";
import * as path from "node:path";
import { bytesField, readFields, unsignedField } from "../../wire/protobuf";
import { SnapshotError } from "../../snapshot/snapshot-error";
import type { MemberFile } from "../member-files";
import { CRC, ENTRY, METADATA, recordsOf, SNAPSHOT, STATE, type LogRecord } from "./frames";

/** One entry of the log (`raftpb.Entry`). */
export interface LogEntry {
  /** 0 a request, 1 or 2 a change of the cluster. */
  readonly type: number;
  readonly term: number;
  readonly index: number;
  readonly data: Buffer;
}

/** Of a snapshot that the log knows of (`walpb.Snapshot`). */
export interface LogSnapshot {
  readonly index: number;
  readonly term: number;
  /** As it stands in the log. */
  readonly data: Buffer;
}

/** `raftpb.HardState`. */
export interface HardState {
  readonly term: number;
  readonly vote: bigint;
  readonly commit: number;
}

/** A log that was read from its first file to its end, and found whole. */
export interface Log {
  /** `etcdserverpb.Metadata` {NodeID 1, ClusterID 2}; empty in a log without a record. */
  readonly metadata: Buffer;
  /** Those that were committed, each index once, in order. */
  readonly entries: readonly LogEntry[];
  readonly state: HardState;
  readonly snapshots: readonly LogSnapshot[];
}

/**
 * Reads a log. What was never committed is left out, and so is a record that a crash cut off at its very end.
 * @param files in the order in which they were written
 * @throws SnapshotError when anything else is missing or is not as it was written
 */
export function readLog(files: readonly MemberFile[]): Log {
  refuseGaps(files);
  const read = createReading();
  let crc = 0;
  for (const [at, { name, path: file }] of files.entries()) {
    const isLast = at === files.length - 1;
    let records = 0;
    for (const record of recordsOf({ name, bytes: fs.readFileSync(file), isLast }, crc)) {
      read.take(name, record);
      ({ crc } = record);
      records += 1;
    }
    if (records === 0 && !isLast) throw new SnapshotError(name, "this file of the log is empty");
  }
  return read.end(files.at(-1)?.name ?? "");
}

/** The names count the files: SEQUENCE-INDEX.wal, both in hex. */
function refuseGaps(files: readonly MemberFile[]): void {
  let before: { readonly name: string; readonly sequence: number } | undefined;
  for (const { name } of files) {
    const sequence = Number.parseInt(path.basename(name).slice(0, 16), 16);
    if (before !== undefined && sequence !== before.sequence + 1) {
      const missing = sequence - before.sequence - 1;
      throw new SnapshotError(
        name,
        `the log does not go on here: ${missing} of its files ${missing === 1 ? "is" : "are"} missing between ` +
          `${path.basename(before.name)} and this one`,
      );
    }
    before = { name, sequence };
  }
}

/** Takes the records of all files together. */
function createReading() {
  const entries: LogEntry[] = [];
  const snapshots: LogSnapshot[] = [];
  let metadata: Buffer | undefined;
  let isEmpty = true;
  let state: HardState = { term: 0, vote: 0n, commit: 0 };

  function takeEntry(name: string, { data, offset }: LogRecord): void {
    const entry = parseEntry(data);
    // A later leader writes over what was never committed.
    while ((entries.at(-1)?.index ?? -1) >= entry.index) entries.pop();
    const last = entries.at(-1);
    if (last !== undefined && entry.index !== last.index + 1) {
      throw new SnapshotError(
        name,
        `entry ${entry.index} of the log comes after entry ${last.index}: what lies between is missing`,
        { offset },
      );
    }
    entries.push(entry);
  }

  return {
    take(name: string, record: LogRecord): void {
      const { type, data, offset } = record;
      isEmpty = false;
      if (type === ENTRY) takeEntry(name, record);
      else if (type === STATE) state = parseState(data);
      else if (type === SNAPSHOT) snapshots.push(parseSnapshot(data));
      else if (type === METADATA) {
        if (metadata !== undefined && !metadata.equals(data)) {
          throw new SnapshotError(name, "this file of the log is of another member", { offset });
        }
        metadata = Buffer.from(data);
      } else if (type !== CRC) throw new RangeError(`no such record: ${type}`);
    },
    end(name: string): Log {
      if (metadata === undefined && !isEmpty) {
        throw new SnapshotError(name, "the log does not say which member wrote it");
      }
      return {
        ...{ metadata: metadata ?? Buffer.alloc(0), state, snapshots },
        entries: entries.filter(({ index }) => index <= state.commit),
      };
    },
  };
}

function parseEntry(data: Buffer): LogEntry {
  const fields = [...readFields(data)];
  return {
    type: Number(unsignedField(fields, 1)),
    term: Number(unsignedField(fields, 2)),
    index: Number(unsignedField(fields, 3)),
    data: bytesField(fields, 4),
  };
}

function parseState(data: Buffer): HardState {
  const fields = [...readFields(data)];
  return {
    term: Number(unsignedField(fields, 1)),
    vote: unsignedField(fields, 2),
    commit: Number(unsignedField(fields, 3)),
  };
}

function parseSnapshot(data: Buffer): LogSnapshot {
  const fields = [...readFields(data)];
  return {
    index: Number(unsignedField(fields, 1)),
    term: Number(unsignedField(fields, 2)),
    data: Buffer.from(data),
  };
}
