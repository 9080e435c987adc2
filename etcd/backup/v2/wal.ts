/** etcd's write-ahead log: what was asked of a store, in order (server/storage/wal, in 3.4 `wal/`). */
import * as fs from "node:fs";
import { crc32c } from "../../wire/crc32c";
import { bytesField, readFields, unsignedField } from "../../wire/protobuf";
import { SnapshotError } from "../../snapshot/snapshot-error";
import type { MemberFile } from "../member-files";

/** One entry of the log (`raftpb.Entry`). */
export interface LogEntry {
  /** 0 a request, 1 or 2 a change of the cluster. */
  readonly type: number;
  readonly index: number;
  readonly data: Buffer;
}

// walpb.Record, field 1.
const ENTRY = 2;
const STATE = 3;
const CRC = 4;

/**
 * The entries of a log that were committed, each index once, in order. A record that a crash cut off ends the log.
 * @param files in the order in which they were written
 * @throws SnapshotError when a checksum is wrong
 */
export function readLog(files: readonly MemberFile[]): readonly LogEntry[] {
  const entries: LogEntry[] = [];
  let commit = 0;
  let crc = 0;
  for (const { name, path } of files) {
    for (const record of recordsOf(fs.readFileSync(path))) {
      const fields = [...readFields(record.bytes)];
      const type = Number(unsignedField(fields, 1));
      const data = bytesField(fields, 3);
      const stated = Number(unsignedField(fields, 2));
      // Each file begins with the sum of those before it.
      if (type !== CRC) crc = crc32c(data, crc);
      if ((type !== CRC || crc !== 0) && crc !== stated) {
        throw new SnapshotError(name, "the checksum of this record of the log is wrong", {
          offset: record.offset,
        });
      }
      crc = stated;
      if (type === STATE) commit = Number(unsignedField([...readFields(data)], 3));
      if (type !== ENTRY) continue;
      const entry = parseEntry(data);
      // A later leader writes over what was never committed.
      while ((entries.at(-1)?.index ?? -1) >= entry.index) entries.pop();
      entries.push(entry);
    }
  }
  return entries.filter(({ index }) => index <= commit);
}

/** Frames: 8 bytes of length (the upper one tells the padding), then the record (`wal/decoder.go`). */
function* recordsOf(log: Buffer): Generator<{ readonly bytes: Buffer; readonly offset: number }> {
  for (let at = 0; at + 8 <= log.length;) {
    const frame = log.readBigUInt64LE(at);
    const length = Number(frame & 0x00ff_ffff_ffff_ffffn);
    const upper = Number(frame >> 56n);
    const padding = (upper & 0x80) === 0 ? 0 : upper & 7;
    if (frame === 0n || at + 8 + length > log.length) return;
    yield { bytes: log.subarray(at + 8, at + 8 + length), offset: at };
    at += 8 + length + padding;
  }
}

function parseEntry(data: Buffer): LogEntry {
  const fields = [...readFields(data)];
  return {
    type: Number(unsignedField(fields, 1)),
    index: Number(unsignedField(fields, 3)),
    data: bytesField(fields, 4),
  };
}
