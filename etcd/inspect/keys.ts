/** Keys as people write them, and finding them in a sorted store. */
import { printableKey } from "../wire/keys";
import { prefixRange } from "../proof/plan";
import type { KeyMetadata, KeyReader } from "../snapshot/snapshot";

/** Keys in the order of their bytes: those of a file, or some of a server's. */
export type SortedKeys = Pick<KeyReader, "count" | "key" | "indexOf">;

/**
 * The bytes of a key that was typed: its text, or what stands behind `base64:`.
 * @throws RangeError when that is no base64
 */
export function parseKey(text: string): Buffer {
  if (!text.startsWith("base64:")) return Buffer.from(text);
  const digits = text.slice("base64:".length);
  const key = Buffer.from(digits, "base64");
  if (key.toString("base64").replace(/=+$/, "") !== digits.replace(/=+$/, "")) {
    throw new RangeError(`${text} is no key: what follows base64: is not base64`);
  }
  return key;
}

/** Sorted keys out of a list that is in order. */
export function sortedKeys(list: readonly Buffer[]): SortedKeys {
  return {
    count: list.length,
    key(i) {
      const key = list[i];
      if (key === undefined)
        throw new RangeError(`key ${i} was asked for; there are ${list.length}`);
      return key;
    },
    indexOf(wanted) {
      let from = 0;
      let to = list.length;
      while (from < to) {
        const middle = (from + to) >>> 1;
        const order = Buffer.compare(list[middle] ?? wanted, wanted);
        if (order === 0) return middle;
        if (order < 0) from = middle + 1;
        else to = middle;
      }
      return -1 - from;
    },
  };
}

/** The number of the first key that is not before these bytes. */
export function firstFrom(keys: SortedKeys, bytes: Uint8Array): number {
  const found = keys.indexOf(bytes);
  return found >= 0 ? found : -1 - found;
}

/** The numbers `[first, end)` of the keys that begin with some bytes. */
export function withPrefix(keys: SortedKeys, prefix: Uint8Array): readonly [number, number] {
  const { end } = prefixRange(prefix);
  // One zero byte: up to the last key.
  const isOpen = end.length === 1 && end[0] === 0;
  return [firstFrom(keys, prefix), isOpen ? keys.count : firstFrom(keys, end)];
}

/** What to type instead of a key that is not there: up to two keys before and two after it. */
export function nearestKeys(keys: SortedKeys, missing: Uint8Array): readonly string[] {
  const at = firstFrom(keys, missing);
  const numbers = [at - 2, at - 1, at, at + 1].filter((i) => i >= 0 && i < keys.count);
  return numbers.map((i) => printableKey(keys.key(i)));
}

/** Metadata in a form that JSON can hold: the lease in hex, as etcdctl prints it, `0` for none. */
export function metadataForJson({
  createRevision,
  modRevision,
  version,
  lease,
}: Omit<KeyMetadata, "valueBytes" | "storedBytes" | "crc">): {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: string;
} {
  return {
    createRevision,
    modRevision,
    version,
    lease: BigInt.asUintN(64, lease).toString(16),
  };
}
