import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { crc32c } from "../../../etcd/wire/crc32c";
import { keyRange, planReadBack, prefixRange } from "../../../etcd/proof/plan";
import { encodeMessage, readFields, signedField, unsignedField } from "../../../etcd/wire/protobuf";
import type { KeyMetadata, LiveKeys } from "../../../etcd/snapshot/snapshot";

/** Live keys of given sizes; a plan looks at no more of them than this. */
function liveKeys(
  storedBytes: readonly number[],
  leases: readonly bigint[] = [],
): Pick<LiveKeys, "count" | "key" | "metadata"> {
  const metadata = (i: number): KeyMetadata => ({
    createRevision: 2,
    modRevision: 2,
    version: 1,
    lease: leases[i] ?? 0n,
    valueBytes: 0,
    storedBytes: storedBytes[i] ?? 0,
    crc: 0,
  });
  return {
    count: storedBytes.length,
    key: (i) => Buffer.from(String(i).padStart(6, "0")),
    metadata,
  };
}

describe("the plan of a read-back", () => {
  it("covers the whole key space once, within its limits, whatever the sizes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 200 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 100, max: 5000 }),
        (sizes, keys, bytes) => {
          const live = liveKeys(sizes);
          const { ranges, largestAnswer } = planReadBack(live, { keys, bytes });
          let next = 0;
          for (const range of ranges) {
            expect(range.first).toBe(next);
            next += range.count;
            const size = sizes.slice(range.first, next).reduce((sum, each) => sum + each, 0);
            expect(range.count).toBeLessThanOrEqual(keys);
            expect(size <= bytes || range.count === 1).toBe(true);
            expect(size).toBeLessThan(largestAnswer);
          }
          expect(next).toBe(sizes.length);
          const asked = ranges.map((range) => keyRange(live, range));
          const open = Buffer.from([0]);
          const starts = asked.map(({ start }) => start);
          expect(starts.at(0)).toEqual(open);
          // Each ends where the next one starts, the last one nowhere.
          expect(asked.map(({ end }) => end)).toEqual([...starts.slice(1), open]);
        },
      ),
    );
  });

  it("has one range for a store without keys, so that an extra key would show", () => {
    const { ranges } = planReadBack(liveKeys([]));
    expect(ranges).toEqual([{ first: 0, count: 0, leased: false }]);
  });

  it("gives a huge value a range of its own, and counts keys by lease", () => {
    const sizes = [10, 10, 9_000_000, 10, 10];
    const plan = planReadBack(liveKeys(sizes, [0n, 7n, 0n, 8n, 7n]));
    expect(plan.ranges).toEqual([
      { first: 0, count: 2, leased: true },
      { first: 2, count: 1, leased: false },
      { first: 3, count: 2, leased: true },
    ]);
    expect(plan.keysByLease).toEqual(
      new Map([
        [7n, 2],
        [8n, 1],
      ]),
    );
  });
});

describe("a prefix as a range", () => {
  it.each([
    ["/a/", [0x2f, 0x61, 0x30]],
    ["a\u007f", [0x61, 0x80]],
    ["", [0]],
  ])("of %j ends before the first key without it", (prefix, end) => {
    expect(prefixRange(Buffer.from(prefix)).end).toEqual(Buffer.from(end));
  });

  it("carries over bytes that cannot grow", () => {
    expect(prefixRange(Buffer.from([1, 0xff, 0xff])).end).toEqual(Buffer.from([2]));
    const last = prefixRange(Buffer.from([0xff]));
    expect(last).toEqual({ start: Buffer.from([0xff]), end: Buffer.from([0]) });
  });
});

describe("protobuf", () => {
  it("reads what it writes, signed 64-bit numbers included", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.uint8Array({ maxLength: 300 }),
        (number, bytes) => {
          const fields = [
            ...readFields(
              encodeMessage([
                [3, number],
                [1, bytes],
                [200, true],
              ]),
            ),
          ];
          expect(signedField(fields, 3)).toBe(number);
          expect(unsignedField(fields, 200)).toBe(1n);
          expect(fields.some(({ value }) => Buffer.isBuffer(value))).toBe(bytes.length > 0);
        },
      ),
    );
  });

  it("refuses a message that is cut anywhere inside a field", () => {
    const message = encodeMessage([
      [1, "key"],
      [2, 300],
    ]);
    for (const length of [1, 2, 3, 4, 6, 7]) {
      expect(() => [...readFields(message.subarray(0, length))]).toThrow(RangeError);
    }
    expect([...readFields(message.subarray(0, 5))]).toHaveLength(1);
  });
});

it("computes CRC-32C, not the CRC-32 of zip files", () => {
  // RFC 3720, appendix B.4.
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
});
