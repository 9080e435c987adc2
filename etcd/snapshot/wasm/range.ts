// Compares an etcdserverpb.RangeResponse that lies in memory with live keys, without copying anything.
import { digestOf } from "./digest";
import { equalBytes, Key, keyBytes, Record } from "./memory";
import { begin, broken, cursor, lengthBefore, seek, skip, varint } from "./protobuf";
import { liveCount, liveRecord } from "./sort";

let keys: u32 = 0;
let headerRevision: u64 = 0;
let total: u64 = 0;
let more: bool = false;

export function getRangeKeys(): u32 {
  return keys;
}
export function getRangeRevision(): f64 {
  return headerRevision as f64;
}
export function getRangeTotal(): f64 {
  return total as f64;
}
export function getRangeMore(): bool {
  return more;
}
export function getRangeBroken(): bool {
  return broken;
}

function readHeader(end: usize): void {
  while (cursor < end && !broken) {
    const tag = varint(end);
    if (tag == 0x18) headerRevision = varint(end);
    else skip(tag, end);
  }
}

/** Whether the KeyValue from the cursor to `end` has the record's key, revisions, version and lease. */
function sameMetadata(record: Record, end: usize): bool {
  let key: usize = 0;
  let length: u32 = 0;
  let create: u64 = 0;
  let mod: u64 = 0;
  let version: u64 = 0;
  let lease: u64 = 0;
  while (cursor < end && !broken) {
    const tag = varint(end);
    if (tag == 0x0a) {
      length = lengthBefore(end);
      key = cursor;
      seek(cursor + length);
    } else if (tag == 0x10) create = varint(end);
    else if (tag == 0x18) mod = varint(end);
    else if (tag == 0x20) version = varint(end);
    else if (tag == 0x30) lease = varint(end);
    else skip(tag, end);
  }
  return (
    !broken &&
    create == record.create &&
    mod == record.main &&
    version == (record.version as u64) &&
    lease == record.lease &&
    length == record.key.length &&
    equalBytes(key, keyBytes(record.key), length)
  );
}

/** Whether [from, to) is the stored KeyValue of live key `i`. */
export function isRecord(i: u32, from: usize, to: usize): bool {
  const record = liveRecord(i);
  return (to - from) as u32 == record.storedLength && digestOf(from, to) == record.digest;
}

/** How many of the live keys `first` to `first + count - 1` match the answer's, counted from the first. */
export function compareRange(at: usize, bytes: u32, first: u32, count: u32, metadataOnly: bool): u32 {
  const end = at + bytes;
  let matched: u32 = 0;
  keys = 0;
  headerRevision = 0;
  total = 0;
  more = false;
  begin(at);
  while (cursor < end && !broken) {
    const tag = varint(end);
    if (tag == 0x12) {
      const length = lengthBefore(end);
      const start = cursor;
      if (matched == keys && keys < count && first + keys < liveCount() && !broken) {
        const record = liveRecord(first + keys);
        const same = metadataOnly
          ? sameMetadata(record, start + length)
          : length == record.storedLength && digestOf(start, start + length) == record.digest;
        if (same) matched++;
      }
      keys++;
      seek(start + length);
    } else if (tag == 0x0a) {
      const length = lengthBefore(end);
      const start = cursor;
      readHeader(start + length);
      seek(start + length);
    } else if (tag == 0x18) more = varint(end) != 0;
    else if (tag == 0x20) total = varint(end);
    else skip(tag, end);
  }
  return matched;
}
