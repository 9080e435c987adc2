/** Values changed on purpose so that checksums do not change: what a fault does not do and a CRC cannot see. */
import { plainCrc32c } from "../../support/plain-hash-kv";
import { bucketOf, type Span } from "../anatomy";
import type { Base } from "../base";
import { inDatabase, type Kind } from "../mutant";
import { liveAt, recordParts, versionsOf } from "../records";

/**
 * The four bytes to be XORed in after `zeros` unchanged bytes, so that a CRC-32C does not see that `delta` was XORed in
 * before them. A CRC is linear: fed with four bytes equal to its state, the state becomes zero.
 */
export function mendingBytes(delta: Buffer, zeros: number): Buffer {
  const mended = Buffer.alloc(4);
  const state = ~plainCrc32c(Buffer.concat([delta, Buffer.alloc(zeros)]), ~0 >>> 0) >>> 0;
  mended.writeUInt32LE(state);
  return mended;
}

function xorInto(bytes: Buffer, at: number, delta: Buffer): void {
  delta.forEach((byte, i) => {
    bytes.writeUInt8((bytes[at + i] ?? 0) ^ byte, at + i);
  });
}

/** The value within each stored record of the bucket `key`, with the record's own place in the file. */
function valueSpans({ good }: Base): readonly (readonly [value: Span | undefined, record: Span])[] {
  const { entries, values } = bucketOf(good.anatomy, "key");
  return values.map((record, i) => {
    const part = recordParts(entries[i]?.value ?? Buffer.alloc(0)).find(
      ({ kind }) => kind === "value",
    );
    return [part && { at: record.at + part.at, bytes: part.bytes, what: record.what }, record];
  });
}

const LEAST_BYTES = 8;

export const FORGED: readonly Kind[] = [
  {
    id: "forged-value",
    title: "a value forged so that every CRC-32C stays the same",
    mutants: (base, random, places) => {
      const spans = valueSpans(base);
      const live = liveAt(versionsOf(base.good));
      const long = live.flatMap((i) => {
        const value = spans[i]?.[0];
        return value !== undefined && value.bytes >= LEAST_BYTES ? [value] : [];
      });
      return random.sample(long, places).flatMap(({ at, bytes, what }) =>
        inDatabase(base.good.file, what, (database) => {
          const delta = Buffer.from([1 << random.below(7)]);
          const from = at + random.below(bytes - LEAST_BYTES + 1);
          xorInto(database, from, delta);
          xorInto(database, from + 1, mendingBytes(delta, 0));
          return undefined;
        }),
      );
    },
  },
  {
    id: "forged-pair",
    title: "two values forged so that HashKV stays the same",
    mutants: (base, random, places) => {
      const spans = valueSpans(base);
      const versions = versionsOf(base.good);
      const live = new Set(liveAt(versions));
      const pairs = versions.flatMap((_, i) => {
        const [[one, record] = [], [two, next] = []] = [spans[i], spans[i + 1]];
        // Neighbours, both live, so that HashKV takes them one after the other; the same page tells what lies between.
        const fit =
          live.has(i) &&
          live.has(i + 1) &&
          one &&
          two &&
          record &&
          next &&
          one.bytes >= 1 &&
          two.bytes >= 4;
        return fit
          ? [{ one, two, record, next, what: `revision ${versions[i]?.main ?? 0} and the next` }]
          : [];
      });
      return random.sample(pairs, places).flatMap(({ one, two, record, next, what }) =>
        inDatabase(base.good.file, what, (database) => {
          const delta = Buffer.from([1 << random.below(7)]);
          xorInto(database, one.at, delta);
          const REVISION_BYTES = 17;
          const between = record.at + record.bytes - one.at - 1 + REVISION_BYTES + two.at - next.at;
          xorInto(database, two.at, mendingBytes(delta, between));
          return undefined;
        }),
      );
    },
  },
];
