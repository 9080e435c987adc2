// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78) by tables: sixteen bytes a step ("slicing by 16"), or three
// stretches at once with eight bytes a step each, joined afterwards (as zlib's crc32_combine does).

// Sixteen tables of 256 words lie at address 0.
// @ts-ignore: decorator
@inline const POWERS: usize = 16384; // 3 tables of 4096 words: x^(8n), x^(8n * 2^12), x^(8n * 2^24)
const POLYNOMIAL: u32 = 0x82f63b78;

/** Product of two polynomials modulo the CRC's. */
function multiply(a: u32, b: u32): u32 {
  let product: u32 = 0;
  for (let bit = 0; bit < 32; bit++) {
    product ^= b & (0 - (a >> 31));
    a <<= 1;
    b = (b >> 1) ^ (POLYNOMIAL & (0 - (b & 1)));
  }
  return product;
}

export function fillTables(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
    store<u32>(byte << 2, crc);
  }
  for (let table: u32 = 1; table < 16; table++) {
    for (let byte: u32 = 0; byte < 256; byte++) {
      const crc = load<u32>(((table - 1) << 10) + (byte << 2));
      store<u32>((table << 10) + (byte << 2), (crc >> 8) ^ load<u32>((crc & 255) << 2));
    }
  }
  let base: u32 = 0x00800000; // x^8
  for (let table: usize = 0; table < 3; table++) {
    const at = POWERS + (table << 14);
    store<u32>(at, 0x80000000); // 1
    for (let n: usize = 1; n < 4096; n++) {
      store<u32>(at + (n << 2), multiply(base, load<u32>(at + ((n - 1) << 2))));
    }
    base = multiply(base, load<u32>(at + (4095 << 2)));
  }
}

/** Continues `crc` (0 at the beginning) over [from, to). */
export function crc32c(crc: u32, from: usize, to: usize): u32 {
  crc = ~crc;
  let at = from;
  for (; at + 16 <= to; at += 16) {
    const first = load<u64>(at) ^ (crc as u64);
    const second = load<u64>(at, 8);
    const a = first as u32;
    const b = (first >> 32) as u32;
    const c = second as u32;
    const d = (second >> 32) as u32;
    // The second operand is a constant offset, so that each lookup is one instruction.
    crc =
      load<u32>((a & 255) << 2, 15 << 10) ^ load<u32>(((a >> 8) & 255) << 2, 14 << 10) ^
      load<u32>(((a >> 16) & 255) << 2, 13 << 10) ^ load<u32>((a >> 24) << 2, 12 << 10) ^
      load<u32>((b & 255) << 2, 11 << 10) ^ load<u32>(((b >> 8) & 255) << 2, 10 << 10) ^
      load<u32>(((b >> 16) & 255) << 2, 9 << 10) ^ load<u32>((b >> 24) << 2, 8 << 10) ^
      load<u32>((c & 255) << 2, 7 << 10) ^ load<u32>(((c >> 8) & 255) << 2, 6 << 10) ^
      load<u32>(((c >> 16) & 255) << 2, 5 << 10) ^ load<u32>((c >> 24) << 2, 4 << 10) ^
      load<u32>((d & 255) << 2, 3 << 10) ^ load<u32>(((d >> 8) & 255) << 2, 2 << 10) ^
      load<u32>(((d >> 16) & 255) << 2, 1 << 10) ^ load<u32>((d >> 24) << 2);
  }
  for (; at < to; at++) crc = (crc >> 8) ^ load<u32>(((crc ^ load<u8>(at)) & 255) << 2);
  return ~crc;
}

/** CRC of two stretches one after the other, from the CRC of each and the second's length. */
export function joinCrc(first: u32, second: u32, secondLength: u32): u32 {
  let shift = load<u32>(POWERS + ((secondLength & 4095) << 2));
  if (secondLength >> 12) {
    shift = multiply(shift, load<u32>(POWERS + 16384 + (((secondLength >> 12) & 4095) << 2)));
    if (secondLength >> 24) shift = multiply(shift, load<u32>(POWERS + 32768 + ((secondLength >> 24) << 2)));
  }
  return multiply(shift, first) ^ second;
}

// @ts-ignore: decorator
@inline
function step(crc: u32, at: usize): u32 {
  const bytes = load<u64>(at) ^ (crc as u64);
  const a = bytes as u32;
  const b = (bytes >> 32) as u32;
  return (
    load<u32>((a & 255) << 2, 7 << 10) ^ load<u32>(((a >> 8) & 255) << 2, 6 << 10) ^
    load<u32>(((a >> 16) & 255) << 2, 5 << 10) ^ load<u32>((a >> 24) << 2, 4 << 10) ^
    load<u32>((b & 255) << 2, 3 << 10) ^ load<u32>(((b >> 8) & 255) << 2, 2 << 10) ^
    load<u32>(((b >> 16) & 255) << 2, 1 << 10) ^ load<u32>((b >> 24) << 2)
  );
}

/** From here on three stretches at once are faster, although joining them costs some 100 ns. */
const LONG: u32 = 600;

/** CRC of [from, to): as `crc32c(0, from, to)`, a quarter faster where it is long. */
export function crcOfRecord(from: usize, to: usize): u32 {
  const length = (to - from) as u32;
  if (length < LONG) return crc32c(0, from, to);
  const third = (length / 3) & ~7;
  let first: u32 = ~0;
  let second: u32 = ~0;
  let rest: u32 = ~0;
  for (let at = from; at < from + third; at += 8) {
    first = step(first, at);
    second = step(second, at + third);
    rest = step(rest, at + 2 * third);
  }
  const last = crc32c(~rest, from + 3 * third, to);
  return joinCrc(joinCrc(~first, ~second, third), last, length - 2 * third);
}
