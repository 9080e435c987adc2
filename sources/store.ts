/** What every place where backups lie can do: list what is there, and open a stretch of it. None can write. */
import type { Bytes } from "../etcd/backup/streams";
import type { Sink } from "./sink";

/** An object of a store, or a file of a folder. */
export interface StoredObject {
  /** Below the source, with slashes between its parts. */
  readonly path: string;
  readonly bytes: number;
  /** When it was last written. Absent where the store does not tell. */
  readonly modified?: Date | undefined;
  /** What the store says of the content: another content has another one. */
  readonly etag?: string | undefined;
  /** Why it cannot be read as it lies there. */
  readonly unreadable?: string | undefined;
}

/** Bytes of an object: from `from` on, up to the byte before `to`. */
export interface ByteRange {
  readonly from: number;
  /** @default the object's end */
  readonly to?: number | undefined;
}

/** The same as HTTP has it (RFC 9110, section 14.2), whose last byte is one of them. */
export function rangeHeader({ from, to }: ByteRange): string {
  return `bytes=${from}-${to === undefined ? "" : to - 1}`;
}

/** A stretch of an object that comes in. */
export interface OpenedObject {
  readonly bytes: Bytes;
  /** Brings them into a sink, in place of `bytes` and with less work. Absent where there is no such way. */
  readonly receive?: ((sink: Sink) => Promise<void>) | undefined;
  /** Where they begin: before what was asked for where the store gives only all. */
  readonly from: number;
  /** Of the whole object. Absent where nobody knows before its end. */
  readonly total?: number | undefined;
  readonly etag?: string | undefined;
  /** Whether the store gave the stretch that was asked for, and would give others. */
  readonly inRanges: boolean;
}

/** A source that was opened. Nothing is ever written to it. */
export interface Store {
  /** For people and reports: without a user, a password or a signature. */
  readonly name: string;
  /** Whether an object is there only when it is there whole; in a folder it grows. */
  readonly isAtomic: boolean;
  /** Whether the source names one object, and no folder of them. */
  readonly isOne: boolean;
  /** Whether an object can be opened again: a pipe comes once. */
  readonly canReopen: boolean;
  /** An object's full name, for people. */
  nameOf(path: string): string;
  /** All objects, in no order. @throws SourceError */
  list(signal?: AbortSignal): AsyncIterable<StoredObject>;
  /**
   * Opens a stretch of an object; what is not read to its end must be given up (`return`).
   * @param etag as it was listed: another content is refused
   * @throws SourceError
   */
  open(
    path: string,
    range: ByteRange,
    options?: { readonly etag?: string | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<OpenedObject>;
  /** What its writer noted with an object, by lower-case names. Absent where a store keeps no such notes. */
  notes?(path: string, signal?: AbortSignal): Promise<Readonly<Record<string, string>>>;
  readonly close: () => void;
}

/** Reads a short stretch of an object as one. @throws SourceError */
export async function readRange(
  store: Store,
  path: string,
  { from, to }: { readonly from: number; readonly to: number },
  options: { readonly etag?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Buffer> {
  const opened = await store.open(path, { from, to }, options);
  const parts: Uint8Array[] = [];
  let at = opened.from;
  for await (const part of opened.bytes) {
    parts.push(part.subarray(Math.max(0, from - at), Math.max(0, to - at)));
    at += part.length;
    if (at >= to) break;
  }
  return Buffer.concat(parts);
}

/** Things that are there already, as a stream of them. */
export async function* streamOf<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}
