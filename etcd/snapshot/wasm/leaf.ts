// Reads one leaf page of the bucket `key` into the index: checks the page, its revision keys and the protobuf
// framing of each record; computes a CRC per record; finds or adds the key.
// bbolt's page: go.etcd.io/bbolt internal/common/page.go; the record: etcd api/mvccpb/kv.proto.
import { crcOfRecord } from "./crc32c";
import { digestOf } from "./digest";
import { headOf } from "./heads";
import { findSlot, hashOf, makeRoom, putSlot } from "./key-table";
import {
  advanceArena, arena, ensure, HEAD_SHIFT, Key, KEY_HEADER, keyBytes, keySpace, leafAt, leafCount, Record, RECORD_SIZE,
  TOMBSTONE,
} from "./memory";
import { begin, broken, cursor, lengthBefore, seek, varint } from "./protobuf";

// Problems; leaf-problems.ts has a sentence for each.
const TOO_MANY_ELEMENTS: i32 = -1;
const BUCKET_INSIDE: i32 = -2;
const OUT_OF_PAGE: i32 = -3;
const NO_REVISION: i32 = -4;
const REVISION_TOO_GREAT: i32 = -5;
const NOT_ASCENDING: i32 = -6;
const BELOW_BRANCH: i32 = -7;
const ABOVE_BRANCH: i32 = -8;
const NOT_PROTOBUF: i32 = -9;
const UNKNOWN_FIELD: i32 = -10;
const OTHER_REVISION: i32 = -11;
const NO_KEY: i32 = -12;
const INDEX_FULL: i32 = -13;
const REVISION_ZERO: i32 = -14;
const NO_RECORD_OF_ETCD: i32 = -15;
const VERSION_TOO_GREAT: i32 = -16;

const MAX_SAFE: u64 = 0x1fffffffffffff;

let problemElement: u32 = 0;
let problemAt: usize = 0;
let problemFound: f64 = 0;
let greatestMain: u64 = 0;
let placeholders: u32 = 0;
let records: u32 = 0;
let keysOnly: bool = false;
let digesting: bool = false;

/** Leaves out the CRC of each record: then the records can be found, and not compared. */
export function setKeysOnly(): void {
  keysOnly = true;
}
/** Keeps a digest of each record: then an answer of a server can be compared with them. */
export function setDigesting(): void {
  digesting = true;
}
export function getProblemElement(): u32 {
  return problemElement;
}
export function getProblemAt(): usize {
  return problemAt;
}
export function getProblemFound(): f64 {
  return problemFound;
}
export function getGreatestMain(): f64 {
  return greatestMain as f64;
}
export function getPlaceholders(): u32 {
  return placeholders;
}
export function getRecords(): u32 {
  return records;
}

/**
 * An address above all that a run of `bytes` with `count` elements can add to the index, with room for the run
 * there: for a run that does not lie in the ring in one piece. 0 when the memory is full.
 */
export function placeForRun(count: u32, bytes: u32): usize {
  const at = ((arena as u64) + (count as u64) * (RECORD_SIZE + KEY_HEADER + 7) + bytes + 4095) & ~4095;
  // Eight more: copyWords and the sort read whole words.
  return ensure(at + bytes + 8) ? (at as usize) : 0;
}

// @ts-ignore: decorator
@inline
function bigEndian(at: usize): u64 {
  return bswap<u64>(load<u64>(at));
}

/**
 * Copies in words of eight bytes and so up to seven bytes too many: the arena has room for them, and what lies behind
 * a key in a page may be read. Much faster for keys than memory.copy, which V8 makes a call of.
 */
// @ts-ignore: decorator
@inline
function copyWords(to: usize, from: usize, length: u32): void {
  for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, load<u64>(from + i));
}

function problem(code: i32, at: usize, found: f64): i32 {
  problemAt = at;
  problemFound = found;
  return code;
}

/**
 * Reads leaf `ordinal` (in key order), which lies at `page` with `bytes` bytes (overflow pages included) and comes
 * from `fileOffset` of the file. Returns the number of its records, or one of the problems above.
 */
