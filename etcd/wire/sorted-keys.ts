/** Keys in the order of their bytes, and finding some in it. */

/** Those of a file, or some of a server's. */
export interface SortedKeys {
  readonly count: number;
  /** A copy of key `i`. */
  key(i: number): Buffer;
  /** `-1 - n` where the key is not there, and `n` the number of the first one after it. */
  indexOf(key: Uint8Array): number;
}

/**
 * The number of an element among `count` that are in order; as `indexOf` says it where it is not there.
 * @param orderAt how element `i` stands to the one that is looked for: below 0 where it comes before it
 */
export function searchSorted(count: number, orderAt: (i: number) => number): number {
  let from = 0;
  let to = count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const order = orderAt(middle);
    if (order === 0) return middle;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  return -1 - from;
}

/** The number of the first key that is not before these bytes. */
export function firstFrom(keys: Pick<SortedKeys, "indexOf">, bytes: Uint8Array): number {
  const found = keys.indexOf(bytes);
  return found >= 0 ? found : -1 - found;
}

/** The first possible key after all that begin with some bytes; undefined where they go up to the last. */
export function afterPrefix(prefix: Uint8Array): Buffer | undefined {
  // The last byte that can grow, grown by one, and nothing after it.
  const grows = prefix.findLastIndex((byte) => byte < 0xff);
  if (grows < 0) return undefined;
  const end = Buffer.from(prefix.subarray(0, grows + 1));
  end[grows] = (end[grows] ?? 0) + 1;
  return end;
}

/** The numbers `[first, end)` of the keys that begin with some bytes. */
export function withPrefix(
  keys: Pick<SortedKeys, "count" | "indexOf">,
  prefix: Uint8Array,
): readonly [number, number] {
  const end = afterPrefix(prefix);
  return [firstFrom(keys, prefix), end === undefined ? keys.count : firstFrom(keys, end)];
}
