/** Writes etcd's write-ahead log as one file, the way `etcdctl backup` does (`etcdutl/etcdutl/backup_command.go`). */
import { encodeMessage, type FieldToWrite } from "../../wire/protobuf";
import { crc32c } from "../../wire/crc32c";
import { CRC, ENTRY, METADATA, SNAPSHOT, STATE } from "./frames";
import type { HardState, LogEntry } from "./wal";

/** What a member calls itself and its cluster. */
export interface MemberIds {
  readonly node: bigint;
  readonly cluster: bigint;
}

/** What goes into a log. */
export interface LogToWrite {
  readonly ids: MemberIds;
  /** The snapshot that the entries go on from. @default they begin with the first */
  readonly snapshot?: { readonly index: number; readonly term: number } | undefined;
  readonly entries: readonly LogEntry[];
  readonly state: Pick<HardState, "term" | "commit">;
}

/** The first file of a log. */
export const FIRST_LOG = "0000000000000000-0000000000000000.wal";

/** The bytes of that file. */
export function writeLog({ ids, snapshot, entries, state }: LogToWrite): Buffer {
  const parts: Buffer[] = [];
  let crc = 0;
  const add = (type: number, fields: readonly FieldToWrite[]) => {
    const data = encodeMessage(fields);
    crc = type === CRC ? 0 : crc32c(data, crc);
    const record = encodeMessage([
      [1, type],
      [2, crc],
      [3, data],
    ]);
    parts.push(...framed(record));
  };
  add(CRC, []);
  add(METADATA, [
    [1, ids.node],
    [2, ids.cluster],
  ]);
  add(SNAPSHOT, []);
  if (snapshot !== undefined) {
    add(SNAPSHOT, [
      [1, snapshot.index],
      [2, snapshot.term],
    ]);
  }
  for (const { type, term, index, data } of entries) {
    add(ENTRY, [
      [1, type],
      [2, term],
      [3, index],
      [4, data],
    ]);
  }
  // Nobody's vote: whoever had it is no member any more.
  add(STATE, [
    [1, state.term],
    [3, state.commit],
  ]);
  return Buffer.concat(parts);
}

/** 8 bytes of length, whose upper one tells the padding, the record, and zeros up to a multiple of 8 (`wal/encoder.go`). */
function framed(record: Buffer): readonly Buffer[] {
  const padding = (8 - (record.length % 8)) % 8;
  const frame = Buffer.alloc(8);
  const upper = padding === 0 ? 0n : BigInt(0x80 | padding);
  frame.writeBigUInt64LE(BigInt(record.length) | (upper << 56n));
  return [frame, record, Buffer.alloc(padding)];
}
