/** Keys as people write them, and finding them in a sorted store. */
import { printableKey } from "../wire/keys";
import { firstFrom, searchSorted, type SortedKeys } from "../wire/sorted-keys";
import type { KeyMetadata } from "../snapshot/snapshot";

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
    indexOf: (wanted) =>
      searchSorted(list.length, (i) => Buffer.compare(list[i] ?? wanted, wanted)),
  };
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
