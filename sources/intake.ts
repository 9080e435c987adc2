/** What comes of an object, on its way through a few slots of memory: hashed there, and handed on slot by slot. */
import { digestBeside, digestHere, type Digest } from "./digest";
import type { Sink } from "./sink";

/** As much is handed on at once. It is still in a core's cache when it is written and hashed. */
const SLOT_BYTES = 1 << 19;
const SLOTS = 12;
/** From so many bytes on, a thread that hashes is worth its start. */
const LEAST_BESIDE_BYTES = 16 * 2 ** 20;

export interface Intake extends Sink {
  /** Hands on what has come, also where that fills no slot; rejects as that does. */
  flush(): Promise<void>;
  /** Whether all that has come was taken: otherwise nothing can be brought behind it. */
  isWhole(): boolean;
  /** SHA-256 in hex of all that was handed on. */
  digest(): Promise<string>;
  close(): Promise<void>;
}

/**
 * @param bytes how many will come; NaN where nobody knows
 * @param handOn takes a piece, which is overwritten afterwards. What it returns is waited for before more comes
 */
export function openIntake(
  bytes: number,
  handOn: (piece: Uint8Array) => Promise<void> | undefined,
): Intake {
  const isSmall = bytes < LEAST_BESIDE_BYTES;
  const slots = isSmall ? 1 : SLOTS;
  const memory = new SharedArrayBuffer(slots * SLOT_BYTES);
  const digest: Digest = isSmall ? digestHere() : digestBeside(memory);
  /** Slots that are still being hashed. */
  const hashing = new Map<number, Promise<void>>();
  let slot = 0;
  let filled = 0;
  /** What the last piece is waited for. */
  let pending: Promise<void> | undefined;
  let isWhole = true;

  const stretch = (from: number, length: number): Uint8Array =>
    new Uint8Array(memory, slot * SLOT_BYTES + from, length);

  function handOver(): Promise<void> | undefined {
    const piece = stretch(0, filled);
    const current = slot;
    isWhole = false;
    const hashed = digest.update(piece)?.then(() => void hashing.delete(current));
    if (hashed !== undefined) {
      hashing.set(current, hashed);
      // Whoever needs the slot again, or the digest, is told of a failure.
      hashed.catch(() => (isWhole = false));
    }
    const waiting = handOn(piece);
    isWhole = true;
    slot = (slot + 1) % slots;
    filled = 0;
    const inUse = hashing.get(slot);
    pending = waiting === undefined ? inUse : waiting.then(() => inUse);
    return pending;
  }

  return {
    space: () => stretch(filled, SLOT_BYTES - filled),
    took(count) {
      filled += count;
      return filled === SLOT_BYTES ? handOver() : undefined;
    },
    async flush() {
      await pending;
      if (filled > 0) await handOver();
    },
    isWhole: () => isWhole,
    digest: () => digest.soFar(),
    close: () => digest.close(),
  };
}
