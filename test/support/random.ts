/** Numbers that look random and are the same in every run. */
export interface Random {
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from 0 up to `below` - 1. */
  below(below: number): number;
  pick<T>(items: readonly T[]): T;
  /** So many different ones of them, in their order; all when there are not more. */
  sample<T>(items: readonly T[], count: number): readonly T[];
  bytes(length: number): Buffer;
}

/** mulberry32. The same seed, number or text, gives the same numbers. */
export function createRandom(seed: number | string): Random {
  let state = typeof seed === "number" ? seed : fnv1a32(seed);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("nothing to pick from");
      return item;
    },
    sample(items, count) {
      const order = items.map((item, at) => ({ item, at, lot: next() }));
      return order
        .sort((a, b) => a.lot - b.lot)
        .slice(0, count)
        .sort((a, b) => a.at - b.at)
        .map(({ item }) => item);
    },
    bytes: (length) => Buffer.from(Uint8Array.from({ length }, () => below(256))),
  };
}

function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
