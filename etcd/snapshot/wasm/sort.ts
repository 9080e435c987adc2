// The live keys in the order of their bytes: a three-way quicksort that looks at seven bytes at a time and keeps
// them beside the list ("multikey quicksort", Bentley and Sedgewick), so that it rarely touches a key.
import { tableAddress } from "./key-table";
import { arena, ensure, equalBytes, keyBytes, leafAt, Record, TOMBSTONE, nextRecord } from "./memory";

const SLASH: u8 = 0x2f;

let list: usize = 0;
let words: usize = 0;
let count: u32 = 0;

export function liveList(): usize {
  return list;
}
export function liveCount(): u32 {
  return count;
}

// @ts-ignore: decorator
@inline
export function liveRecord(i: u32): Record {
  return changetype<Record>(load<u32>(list + ((i as usize) << 2)) as usize);
}

// @ts-ignore: decorator
@inline
function item(i: u32): u32 {
  return load<u32>(list + ((i as usize) << 2));
}
// @ts-ignore: decorator
@inline
function wordAt(i: u32): u64 {
  return load<u64>(words + ((i as usize) << 3));
}
// @ts-ignore: decorator
@inline
function put(i: u32, record: u32, word: u64): void {
  store<u32>(list + ((i as usize) << 2), record);
  store<u64>(words + ((i as usize) << 3), word);
}
// @ts-ignore: decorator
@inline
function swap(i: u32, j: u32): void {
  const record = item(i);
  const word = wordAt(i);
  put(i, item(j), wordAt(j));
  put(j, record, word);
}

/** Seven bytes of a key from `depth`, big-endian, and how many of them there are: a prefix sorts first. */
// @ts-ignore: decorator
@inline
function wordOf(record: u32, depth: u32): u64 {
  const key = changetype<Record>(record as usize).key;
  const rest = key.length - depth;
  const bytes = bswap<u64>(load<u64>(keyBytes(key) + depth));
  if (rest >= 7) return (bytes & 0xffffffffffffff00) | 7;
  return rest == 0 ? 0 : (bytes & ~((1 as u64 << (64 - rest * 8)) - 1)) | rest;
}

function isBefore(a: u32, b: u32, depth: u32): bool {
  while (true) {
    const x = wordOf(a, depth);
    const y = wordOf(b, depth);
    if (x != y) return x < y;
    if ((x & 255) < 7) return false;
    depth += 7;
  }
}

function insertionSort(from: u32, to: u32, depth: u32): void {
  for (let i = from + 1; i < to; i++) {
    const record = item(i);
    const word = wordAt(i);
    let j = i;
    for (; j > from; j--) {
      const other = wordAt(j - 1);
      if (other < word) break;
      if (other == word && ((word & 255) < 7 || !isBefore(record, item(j - 1), depth + 7))) break;
      put(j, item(j - 1), other);
    }
    put(j, record, word);
  }
}

/** Sorts [from, to), whose words are those at `depth`. The largest part is done in the loop: the stack stays small. */
function sortPart(from: u32, to: u32, depth: u32): void {
  while (to - from > 12) {
    const a = wordAt(from);
    const b = wordAt(from + ((to - from) >> 1));
    const c = wordAt(to - 1);
    const pivot = max(min(a, b), min(max(a, b), c));
    let low = from;
    let high = to;
    for (let i = from; i < high; ) {
      const word = wordAt(i);
      if (word < pivot) swap(low++, i++);
      else if (word > pivot) swap(--high, i);
      else i++;
    }
    // [from, low) is before the pivot, [low, high) has its seven bytes, [high, to) is after it.
    const before = low - from;
    const equal = (pivot & 255) == 7 ? high - low : 0;
    const after = to - high;
    if (equal > 1) {
      for (let i = low; i < high; i++) store<u64>(words + ((i as usize) << 3), wordOf(item(i), depth + 7));
    }
    if (equal >= before && equal >= after) {
      sortPart(from, low, depth);
      sortPart(high, to, depth);
      from = low;
      to = high;
      depth += 7;
    } else if (before >= after) {
      sortPart(low, low + equal, depth + 7);
      sortPart(high, to, depth);
      to = low;
    } else {
      sortPart(from, low, depth);
      sortPart(low, low + equal, depth + 7);
      from = high;
    }
  }
  insertionSort(from, to, depth);
}

/** Starts the list at the end of the arena with room for `records`. False when the memory is full. */
export function beginList(records: u32): bool {
  list = arena;
  // The key table has done its work; its place is large enough (record-index.ts).
  words = tableAddress();
  count = 0;
  // Eight more: wordOf reads whole words, also of the last key before the list.
  return ensure((list as u64) + ((records as u64) << 2) + 8);
}

/** Adds the live keys of a leaf: marked as latest, no tombstone, and with a key. */
export function listLeaf(ordinal: u32): void {
  const leaf = leafAt(ordinal);
  let record = leaf.first;
  for (let i: u32 = 0; i < leaf.count; i++, record = nextRecord(record)) {
    if (record.key.latest != record || record.subAndTombstone & TOMBSTONE || record.key.length == 0) continue;
    const address = changetype<usize>(record) as u32;
    put(count, address, wordOf(address, 0));
    count++;
  }
}

export function sortList(): void {
  sortPart(0, count, 0);
}

/**
 * The number of the first live key after `i` that does not lie in the same folder: with the same bytes up to the last
 * slash, and no slash behind them. All keys from `i` to there do.
 */
export function folderEnd(i: u32): u32 {
  const key = liveRecord(i).key;
  const bytes = keyBytes(key);
  let length = key.length;
  while (length > 0 && load<u8>(bytes + length - 1) != SLASH) length--;
  let next = i + 1;
  for (; next < count; next++) {
    const other = liveRecord(next).key;
    if (other.length < length || !equalBytes(keyBytes(other), bytes, length)) break;
    const end = keyBytes(other) + other.length;
    let at = keyBytes(other) + length;
    while (at < end && load<u8>(at) != SLASH) at++;
    if (at < end) break;
  }
  return next;
}
