/** Bytes that come piece by piece. */
export type Bytes = AsyncIterable<Uint8Array>;

/** The beginning of some bytes, and all of them from the beginning on. */
export interface Peeked {
  readonly head: Buffer;
  readonly all: AsyncIterableIterator<Uint8Array>;
  /** Gives up the rest. */
  readonly close: () => Promise<void>;
}

/** Reads at least so many bytes, or all there are. */
export async function peek(bytes: Bytes, least: number): Promise<Peeked> {
  const iterator = bytes[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  for (let length = 0; length < least;) {
    const next = await iterator.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
  }
  const head = Buffer.concat(first);
  const close = async () => {
    await iterator.return?.();
  };
  const all: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => all,
    async next() {
      const value = first.shift();
      return value === undefined ? iterator.next() : { done: false, value };
    },
    async return() {
      await close();
      return { done: true, value: undefined };
    },
  };
  return { head, all, close };
}
