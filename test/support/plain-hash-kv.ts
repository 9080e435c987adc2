import { storedEntry, type StoredVersion } from "./bbolt-builder";

const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** CRC-32C, one byte at a time. */
export function plainCrc32c(bytes: Uint8Array, crc = 0): number {
  let state = ~crc;
  for (const byte of bytes) state = (state >>> 8) ^ (TABLE[(state ^ byte) & 255] ?? 0);
  return ~state >>> 0;
}

/**
 * HashKV as etcd's `server/storage/mvcc/hash.go` and `key_index.go` say it, as plainly as possible: what the reader's
 * quick one is compared with.
 */
export function plainHashKv(
  versions: readonly StoredVersion[],
  revision: number,
  compactRevision: number,
): number {
  const latest = new Map<string, StoredVersion>();
  for (const version of versions) {
    if (version.main <= revision) latest.set(version.key.toString("hex"), version);
  }
  const kept = new Set([...latest.values()].filter(({ tombstone }) => tombstone !== true));
  let crc = plainCrc32c(Buffer.from("key"));
  for (const version of versions) {
    if (version.main > revision) continue;
    if (version.main <= compactRevision && kept.size > 0 && !kept.has(version)) continue;
    if (version.main === compactRevision && version.tombstone === true) continue;
    const { key, value } = storedEntry(version);
    crc = plainCrc32c(value, plainCrc32c(key, crc));
  }
  return crc;
}
