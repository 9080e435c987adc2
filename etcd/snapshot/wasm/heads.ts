// What a value begins with, as far as that says what it is: the type of a Kubernetes object, or who encrypted it. Each
// such beginning is kept once and has a number; there are some hundreds in a store, whatever its size.
// The forms: kubernetes staging/src/k8s.io/apimachinery/pkg/runtime/generated.proto (Unknown) and
// staging/src/k8s.io/apiserver/pkg/storage/value.
import { equalBytes } from "./memory";
import { hashOf } from "./key-table";

/** The value is nothing that Kubernetes stores. */
const NOTHING_KNOWN: u32 = 0;
/** Its beginning does not say it: the value has to be looked at. */
const UNUSUAL: u32 = 1;
const FIRST: u32 = 2;
/** Records keep the number in eleven bits. */
const MOST: u32 = 2047;
const LONGEST: u32 = 240;

// Slots of an open hash table, then the address of each number's head, then the heads: hash, number, length, bytes.
const SLOTS: usize = 4096;
const SLOT_BYTES: usize = SLOTS * 4;
const LIST_BYTES: usize = ((MOST + 1) as usize) * 4;
const HEADER: usize = 12;
export const HEADS_BYTES: usize = SLOT_BYTES + LIST_BYTES + ((MOST + 1) as usize) * (HEADER + (LONGEST as usize) + 8);

let slots: usize = 0;
let list: usize = 0;
let free: usize = 0;
let next: u32 = FIRST;

export function setHeads(at: usize): void {
  slots = at;
  list = at + SLOT_BYTES;
  free = list + LIST_BYTES;
  next = FIRST;
}

/** Where the bytes of a head lie; 0 for a number that no value has. */
export function headAddress(number: u32): usize {
  return number < FIRST || number >= next ? 0 : (load<u32>(list + ((number as usize) << 2)) as usize) + HEADER;
}
export function headLength(number: u32): u32 {
  return number < FIRST || number >= next ? 0 : load<u32>(load<u32>(list + ((number as usize) << 2)) as usize, 8);
}

function intern(at: usize, length: u32): u32 {
  const hash = hashOf(at, length);
  let slot = (hash as usize) & (SLOTS - 1);
  while (true) {
    const head = load<u32>(slots + (slot << 2)) as usize;
    if (head == 0) break;
    if (load<u32>(head) == hash && load<u32>(head, 8) == length && equalBytes(head + HEADER, at, length)) {
      return load<u32>(head, 4);
    }
    slot = (slot + 1) & (SLOTS - 1);
  }
  if (next > MOST) return UNUSUAL;
  store<u32>(slots + (slot << 2), free as u32);
  store<u32>(list + ((next as usize) << 2), free as u32);
  store<u32>(free, hash);
  store<u32>(free, next, 4);
  store<u32>(free, length, 8);
  memory.copy(free + HEADER, at, length);
  free += (HEADER + (length as usize) + 7) & ~7;
  return next++;
}

/** Up to and with the `count`th `byte`, which is within the value; else it is unusual, and so are escapes. */
function upTo(at: usize, end: usize, byte: u8, count: u32): u32 {
  const limit = min(end, at + LONGEST);
  for (let i = at; i < limit; i++) {
    const found = load<u8>(i);
    if (found == 0x5c) break;
    if (found == byte && --count == 0) return intern(at, (i + 1 - at) as u32);
  }
  return UNUSUAL;
}

/** The number of what the value in [at, at + length) begins with. */
export function headOf(at: usize, length: u32): u32 {
  if (length < 4) return length == 0 ? NOTHING_KNOWN : UNUSUAL;
  const end = at + length;
  const first = load<u32>(at);
  // `k8s` and a zero byte, then the Unknown's first field, typeMeta.
  if (first == 0x0073386b) {
    if (length < 6 || load<u8>(at, 4) != 0x0a) return UNUSUAL;
    const typeBytes: u32 = load<u8>(at, 5);
    if (typeBytes > 127 || typeBytes + 6 > length) return UNUSUAL;
    return intern(at, typeBytes + 6);
  }
  // `k8s:enc:PROVIDER:VERSION:KEY:`
  if (first == 0x3a73386b) return upTo(at, end, 0x3a, 5);
  const byte = first & 255;
  // `{"apiVersion":"…","kind":"…"`, or the other way round: eight quotes.
  if (byte == 0x7b) return upTo(at, end, 0x22, 8);
  // CBOR's own tag.
  if ((first & 0xffffff) == 0xf7d9d9) return intern(at, 3);
  return NOTHING_KNOWN;
}
