// What lies where in the linear memory, from the bottom up:
//
//   0        tables of the CRC (crc32c.ts), then this program's own constants
//   heads    what values begin with (heads.ts)
//   ring     file bytes on their way through (driven by record-index.ts)
//   leaves   one Leaf for each leaf page of the bucket `key`, in key order
//   table    hash table of the keys (key-table.ts); after the pass the sort's words
//   arena    Records in the order of their pages; a key's bytes follow the first record that has it
//   top      after the pass: the sorted live keys, then buffers for answers of a server

/** One entry of the bucket `key`. 64 bytes; a multiple of 8. */
@unmanaged
export class Record {
  main: u64;
  create: u64;
  lease: u64;
  /** Where the stored KeyValue begins in the file; above that, the number of what its value begins with (heads.ts). */
  offsetAndHead: u64;
  /** The lower 31 bits; the top bit marks a tombstone. */
  subAndTombstone: u32;
  version: u32;
  key: Key;
  storedLength: u32;
  valueLength: u32;
  crc: u32;
  /** Of the stored KeyValue, under this process's key (digest.ts). */
  digest: u64;
}

// @ts-ignore: decorator
@inline export const RECORD_SIZE: usize = 64;
// @ts-ignore: decorator
@inline export const HEAD_SHIFT: u64 = 53;
// @ts-ignore: decorator
@inline export const TOMBSTONE: u32 = 0x80000000;

/** A key, once for all its records. Its bytes follow. */
@unmanaged
export class Key {
  hash: u32;
  length: u32;
  /** Its last record at the revision that was marked last (hash-kv.ts); null: none. */
  latest: Record | null;
}

// @ts-ignore: decorator
@inline export const KEY_HEADER: usize = 12;

/** A leaf page of the bucket `key`. 24 bytes; the lower bound is written by record-index.ts. */
@unmanaged
export class Leaf {
  /** What the branch page above says: no record of this leaf is before this revision. */
  lowMain: u64;
  lowSub: u32;
  first: Record;
  count: u32;
  padding: u32;
}

// @ts-ignore: decorator
@inline export const LEAF_SIZE: usize = 24;

export let leaves: usize = 0;
export let leafCount: u32 = 0;
export let arenaStart: usize = 0;
export let arena: usize = 0;

export function setLeaves(at: usize, count: u32): void {
  leaves = at;
  leafCount = count;
}

export function setArena(at: usize): void {
  arenaStart = at;
  arena = at;
}

export function advanceArena(bytes: usize): void {
  arena += bytes;
}

// @ts-ignore: decorator
@inline
export function leafAt(ordinal: u32): Leaf {
  return changetype<Leaf>(leaves + (ordinal as usize) * LEAF_SIZE);
}

// @ts-ignore: decorator
@inline
export function keyBytes(key: Key): usize {
  return changetype<usize>(key) + KEY_HEADER;
}

// @ts-ignore: decorator
@inline
export function keySpace(length: u32): usize {
  return (KEY_HEADER + length + 7) & ~7;
}

/** Whether the key's bytes lie behind this record: it was the first with this key. */
// @ts-ignore: decorator
@inline
export function ownsKey(record: Record): bool {
  return changetype<usize>(record.key) == changetype<usize>(record) + RECORD_SIZE;
}

/** The record that was written to the arena after this one. */
// @ts-ignore: decorator
@inline
export function nextRecord(record: Record): Record {
  const end = changetype<usize>(record) + RECORD_SIZE;
  return changetype<Record>(ownsKey(record) ? end + keySpace(record.key.length) : end);
}

/** Makes [0, end) usable. False when that is more than 4 GiB or the system gives no more. */
export function ensure(end: u64): bool {
  const have = (memory.size() as u64) << 16;
  if (end <= have) return true;
  // At least 4 MiB more: untouched memory costs nothing, growing does.
  let pages = max<u64>((end - have + 0xffff) >> 16, 64);
  const room = 65536 - (memory.size() as u64);
  if (end > 0xffff0000) return false;
  if (pages > room) pages = room;
  return memory.grow(pages as i32) >= 0;
}

// @ts-ignore: decorator
@inline
export function equalBytes(a: usize, b: usize, length: u32): bool {
  const end = a + length;
  while (a + 8 <= end) {
    if (load<u64>(a) != load<u64>(b)) return false;
    a += 8;
    b += 8;
  }
  while (a < end) {
    if (load<u8>(a) != load<u8>(b)) return false;
    a++;
    b++;
  }
  return true;
}
