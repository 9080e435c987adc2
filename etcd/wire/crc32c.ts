/**
 * CRC-32C (Castagnoli) of some bytes, unsigned: the checksum that the snapshot's index keeps of each record. `before` is
 * that of the bytes before them, where there are some.
 *
 * One byte at a time, for the few records that differ; the bulk is compared by the reader's scanner. Node's
 * `zlib.crc32` is the IEEE polynomial and gives other numbers.
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let crc = before ^ 0xffffffff;
  for (const byte of bytes) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  }
  return value >>> 0;
});
