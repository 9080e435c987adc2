// HashKV from the index, by the rules of etcd's server/storage/mvcc/hash.go and key_index.go (`keep`).
// One leaf a call: V8 replaces its quickly compiled code by the optimized one only when a function is called anew.
import { crc32c, joinCrc } from "./crc32c";
import { arena, arenaStart, leafAt, nextRecord, ownsKey, Record, TOMBSTONE } from "./memory";

// 18 bytes for a revision key, above the CRC's tables (crc32c.ts uses [0, 65536)).
const revisionKey = memory.data(24, 8);

/** Forgets what is marked as latest: to be called before `markLeaf` for all leaves in order. */
export function forgetLatest(): void {
  for (let at = arenaStart; at < arena; ) {
    const record = changetype<Record>(at);
    if (ownsKey(record)) record.key.latest = null;
    at = changetype<usize>(nextRecord(record));
  }
}

/** Marks each record of a leaf as its key's latest, up to `revision`. */
export function markLeaf(ordinal: u32, revision: f64): void {
  const leaf = leafAt(ordinal);
  const last = revision as u64;
  let record = leaf.first;
  for (let i: u32 = 0; i < leaf.count; i++) {
    if (record.main > last) return;
    record.key.latest = record;
    record = nextRecord(record);
  }
}

/** How many records of a leaf are their key's latest and no tombstone: the server keeps these when compacting. */
export function countKept(ordinal: u32): u32 {
  const leaf = leafAt(ordinal);
  let kept: u32 = 0;
  let record = leaf.first;
  for (let i: u32 = 0; i < leaf.count; i++) {
    if (record.key.latest == record && !(record.subAndTombstone & TOMBSTONE)) kept++;
    record = nextRecord(record);
  }
  return kept;
}

/** The hash before the first leaf: of the bucket's name. */
export function hashStart(): u32 {
  store<u32>(revisionKey, 0x0079656b); // "key"
  return crc32c(0, revisionKey, revisionKey + 3);
}

/** Continues the hash over a leaf. `dropUnkept`: whether there is anything that a compaction keeps. */
export function hashLeaf(hash: u32, ordinal: u32, revision: f64, compactRevision: f64, dropUnkept: bool): u32 {
  const leaf = leafAt(ordinal);
  const last = revision as u64;
  const compacted = compactRevision as u64;
  let record = leaf.first;
  for (let i: u32 = 0; i < leaf.count; i++, record = nextRecord(record)) {
    const main = record.main;
    if (main > last) break;
    const isTombstone = (record.subAndTombstone & TOMBSTONE) != 0;
    if (main <= compacted && dropUnkept && (isTombstone || record.key.latest != record)) continue;
    // Releases up to 3.4.33 and 3.5.15 drop this tombstone, later ones keep it: the hash leaves it out.
    if (main == compacted && isTombstone) continue;
    store<u64>(revisionKey, bswap<u64>(main));
    store<u8>(revisionKey, 0x5f, 8);
    store<u64>(revisionKey, bswap<u64>((record.subAndTombstone & ~TOMBSTONE) as u64), 9);
    store<u8>(revisionKey, 0x74, 17);
    hash = crc32c(hash, revisionKey, revisionKey + (isTombstone ? 18 : 17));
    hash = joinCrc(hash, record.crc, record.storedLength);
  }
  return hash;
}
