/**
 * An object on its way to this computer: looked at while it comes, hashed, and gone on with after a cut. Memory does not
 * grow with its size.
 */
import { createHash, type Hash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Place } from "../etcd/backup/place";
import { NoRoomError } from "../etcd/backup/place";
import { SnapshotError } from "../etcd/snapshot/snapshot-error";
import { size } from "../etcd/wire/figures";
import { refuseEarly, HEAD_BYTES } from "./refuse-early";
import { reasonOf, SourceError } from "./source-error";
import { readRange, type OpenedObject, type Store } from "./store";

/** So many cuts one behind the other, without a byte between them, are no longer a matter of patience. */
const MOST_FAILURES = 6;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each piece. @param total NaN where nobody knows */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Milliseconds to wait after the first cut; doubled after each without a byte. */
  readonly firstWaitMs?: number;
}

export interface Downloaded {
  readonly bytes: number;
  /** In hex, of the object as it lies there. */
  readonly sha256: string;
  readonly etag?: string | undefined;
  /** How often it was gone on with after a cut. */
  readonly resumed: number;
}

/** What is fetched: an object as it was listed. */
export interface Wanted {
  readonly path: string;
  /** NaN where nobody knows. */
  readonly bytes: number;
  readonly etag?: string | undefined;
}

/**
 * Fetches an object into a place, which the caller finishes or discards.
 * @throws SourceError when the store does not give it, or gives another than was listed; NoRoomError; SnapshotError,
 * before the rest is fetched, when its beginning is none of a backup
 */
export async function download(
  store: Store,
  wanted: Wanted,
  place: Place,
  options: DownloadOptions = {},
): Promise<Downloaded> {
  const { signal, firstWaitMs = FIRST_WAIT_MS } = options;
  const name = store.nameOf(wanted.path);
  const arrival = createArrival(store, wanted, place, options);
  let resumed = 0;
  for (let failures = 0; ;) {
    const before = arrival.bytes();
    try {
      await arrival.goOn();
      return { ...arrival.end(), resumed };
    } catch (error) {
      signal?.throwIfAborted();
      if (isFinal(error) || !arrival.canGoOn()) throw named(error, name);
      failures = arrival.bytes() > before ? 1 : failures + 1;
      if (failures >= MOST_FAILURES) {
        const at = `at ${size(arrival.bytes())} of ${size(wanted.bytes)}`;
        throw new SourceError(
          "environment",
          `${name}: the connection was cut ${at}, and ${MOST_FAILURES} attempts one after the other brought nothing: ${reasonOf(error)}`,
        );
      }
      resumed += 1;
      const wait = Math.min(LONGEST_WAIT_MS, firstWaitMs * 2 ** (failures - 1));
      await delay(wait, undefined, signal && { signal });
    }
  }
}

/** What another attempt would not change. */
function isFinal(error: unknown): boolean {
  if (error instanceof SourceError) return error.kind !== "environment";
  return error instanceof NoRoomError || error instanceof SnapshotError;
}

function named(error: unknown, name: string): unknown {
  const isOurs =
    error instanceof SourceError || error instanceof NoRoomError || error instanceof SnapshotError;
  return isOurs ? error : new SourceError("environment", `${name} broke off: ${reasonOf(error)}`);
}

interface Arrival {
  /** Fetches what is missing, to the end. */
  goOn(): Promise<void>;
  canGoOn(): boolean;
  bytes(): number;
  end(): { readonly bytes: number; readonly sha256: string; readonly etag?: string | undefined };
}

function createArrival(
  store: Store,
  wanted: Wanted,
  place: Place,
  { signal, onProgress }: DownloadOptions,
): Arrival {
  const name = store.nameOf(wanted.path);
  const hash = createHash("sha256");
  let done = 0;
  let total: number | undefined = Number.isNaN(wanted.bytes) ? undefined : wanted.bytes;
  let etag = wanted.etag;
  /** The first bytes, until they have been looked at. */
  let head: Buffer[] | undefined = [];

  async function goOn(): Promise<void> {
    const opened = await store.open(wanted.path, { from: done }, { etag, signal });
    // The same object as was listed, and as before a cut.
    assertSameSize(name, total, opened.total);
    total ??= opened.total;
    etag ??= opened.etag;
    if (done === 0 && total !== undefined) place.expect(total);
    const again = done > opened.from ? comparer(hash, done - opened.from, name) : undefined;
    for await (const part of opened.bytes) {
      signal?.throwIfAborted();
      const fresh = again === undefined ? part : again(part);
      if (fresh.length > 0) await take(fresh, opened);
    }
    if (done < (total ?? 0)) throw new Error(`the answer ended ${(total ?? 0) - done} bytes early`);
    if (head !== undefined) await look(Buffer.concat(head), opened);
  }

  async function take(part: Uint8Array, opened: OpenedObject): Promise<void> {
    assertRoomFor(name, done + part.length, total);
    place.write(part);
    hash.update(part);
    done += part.length;
    if (head !== undefined) {
      head.push(Buffer.from(part));
      if (done >= HEAD_BYTES) await look(Buffer.concat(head), opened);
    }
    onProgress?.(done, total ?? NaN);
  }

  async function look(bytes: Buffer, { inRanges }: OpenedObject): Promise<void> {
    head = undefined;
    const further = (from: number, to: number) =>
      readRange(store, wanted.path, { from, to }, { etag, signal });
    await refuseEarly(name, bytes, total, inRanges ? further : undefined);
  }

  return {
    goOn,
    // Without ranges it begins again, and what is there is compared; a pipe does not begin again.
    canGoOn: () => store.canReopen,
    bytes: () => done,
    end: () => ({ bytes: done, sha256: hash.digest("hex"), etag }),
  };
}

function assertRoomFor(name: string, bytes: number, total: number | undefined): void {
  if (total === undefined || bytes <= total) return;
  throw new SourceError("environment", `${name}: more than the ${total} bytes that it has came`);
}

function assertSameSize(name: string, before: number | undefined, now: number | undefined): void {
  if (now === undefined || before === undefined || now === before) return;
  throw new SourceError(
    "usage",
    `${name} changed: it had ${before} bytes and now has ${now}; try again`,
  );
}

/**
 * Of a store that gives only all: passes over the bytes that are there already.
 * @throws SourceError when they are other ones than before
 */
function comparer(before: Hash, bytes: number, name: string): (part: Uint8Array) => Uint8Array {
  const expected = before.copy().digest("hex");
  const found = createHash("sha256");
  let left = bytes;
  return (part) => {
    const old = part.subarray(0, left);
    if (left > 0) {
      left -= old.length;
      found.update(old);
      if (left === 0 && found.digest("hex") !== expected) {
        throw new SourceError("usage", `${name} changed while it was fetched; try again`);
      }
    }
    return part.subarray(old.length);
  };
}
