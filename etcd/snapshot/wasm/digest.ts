// A keyed digest of each stored record, 61 bits, under a key that is drawn anew in each process and never leaves it.
//
// What it is for: a server that means to deceive can make a value with any CRC-32C it likes. It cannot make one with a digest
// whose key it does not know. For two different texts of one length, whatever they are, the share of keys under which they
// have the same digest is at most (4 * blocks) / 2^61 + 2^-64: 2^-58 up to 1 KiB, 2^-48 at etcd's 1.5 MiB. No assumption
// about a cipher is needed for that, only that the key is secret and random: a universal hash, as in the MACs UMAC and VMAC.
//
// How: NH of UMAC (RFC 4418, section 5.2.2; Black et al., CRYPTO '99) over blocks of 1 KiB, twice, the second time with the key
// shifted by 16 bytes (Toeplitz): two 64-bit numbers, equal for different blocks under 2^-64 of the keys. Their four halves
// of every block are the coefficients of a polynomial, evaluated at a secret point modulo the prime 2^61 - 1.
//
// Why not SHA-256: it takes 4 microseconds for each value. This runs at twice the speed of the CRC beside it (5 GB/s at 1.2 KB),
// and at four times that with the 128-bit instructions, which emulated machines may lack and which it does not need.

// @ts-ignore: decorator
@inline const BLOCK: usize = 1024;
// @ts-ignore: decorator
@inline const STRIPE: usize = 32;
// @ts-ignore: decorator
@inline const PRIME: u64 = 0x1fffffffffffffff; // 2^61 - 1

/** 1024 bytes, 16 more for the shift, and the point. */
const KEY_BYTES: usize = BLOCK + 16 + 8;
const key: usize = memory.data(1048, 16);
/** The end of a text, filled up with zeros. Lengths are compared apart, so nothing is said of them here. */
const rest: usize = memory.data(32, 16);

let first: u64 = 0;
let second: u64 = 0;

/** Where the key lies, to be filled with random bytes before the first record is read. */
export function digestKey(): usize {
  return key;
}
export function digestKeyBytes(): usize {
  return KEY_BYTES;
}

/** a * b modulo the prime; both are below 2^61. */
// @ts-ignore: decorator
@inline
function multiply(a: u64, b: u64): u64 {
  const low = (a & 0xffffffff) * (b & 0xffffffff);
  const middle = (a >> 32) * (b & 0xffffffff) + (a & 0xffffffff) * (b >> 32);
  const high = (a >> 32) * (b >> 32);
  // 2^64 is 8, 2^61 is 1.
  const sum = (high << 3) + (middle >> 29) + ((middle & 0x1fffffff) << 32) + (low & PRIME) + (low >> 61);
  return (sum & PRIME) + (sum >> 61);
}

/** Adds the stripes of [at, end) to both sums; the key begins at `keyAt`. */
// @ts-ignore: decorator
@inline
function addStripes(at: usize, end: usize, keyAt: usize): void {
  for (; at < end; at += STRIPE, keyAt += STRIPE) {
    for (let word: usize = 0; word < 16; word += 4) {
      const left = load<u32>(at + word);
      const right = load<u32>(at + word, 16);
      const middle = load<u32>(keyAt + word, 16);
      first += ((left + load<u32>(keyAt + word)) as u64) * ((right + middle) as u64);
      second += ((left + middle) as u64) * ((right + load<u32>(keyAt + word, 32)) as u64);
    }
  }
}

/** The digest of [from, to). */
export function digestOf(from: usize, to: usize): u64 {
  const point = load<u64>(key + BLOCK + 16) & PRIME;
  let digest: u64 = 0;
  let at = from;
  while (at < to) {
    const length = min(to - at, BLOCK);
    const whole = length & ~(STRIPE - 1);
    first = 0;
    second = 0;
    addStripes(at, at + whole, key);
    if (whole < length) {
      fillRest(at + whole, length - whole);
      addStripes(rest, rest + STRIPE, key + whole);
    }
    digest = multiply(digest, point) + (first & 0xffffffff);
    digest = multiply((digest & PRIME) + (digest >> 61), point) + (first >> 32);
    digest = multiply((digest & PRIME) + (digest >> 61), point) + (second & 0xffffffff);
    digest = multiply((digest & PRIME) + (digest >> 61), point) + (second >> 32);
    digest = (digest & PRIME) + (digest >> 61);
    at += length;
  }
  return digest >= PRIME ? digest - PRIME : digest;
}

// @ts-ignore: decorator
@inline
function fillRest(from: usize, length: usize): void {
  for (let i: usize = 0; i < STRIPE; i += 8) store<u64>(rest + i, 0);
  let i: usize = 0;
  for (; i + 8 <= length; i += 8) store<u64>(rest + i, load<u64>(from + i));
  for (; i < length; i++) store<u8>(rest + i, load<u8>(from + i));
}
