import { setImmediate as yieldToEvents } from "node:timers/promises";
import { closeSync } from "node:fs";

import { openSource, readFully, type SourceFile } from "../snapshot/file";
import { SnapshotError, type LiveKeys, type Snapshot } from "../snapshot/snapshot";

/** Told of one live key: its number, its bytes, and the first bytes of its value, which are overwritten afterwards. */
export type HeadVisitor = (i: number, key: Buffer, head: Buffer) => void;

/** Enough for a protobuf object's type and for the longest header of an encrypted value. */
export const HEAD_BYTES = 512;
/** Tags, lengths and the five numbers of a `mvccpb.KeyValue`. */
const FRAME_BYTES = 64;
const WINDOW_BYTES = 256 * 1024;
const TURN_KEYS = 20_000;

/**
 * Shows the first 512 bytes of every live value, in the order in which they lie in the file.
 *
 * The file is read once more from front to back, but for the insides of large values.
 * @throws SnapshotError when the file is no longer the one that was read.
 */
export async function visitHeads(
  { file, bytes, live }: Pick<Snapshot, "file" | "bytes" | "live">,
  visit: HeadVisitor,
  signal?: AbortSignal,
): Promise<void> {
  const source = openSource(file);
  try {
    if (source.size !== bytes) throw changed(file);
    const view = slidingWindow(source);
    for (const [turn, i] of inFileOrder(live).entries()) {
      if (turn % TURN_KEYS === 0) {
        await yieldToEvents();
        signal?.throwIfAborted();
      }
      const key = live.key(i);
      const { storedBytes, valueBytes } = live.metadata(i);
      const wanted = Math.min(storedBytes, FRAME_BYTES + key.length + HEAD_BYTES);
      const stored = view(live.storedAt(i), wanted);
      if (!hasKey(stored, key)) throw changed(file, live.storedAt(i));
      visit(i, key, headOf(stored, Math.min(valueBytes, HEAD_BYTES)));
    }
  } finally {
    closeSync(source.fd);
  }
}

function changed(file: string, offset?: number): SnapshotError {
  const place = offset === undefined ? {} : { offset };
  return new SnapshotError(file, "the file is no longer the one that was read", place);
}

/** The numbers of the live keys, ordered by where their records lie. */
function inFileOrder(live: LiveKeys): Uint32Array {
  const offsets = Float64Array.from({ length: live.count }, (_, i) => live.storedAt(i));
  return Uint32Array.from({ length: live.count }, (_, i) => i).sort(
    (a, b) => (offsets[a] ?? 0) - (offsets[b] ?? 0),
  );
}

/** Gives views of the file for offsets that only grow; each is good until the next one. */
function slidingWindow(source: SourceFile): (offset: number, length: number) => Buffer {
  let buffer = Buffer.alloc(WINDOW_BYTES);
  let start = 0;
  let end = 0;
  return (offset, length) => {
    if (offset < start || offset + length > end) {
      const take = Math.max(length, Math.min(WINDOW_BYTES, source.size - offset));
      if (take > buffer.length) buffer = Buffer.alloc(take);
      readFully(source, buffer.subarray(0, take), offset);
      start = offset;
      end = offset + take;
    }
    return buffer.subarray(offset - start, offset - start + length);
  };
}

/** A stored KeyValue begins with its key: tag, length, bytes. */
function hasKey(stored: Buffer, key: Buffer): boolean {
  let at = 1;
  while ((stored[at] ?? 0) >= 128) at++;
  return stored[0] === 0x0a && stored.subarray(at + 1, at + 1 + key.length).equals(key);
}

/** Field 5; the reader has checked the framing. */
function headOf(stored: Buffer, length: number): Buffer {
  let at = 0;
  const varint = () => {
    let number = 0;
    for (let scale = 1; at < stored.length; scale *= 128) {
      const byte = stored[at++] ?? 0;
      number += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return number;
  };
  while (at < stored.length) {
    const tag = varint();
    const number = varint();
    if (tag === 0x2a) return stored.subarray(at, at + length);
    if ((tag & 7) === 2) at += number;
  }
  return stored.subarray(0, 0);
}
