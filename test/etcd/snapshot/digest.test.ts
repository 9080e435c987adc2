/** Proves the keyed digest: it is what its definition says, and a record forged to the same CRC-32C does not pass. */
import { randomBytes } from "node:crypto";

import { describe, expect, it } from "vitest";

import { createScanner } from "../../../etcd/snapshot/scanner";
import { withCrc } from "../../support/forge";
import { plainCrc32c } from "../../support/plain-hash-kv";

const PRIME = 2n ** 61n - 1n;

/** The digest by its definition (wasm/digest.ts), in whole numbers without a limit. */
function plainDigest(bytes: Buffer, key: Buffer): bigint {
  const point = key.readBigUInt64LE(1040) & PRIME;
  const word = (text: Buffer, at: number) =>
    BigInt(at + 4 <= text.length ? text.readUInt32LE(at) : 0);
  let digest = 0n;
  for (let start = 0; start < bytes.length; start += 1024) {
    const block = Buffer.alloc(1024);
    const length = bytes.copy(block, 0, start, start + 1024);
    const sums = [0, 16].map((shift) => {
      let sum = 0n;
      for (let at = 0; at < length; at += 32) {
        for (let i = at; i < at + 16; i += 4) {
          const left = (word(block, i) + word(key, i + shift)) % 2n ** 32n;
          const right = (word(block, i + 16) + word(key, i + 16 + shift)) % 2n ** 32n;
          sum = (sum + left * right) % 2n ** 64n;
        }
      }
      return sum;
    });
    for (const sum of sums) {
      for (const half of [sum % 2n ** 32n, sum / 2n ** 32n]) {
        digest = (digest * point + half) % PRIME;
      }
    }
  }
  return digest;
}

describe("the digest of a record", () => {
  const { scanner, memory } = createScanner();
  const at = scanner.ringStart() >>> 0;
  scanner.makeUsable(at + 10_000);
  const digestOf = (bytes: Buffer) => {
    new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
    return BigInt.asUintN(64, scanner.digestOf(at, at + bytes.length));
  };
  const key = Buffer.alloc(scanner.digestKeyBytes());
  key.set(new Uint8Array(memory.buffer, scanner.digestKey() >>> 0, key.length));

  it("has a key of random bytes, the same for each file that this process reads", () => {
    const other = createScanner();
    const theirs = new Uint8Array(other.memory.buffer, other.scanner.digestKey() >>> 0, key.length);
    expect(Buffer.from(theirs)).toEqual(key);
    expect(new Set(key).size).toBeGreaterThan(200);
  });

  it("is what its definition says, at every length around its blocks and stripes", () => {
    for (const length of [0, 1, 7, 8, 31, 32, 33, 63, 64, 500, 1023, 1024, 1025, 2048, 5001]) {
      const bytes = randomBytes(length);
      expect(digestOf(bytes), `${length} bytes`).toBe(plainDigest(bytes, key));
    }
    const ones = Buffer.alloc(3000, 0xff);
    expect(digestOf(ones)).toBe(plainDigest(ones, key));
  });

  it("tells a record from one that was forged to the same CRC-32C", () => {
    for (let round = 0; round < 100; round += 1) {
      const real = randomBytes(200 + round);
      const crc = plainCrc32c(real);
      const forged = withCrc(randomBytes(real.length - 4), crc);
      expect(plainCrc32c(forged)).toBe(crc);
      expect(forged.length).toBe(real.length);
      expect(digestOf(forged)).not.toBe(digestOf(real));
    }
  });
});
