/** Writes a snapshot to disk while it comes, and hashes it on the way: each byte is touched once. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { size } from "../../wire/figures";
import { writeAll } from "./part-file";
import { TakeError } from "./source";

/** What came. */
export interface Received {
  readonly bytes: number;
  /** Of everything, as `sha256sum` prints it. */
  readonly sha256: string;
}

const TRAILER_BYTES = 32;
/** Large enough that a write costs little, small enough that memory stays flat. */
const BLOCK_BYTES = 1 << 20;
/** So often the disk is told to begin: else all of it waits for the `fsync` at the end. */
const SYNC_EVERY_BYTES = 32 << 20;

/**
 * Writes all pieces to an open, empty file, and compares the SHA-256 at their end with what came before it.
 * @param onBytes told of the bytes that came so far
 * @throws TakeError when the two differ or nothing came; what the pieces or the disk throw
 */
export async function receive(
  pieces: AsyncIterable<Uint8Array>,
  file: FileHandle,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<Received> {
  const writer = blockWriter(file);
  for await (const piece of pieces) {
    await writer.add(piece);
    onBytes(writer.bytes());
  }
  await writer.end();
  const bytes = writer.bytes();
  if (bytes <= TRAILER_BYTES) {
    throw new TakeError("environment", `the source sent ${bytes} bytes, which is no snapshot`);
  }
  const { content, trailer, whole } = writer.digests();
  if (content !== trailer) {
    throw new TakeError(
      "check",
      `what came is not what the source sent, or was cut: ${size(bytes)} came, whose last 32 bytes ` +
        `should be their SHA-256 ${content} and are ${trailer}. Nothing was kept; take it again`,
    );
  }
  return { bytes, sha256: whole };
}

/** Two blocks: one is filled while the other is written. */
function blockWriter(file: FileHandle) {
  const hash = createHash("sha256");
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let other = Buffer.allocUnsafe(BLOCK_BYTES);
  let filled = 0;
  let written = 0;
  let tail = Buffer.alloc(0);
  let writing: Promise<void> = Promise.resolve();
  let syncing: Promise<void> = Promise.resolve();

  /** The last 32 bytes so far are held back: they are no part of what they are the hash of, if they are the last. */
  const digest = (part: Buffer): void => {
    const all = part.length < TRAILER_BYTES ? Buffer.concat([tail, part]) : part;
    if (all === part) hash.update(tail);
    const cut = Math.max(0, all.length - TRAILER_BYTES);
    hash.update(all.subarray(0, cut));
    tail = Buffer.from(all.subarray(cut));
  };

  const flush = async (): Promise<void> => {
    await writing;
    const part = block.subarray(0, filled);
    const at = written;
    writing = writeAll(file, part, at);
    // Told now, so that a failed write is no unhandled rejection while more comes in; `writing` is awaited next time.
    writing.catch(() => undefined);
    digest(part);
    written += filled;
    filled = 0;
    [block, other] = [other, block];
    if (Math.floor(at / SYNC_EVERY_BYTES) !== Math.floor(written / SYNC_EVERY_BYTES)) {
      syncing = syncing.then(() => file.datasync()).catch(() => undefined);
    }
  };

  return {
    bytes: () => written + filled,
    async add(piece: Uint8Array): Promise<void> {
      for (let from = 0; from < piece.length;) {
        const part = piece.subarray(from, from + BLOCK_BYTES - filled);
        block.set(part, filled);
        filled += part.length;
        from += part.length;
        if (filled === BLOCK_BYTES) await flush();
      }
    },
    async end(): Promise<void> {
      await flush();
      await writing;
      await syncing;
    },
    digests() {
      // One pass for both: the whole is the content and its trailer.
      const content = hash.copy().digest("hex");
      const whole = hash.copy().update(tail).digest("hex");
      return { content, trailer: tail.toString("hex"), whole };
    },
  };
}
