/** Bytes on their way, piece by piece. */
import { Readable } from "node:stream";

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

/**
 * What `work` makes of a source. An error of the source itself (the disk, an interruption) is no damage, whatever `work`
 * makes of it, and stays what it is; any other is what `damage` makes of it.
 */
export async function* unpackedBy(
  source: Bytes,
  work: (source: Bytes) => Bytes,
  damage: (error: unknown) => unknown,
): Bytes {
  let problem: Error | undefined;
  async function* watched(): Bytes {
    try {
      yield* source;
    } catch (error) {
      problem = error instanceof Error ? error : new Error(String(error));
      throw problem;
    }
  }
  try {
    yield* work(watched());
  } catch (error) {
    throw problem ?? damage(error);
  }
}

/** What a library makes of a source that works on the streams of the web. */
export async function* byWebStream(
  source: Bytes,
  work: (source: WebStream) => WebStream | Promise<WebStream>,
): Bytes {
  // The two types of a web stream, Node's and a library's, differ in name only.
  const stream = Readable.toWeb(Readable.from(source)) as WebStream;
  const reader = (await work(stream)).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
type WebStream = ReadableStream<Uint8Array>;

/** Bytes that are asked for by number. */
export interface Reader {
  /** The next so many bytes, or fewer at the end; undefined behind the end. */
  block(length: number): Promise<Buffer | undefined>;
  /** The next so many bytes; undefined when there are fewer. */
  exactly(length: number): Promise<Buffer | undefined>;
  /** The next so many bytes, piece by piece; `skip` passes over what was not taken. */
  body(length: number, cut: () => Error): { readonly bytes: Bytes; skip(): Promise<void> };
  /** Gives up the rest. */
  close(): Promise<void>;
}

/** Reads some bytes in the order in which they come. */
export function reader(source: Bytes): Reader {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  /** At most so many bytes, at least one; undefined at the end. */
  async function some(most: number): Promise<Uint8Array | undefined> {
    while (rest.length === 0) {
      const next = await iterator.next();
      if (next.done === true) return undefined;
      rest = next.value;
    }
    const part = rest.subarray(0, most);
    rest = rest.subarray(part.length);
    return part;
  }
  async function block(length: number): Promise<Buffer | undefined> {
    const parts: Uint8Array[] = [];
    let left = length;
    while (left > 0) {
      const part = await some(left);
      if (part === undefined) break;
      parts.push(part);
      left -= part.length;
    }
    return left === length && length > 0 ? undefined : Buffer.concat(parts);
  }
  return {
    block,
    async exactly(length) {
      const found = await block(length);
      return found?.length === length ? found : undefined;
    },
    body(length, cut) {
      let left = length;
      async function next(): Promise<Uint8Array | undefined> {
        if (left === 0) return undefined;
        const part = await some(left);
        if (part === undefined) throw cut();
        left -= part.length;
        return part;
      }
      async function* bytes(): Bytes {
        for (let part = await next(); part !== undefined; part = await next()) yield part;
      }
      const skip = async () => {
        while ((await next()) !== undefined);
      };
      return { bytes: bytes(), skip };
    },
    async close() {
      await iterator.return?.();
    },
  };
}
