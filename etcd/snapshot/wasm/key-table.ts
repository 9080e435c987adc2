// Finds the one Key of given bytes: open addressing, linear probing, at most 70 % full.
import { arena, arenaStart, equalBytes, Key, keyBytes, nextRecord, ownsKey, Record } from "./memory";

let table: usize = 0;
let mask: u32 = 0;
let slotLimit: u32 = 0;
let keys: u32 = 0;

/** The table may grow in place from `slots` to `maxSlots` slots (powers of two) of 4 bytes, all zero now. */
export function setTable(at: usize, slots: u32, maxSlots: u32): void {
  table = at;
  mask = slots - 1;
  slotLimit = maxSlots;
  keys = 0;
}

export function tableAddress(): usize {
  return table;
}

// @ts-ignore: decorator
@inline
export function hashOf(at: usize, length: u32): u32 {
  let hash: u64 = (length as u64) * 0x9e3779b97f4a7c15;
  const end = at + length;
  while (at + 8 <= end) {
    hash = (hash ^ load<u64>(at)) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
    at += 8;
  }
  let rest: u64 = 0;
  while (at < end) rest = (rest << 8) | load<u8>(at++);
  hash = (hash ^ rest) * 0xc4ceb9fe1a85ec53;
  hash ^= hash >> 29;
  return (hash ^ (hash >> 32)) as u32;
}

/** Slot of the key with these bytes, or the empty slot where it belongs. */
// @ts-ignore: decorator
@inline
export function findSlot(hash: u32, bytes: usize, length: u32): usize {
  let i = hash & mask;
  while (true) {
    const slot = table + ((i as usize) << 2);
    const key = load<u32>(slot);
    if (key == 0) return slot;
    const found = changetype<Key>(key as usize);
    if (found.hash == hash && found.length == length && equalBytes(keyBytes(found), bytes, length)) return slot;
    i = (i + 1) & mask;
  }
}

// @ts-ignore: decorator
@inline
export function putSlot(slot: usize, key: Key): void {
  store<u32>(slot, changetype<usize>(key) as u32);
  keys++;
}

/** Makes room for `more` keys. False when the table's limit is reached. */
export function makeRoom(more: u32): bool {
  let slots = mask + 1;
  if (((keys + more) as u64) * 10 <= (slots as u64) * 7) return true;
  while (((keys + more) as u64) * 10 > (slots as u64) * 7) {
    if (slots >= slotLimit) return false;
    slots <<= 1;
  }
  memory.fill(table, 0, (slots as usize) << 2);
  mask = slots - 1;
  for (let at = arenaStart; at < arena; ) {
    const record = changetype<Record>(at);
    if (ownsKey(record)) {
      let i = record.key.hash & mask;
      while (load<u32>(table + ((i as usize) << 2))) i = (i + 1) & mask;
      store<u32>(table + ((i as usize) << 2), changetype<usize>(record.key) as u32);
    }
    at = changetype<usize>(nextRecord(record));
  }
  return true;
}
