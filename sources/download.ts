/**
 * An object on its way to this computer: looked at while it comes, hashed, and gone on with after a cut. Memory does not
 * grow with its size.
 */
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Place } from "../etcd/backup/place";
import { NoRoomError } from "../etcd/backup/place";
import { SnapshotError } from "../etcd/snapshot/snapshot-error";
import { size } from "../etcd/wire/figures";
import { openIntake } from "./intake";
import { createLook } from "./look-meanwhile";
import { put, type Sink } from "./sink";
import { isFinal, reasonOf, SourceError } from "./source-error";
import type { OpenedObject, Store } from "./store";

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
  const name = store.nameOf(wanted.path);
  const arrival = createArrival(store, wanted, place, options);
  try {
    return await arriving(arrival, name, wanted, options);
  } finally {
    await arrival.close();
  }
}

async function arriving(
  arrival: Arrival,
  name: string,
  wanted: Wanted,
  { signal, firstWaitMs = FIRST_WAIT_MS }: DownloadOptions,
): Promise<Downloaded> {
  let resumed = 0;
  for (let failures = 0; ;) {
    const before = arrival.bytes();
    try {
      return { ...(await arrival.goOn()), resumed };
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

function named(error: unknown, name: string): unknown {
  const isOurs =
    error instanceof SourceError || error instanceof NoRoomError || error instanceof SnapshotError;
  return isOurs ? error : new SourceError("environment", `${name} broke off: ${reasonOf(error)}`);
}

interface Arrival {
  /** Fetches what is missing, to the end. */
  goOn(): Promise<Omit<Downloaded, "resumed">>;
  canGoOn(): boolean;
  bytes(): number;
  close(): Promise<void>;
}

function createArrival(
  store: Store,
  wanted: Wanted,
  place: Place,
  { signal, onProgress }: DownloadOptions,
): Arrival {
  const name = store.nameOf(wanted.path);
  const look = createLook(store, wanted.path, signal);
  // Before the first answer: the thread that hashes starts meanwhile.
  const intake = openIntake(wanted.bytes, handOn);
  let received = 0;
  let written = 0;
  let total: number | undefined = Number.isNaN(wanted.bytes) ? undefined : wanted.bytes;
  let etag = wanted.etag;

  async function goOn(): Promise<Omit<Downloaded, "resumed">> {
    await intake.flush();
    const opened = await store.open(wanted.path, { from: received }, { etag, signal });
    // The same object as was listed, and as before a cut.
    assertSameSize(name, total, opened.total);
    total ??= opened.total;
    etag ??= opened.etag;
    look.knows({ ...opened, etag, total });
    if (received === 0 && total !== undefined) place.expect(total);
    const sink = { space: intake.space, took };
    if (opened.from < received)
      await takeAgain(opened, { bytes: received, sha256: await intake.digest(), name }, sink);
    else await take(opened, sink);
    if (received < (total ?? 0))
      throw new Error(`the answer ended ${(total ?? 0) - received} bytes early`);
    await intake.flush();
    await look.end();
    return { bytes: received, sha256: await intake.digest(), etag };
  }

  function took(count: number): Promise<void> | undefined {
    assertRoomFor(name, received + count, total);
    received += count;
    return intake.took(count);
  }

  function handOn(piece: Uint8Array): Promise<void> | undefined {
    signal?.throwIfAborted();
    place.write(piece);
    written += piece.length;
    onProgress?.(written, total ?? NaN);
    return look.at(piece);
  }

  return {
    goOn,
    // Without ranges it begins again, and compares; a pipe does not. What was not written or hashed is no fault of the line.
    canGoOn: () => store.canReopen && intake.isWhole(),
    bytes: () => received,
    async close() {
      await look.close();
      await intake.close();
    },
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

async function take({ bytes, receive }: OpenedObject, sink: Sink): Promise<void> {
  if (receive !== undefined) return receive(sink);
  for await (const part of bytes) await put(sink, part);
}

/**
 * Of a store that gives only all: passes over the bytes that are there already.
 * @throws SourceError when they are other ones than before
 */
async function takeAgain(
  { bytes, from }: OpenedObject,
  before: { readonly bytes: number; readonly sha256: string; readonly name: string },
  sink: Sink,
): Promise<void> {
  const found = createHash("sha256");
  let left = before.bytes - from;
  for await (const part of bytes) {
    const old = part.subarray(0, left);
    if (left > 0) {
      left -= old.length;
      found.update(old);
      if (left === 0 && found.digest("hex") !== before.sha256) {
        throw new SourceError("usage", `${before.name} changed while it was fetched; try again`);
      }
    }
    await put(sink, part.subarray(old.length));
  }
}