export function readLeaf(page: usize, bytes: u32, fileOffset: f64, ordinal: u32): i32 {
  const count: u32 = load<u16>(page, 10);
  const end = page + bytes;
  const elements = page + 16;
  const data = elements + ((count as usize) << 4);
  problemElement = 0;
  if ((count << 4) + 16 > bytes) return problem(TOO_MANY_ELEMENTS, page + 10, count);
  if (!makeRoom(count) || !ensure((arena as u64) + (count as u64) * (RECORD_SIZE + KEY_HEADER + 7) + bytes)) {
    return problem(INDEX_FULL, page, records);
  }

  const leaf = leafAt(ordinal);
  leaf.first = changetype<Record>(arena);
  leaf.count = count;
  const offsetOfPage = fileOffset as u64;
  let previousMain = leaf.lowMain;
  let previousSub = leaf.lowSub;
  // Where the element's key has to begin: bbolt writes one behind the other (node.go, `write`).
  let expected = data as u64;

  for (let i: u32 = 0; i < count; i++) {
    const element = elements + ((i as usize) << 4);
    problemElement = i;
    if (load<u32>(element) != 0) return problem(BUCKET_INSIDE, element, load<u32>(element));
    const position = load<u32>(element, 4);
    const keyLength = load<u32>(element, 8);
    const storedLength = load<u32>(element, 12);
    const start = (element as u64) + position;
    const behind = start + keyLength + storedLength;
    if (start != expected || behind > (end as u64)) {
      return problem(OUT_OF_PAGE, element, (position as f64) + (keyLength as f64) + (storedLength as f64));
    }

    expected = behind;

    // The revision: 8 bytes main, '_', 8 bytes sub, and 't' for a tombstone.
    const revision = start as usize;
    const isTombstone = keyLength == 18;
    if ((keyLength != 17 && !isTombstone) || load<u8>(revision, 8) != 0x5f || (isTombstone && load<u8>(revision, 17) != 0x74)) {
      return problem(NO_REVISION, revision, keyLength);
    }
    const main = bigEndian(revision);
    const wideSub = bigEndian(revision + 9);
    if (main > MAX_SAFE || wideSub >= (TOMBSTONE as u64)) return problem(REVISION_TOO_GREAT, revision, main as f64);
    const sub = wideSub as u32;
    // A server reads from revision 1 on.
    if (main == 0) return problem(REVISION_ZERO, revision, sub);
    if (i == 0) {
      // The branch page above, where there is one, gives exactly this one.
      if (previousMain != 0 && (main != previousMain || sub != previousSub)) return problem(BELOW_BRANCH, revision, main as f64);
    } else if (main < previousMain || (main == previousMain && sub <= previousSub)) {
      return problem(NOT_ASCENDING, revision, main as f64);
    }
    previousMain = main;
    previousSub = sub;

    // The KeyValue.
    const stored = revision + keyLength;
    const storedEnd = stored + storedLength;
    let key: usize = stored;
    let length: u32 = 0;
    let value: usize = stored;
    let valueLength: u32 = 0;
    let create: u64 = 0;
    let mod: u64 = 0;
    let version: u64 = 0;
    let lease: u64 = 0;
    begin(stored);
    while (cursor < storedEnd) {
      const tag = load<u8>(cursor);
      seek(cursor + 1);
      if (tag == 0x0a) {
        length = lengthBefore(storedEnd);
        key = cursor;
        seek(cursor + length);
      } else if (tag == 0x2a) {
        valueLength = lengthBefore(storedEnd);
        value = cursor;
        seek(cursor + valueLength);
      } else if (tag == 0x10) create = varint(storedEnd);
      else if (tag == 0x18) mod = varint(storedEnd);
      else if (tag == 0x20) version = varint(storedEnd);
      else if (tag == 0x30) lease = varint(storedEnd);
      else return problem(UNKNOWN_FIELD, cursor - 1, tag);
      if (broken) return problem(NOT_PROTOBUF, stored, storedLength);
    }
    const isPlaceholder = storedLength == 0 && !isTombstone;
    if (isPlaceholder) placeholders++;
    else if (length == 0) return problem(NO_KEY, stored, storedLength);
    else if (!isTombstone && mod != main) return problem(OTHER_REVISION, stored, mod as f64);
    if (version > 0xffffffff) return problem(VERSION_TOO_GREAT, stored, version as f64);
    // A tombstone holds a key and nothing else; another record was made at its revision or before, and counted.
    if (isTombstone) {
      if (create | mod | version | lease | valueLength) return problem(NO_RECORD_OF_ETCD, stored, create as f64);
    } else if (!isPlaceholder && (create == 0 || create > main || version == 0 || (version > 1 && create == main))) {
      return problem(NO_RECORD_OF_ETCD, stored, create as f64);
    }

    const record = changetype<Record>(arena);
    advanceArena(RECORD_SIZE);
    record.main = main;
    record.create = create;
    record.lease = lease;
    record.offsetAndHead = (offsetOfPage + ((stored - page) as u64)) | ((headOf(value, valueLength) as u64) << HEAD_SHIFT);
    record.subAndTombstone = sub | (isTombstone ? TOMBSTONE : 0);
    record.version = version as u32;
    record.storedLength = storedLength;
    record.valueLength = valueLength;
    record.crc = keysOnly ? 0 : crcOfRecord(stored, storedEnd);
    record.digest = digesting ? digestOf(stored, storedEnd) : 0;

    const hash = hashOf(key, length);
    const slot = findSlot(hash, key, length);
    const known = load<u32>(slot);
    if (known) {
      record.key = changetype<Key>(known as usize);
    } else {
      const added = changetype<Key>(arena);
      advanceArena(keySpace(length));
      added.hash = hash;
      added.length = length;
      added.latest = null;
      copyWords(keyBytes(added), key, length);
      record.key = added;
      putSlot(slot, added);
    }
    records++;
  }

  if (previousMain > greatestMain) greatestMain = previousMain;
  if (ordinal + 1 < leafCount) {
    const next = leafAt(ordinal + 1);
    if (previousMain > next.lowMain || (previousMain == next.lowMain && previousSub >= next.lowSub)) {
      return problem(ABOVE_BRANCH, page, previousMain as f64);
    }
  }
  return count as i32;
}
