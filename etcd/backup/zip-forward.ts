/**
 * Reads a zip archive from its beginning, by the header before each file (APPNOTE.TXT 6.3, 4.3.7): for one that is cut
 * off, whose list of files, which lies at the end, is lost. What the list alone tells is not known then.
 */
import * as fs from "node:fs";
import { pipeline } from "node:stream";
import { createInflateRaw } from "node:zlib";
import { openPlainFile, streamPlainFile } from "../../files/plain-file";
import { DamageError } from "./damage";
import { decompress } from "./decompress";
import type { Bytes } from "./streams";
import type { Skipped, Visit } from "./tar";
import { DEFLATED, READ, STORED, whyNotRead } from "./zip";

const SIGNATURE = Buffer.from("PK\x03\x04");
const HEADER_BYTES = 30;
const ENCRYPTED = 1;
/** The sizes stand behind the bytes: whoever wrote them to a pipe did not know them before (4.4.4). */
const SIZES_BEHIND = 8;
/** The longest that stands behind them: a signature, a CRC-32 and two sizes of 8 bytes (4.3.9). */
const MOST_BEHIND = 24;
/** Stands for a size that is in the extra field of this number, as 8 bytes (4.5.3). */
const IN_ZIP64 = 0xffffffff;
const ZIP64 = 1;

interface LocalEntry {
  readonly name: string;
  readonly isEncrypted: boolean;
  readonly method: number;
  /** Where its bytes begin, and how many they are; undefined where that stands behind them. */
  readonly begin: number;
  readonly size: number | undefined;
}

/**
 * Visits the files of a zip archive as far as it goes. Of what is damaged everything is taken that comes: their CRC-32 is
 * not looked at.
 * @throws DamageError where a file in it is cut off, or the one behind it cannot be found
 */
export async function visitZipForward(file: string, visit: Visit, skipped: Skipped): Promise<void> {
  const { fd } = openPlainFile(file);
  try {
    let entry = entryAt(fd, 0);
    while (entry !== undefined) {
      const { name, begin, size } = entry;
      const why = whyNotRead(entry.method, entry.isEncrypted);
      const content = why === undefined ? unpacked(file, entry) : undefined;
      if (content === undefined)
        skipped(name, why ?? "without its size, and its method tells none");
      else if (!name.endsWith("/")) await visit(name, content.bytes);
      const packed = size ?? (await content?.packedBytes());
      content?.close();
      if (packed === undefined) throw new DamageError(`where ${name} in it ends is not known`);
      entry = nextEntry(fd, begin + packed, size === undefined ? MOST_BEHIND : 0);
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** The header of a file; undefined where there is another thing, or nothing any more. */
function entryAt(fd: number, at: number): LocalEntry | undefined {
  const header = bytesAt(fd, at, HEADER_BYTES);
  if (header.length < HEADER_BYTES || !header.subarray(0, 4).equals(SIGNATURE)) return undefined;
  const flags = header.readUInt16LE(6);
  const nameBytes = header.readUInt16LE(26);
  const extraBytes = header.readUInt16LE(28);
  const rest = bytesAt(fd, at + HEADER_BYTES, nameBytes + extraBytes);
  const stated = header.readUInt32LE(18);
  return {
    name: rest.toString("utf8", 0, nameBytes),
    isEncrypted: (flags & ENCRYPTED) !== 0,
    method: header.readUInt16LE(8),
    begin: at + HEADER_BYTES + nameBytes + extraBytes,
    size:
      (flags & SIZES_BEHIND) !== 0
        ? undefined
        : stated === IN_ZIP64
          ? zip64Size(rest.subarray(nameBytes))
          : stated,
  };
}

/** The packed size in the extra fields of a local header, where it comes after the other one. */
function zip64Size(extra: Buffer): number | undefined {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === ZIP64 && at + 20 <= extra.length) {
      return Number(extra.readBigUInt64LE(at + 12));
    }
  }
  return undefined;
}

/** The header of the next file, at most so many bytes further on. */
function nextEntry(fd: number, at: number, within: number): LocalEntry | undefined {
  const found = bytesAt(fd, at, within + SIGNATURE.length).indexOf(SIGNATURE);
  return found < 0 ? undefined : entryAt(fd, at + found);
}

interface Unpacked {
  readonly bytes: Bytes;
  /** Reads what was left of them: how many packed bytes they were, where that shows itself. */
  packedBytes(): Promise<number | undefined>;
  close(): void;
}

/** The bytes of a file, unpacked; undefined where nothing tells how many they are. */
function unpacked(file: string, { begin, size, method }: LocalEntry): Unpacked | undefined {
  if (method === DEFLATED) return inflated(streamPlainFile(file, undefined, begin));
  if (size === undefined) return undefined;
  const compression = method === STORED ? undefined : READ[method];
  const source = streamPlainFile(file, undefined, begin);
  const stored = exactly(size, source);
  return {
    bytes: compression === undefined ? stored : decompress(compression, stored),
    packedBytes: () => Promise.resolve(size),
    close: () => source.destroy(),
  };
}

async function* exactly(size: number, source: fs.ReadStream): Bytes {
  let left = size;
  for await (const part of source as AsyncIterable<Buffer>) {
    yield part.subarray(0, left);
    left -= Math.min(left, part.length);
    if (left === 0) return;
  }
  throw new DamageError("it ends in the middle");
}

function inflated(source: fs.ReadStream): Unpacked {
  const inflate = createInflateRaw();
  // Whoever reads it sees every error. It ends by itself, whatever follows in the file.
  pipeline(source, inflate, () => undefined);
  async function* bytes(): AsyncGenerator<Uint8Array> {
    try {
      yield* inflate.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    } catch (error) {
      const cut = error instanceof Error && "code" in error && error.code === "Z_BUF_ERROR";
      throw new DamageError(cut ? "it ends in the middle" : "it is damaged");
    }
  }
  return {
    bytes: bytes(),
    async packedBytes() {
      const rest = bytes();
      while ((await rest.next()).done !== true);
      return inflate.bytesWritten;
    },
    close: () => source.destroy(),
  };
}

function bytesAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, fs.readSync(fd, bytes, 0, length, at));
}
