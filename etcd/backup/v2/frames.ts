/**
 * The records of one file of etcd's write-ahead log, with every byte accounted for (`server/storage/wal/decoder.go`,
 * in 3.4 `wal/decoder.go`).
 *
 * A frame is 8 bytes of length, whose upper one tells the padding, and a `walpb.Record`. The log's last file is laid out
 * in zeros beforehand, so a frame of zeros ends it; a crash may leave a record half written there, and nowhere else.
 */
import { crc32c } from "../../wire/crc32c";
import { bytesField, readFields, unsignedField } from "../../wire/protobuf";
import { SnapshotError } from "../../snapshot/snapshot-error";

/** One `walpb.Record`. */
export interface LogRecord {
  readonly type: number;
  /** The sum over the data of all records so far. */
  readonly crc: number;
  readonly data: Buffer;
  readonly offset: number;
}

// walpb.Record, field 1 (`wal.go`).
export const METADATA = 1;
export const ENTRY = 2;
export const STATE = 3;
export const CRC = 4;
export const SNAPSHOT = 5;

/** What a disk writes at once; a record of which a whole sector is zeros was never written to its end (`isTornEntry`). */
const SECTOR = 512;

const CUT = "this record of the log is cut off, and the log goes on after it";

/** The file, for messages, and whether a crash may have cut its last record. */
interface LogFile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/**
 * The records of a file in order, their sums compared; in the log's last file up to a record that a crash cut off.
 * @param before sum at the end of the file before; 0 for the first one
 * @throws SnapshotError with the byte
 */
export function* recordsOf(file: LogFile, before: number): Generator<LogRecord> {
  const { name, bytes, isLast } = file;
  let crc = before;
  let at = 0;
  const damaged = (problem: string) => new SnapshotError(name, problem, { offset: at });
  while (at + 8 <= bytes.length) {
    const frame = bytes.readBigUInt64LE(at);
    if (frame === 0n) break;
    const length = Number(frame & 0x00ff_ffff_ffff_ffffn);
    const upper = Number(frame >> 56n);
    const padding = (upper & 0x80) === 0 ? 0 : upper & 7;
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (body.length < length) {
      if (isWholeRecord(body, crc)) throw damaged("the length of this record of the log is wrong");
      if (!isLast) throw damaged(CUT);
      return; // cut off by a crash, or by the end of a copy
    }
    const record = parseRecord(body, at);
    const next = record === undefined ? crc : sumAfter(record, crc);
    if (record?.crc !== next) {
      if (isLast && isTorn(body, at + 8) && isZero(bytes, at + 8 + length + padding)) return;
      throw damaged(
        record === undefined
          ? "this record of the log is none that etcd writes"
          : "the checksum of this record of the log is wrong",
      );
    }
    if (at === 0 && record.type !== CRC) throw damaged("the log does not begin with a checksum");
    yield record;
    crc = next;
    at += 8 + length + padding;
  }
  if (isZero(bytes, at)) return;
  if (bytes.length - at < 8) {
    if (isLast) return;
    throw damaged(CUT);
  }
  throw damaged("zeros stand in the log where a record should be, and more comes after them");
}

/** Each file begins with the sum of those before it; the very first one with 0. */
function sumAfter({ type, crc, data }: LogRecord, before: number): number {
  if (type !== CRC) return crc32c(data, before);
  return before === 0 ? crc : before;
}

function parseRecord(body: Buffer, offset: number): LogRecord | undefined {
  try {
    const fields = [...readFields(body)];
    const type = Number(unsignedField(fields, 1));
    if (type < METADATA || type > SNAPSHOT) return undefined;
    const crc = Number(unsignedField(fields, 2));
    return { type, crc, data: bytesField(fields, 3), offset };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What begins there is a record that is all there by its own account: only its frame says that it is longer. */
function isWholeRecord(body: Buffer, before: number): boolean {
  // type 1 and crc 2 are numbers, data 3 comes last: its own length says where the record ends.
  const header = /^\x08[\x01-\x05]\x10[\x80-\xff]{0,9}[\x00-\x7f]\x1a/.exec(
    body.toString("latin1", 0, 24),
  );
  if (header === null) return false;
  const start = header[0].length;
  for (let end = start + 1; end <= start + 5; end += 1) {
    const lengthBytes = body.subarray(start, end);
    if ((lengthBytes.at(-1) ?? 0x80) >= 0x80) continue;
    const length = lengthBytes.reduceRight((sum, byte) => sum * 128 + (byte & 127), 0);
    const record = parseRecord(body.subarray(0, end + length), 0);
    if (record === undefined) return false;
    return sumAfter(record, before) === record.crc;
  }
  return false;
}

function isTorn(body: Buffer, offset: number): boolean {
  for (let at = 0; at < body.length;) {
    const end = Math.min(body.length, at + SECTOR - ((offset + at) % SECTOR));
    if (body.subarray(at, end).every((byte) => byte === 0)) return true;
    at = end;
  }
  return false;
}

const ZEROS = Buffer.alloc(65_536);

function isZero(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (!part.equals(ZEROS.subarray(0, part.length))) return false;
  }
  return true;
}
