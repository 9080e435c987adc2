/** Reads zip archives (APPNOTE.TXT 6.3). */
import { crc32 } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";
import { DamageError } from "./damage";
import { decompress } from "./decompress";
import type { Compression } from "./kinds";
import { libraries } from "./libraries";
import type { Bytes } from "./streams";
import type { Skipped, Visit } from "./tar";

/** Methods (4.4.5) that the library reads itself. */
export const STORED = 0;
export const DEFLATED = 8;
/** Methods whose bytes are a file of that kind. */
export const READ: Readonly<Record<number, Compression>> = { 12: "bzip2", 93: "zstd", 95: "xz" };
const NAMES: Readonly<Record<number, string>> = {
  1: "shrink",
  6: "implode",
  9: "Deflate64",
  14: "LZMA",
  18: "TERSE",
  96: "JPEG",
  97: "WavPack",
  98: "PPMd",
};
/** WinZip's AES stands where the method would. */
const AES = 99;
const UNIX_TYPE = 0o170000;
const UNIX_LINK = 0o120000;

/**
 * Visits the files of a zip archive, checked by their CRC-32 when they are read to their end; tells the others.
 * @throws DamageError
 */
export async function visitZip(file: string, visit: Visit, skipped: Skipped): Promise<void> {
  // A name is for people only: nothing is written under it, so none is refused.
  const options = { autoClose: false, decodeStrings: false };
  const zip = await libraries.zip().openPromise(file, options).catch(damaged);
  try {
    for await (const entry of damagedIn(zip.eachEntry())) {
      const name = entry.fileNameRaw.toString("utf8");
      if (name.endsWith("/")) continue;
      const why =
        whyNotRead(entry.compressionMethod, entry.isEncrypted()) ??
        (isLink(entry) ? "a symbolic link" : undefined);
      if (why !== undefined) skipped(name, why);
      else await visit(name, unzipped(zip, entry, name));
    }
  } finally {
    zip.close();
  }
}

function isLink({ externalFileAttributes }: Entry): boolean {
  return ((externalFileAttributes >>> 16) & UNIX_TYPE) === UNIX_LINK;
}

/** Why the bytes of a file are not read, and what to do; undefined when they are. */
export function whyNotRead(method: number, isEncrypted: boolean): string | undefined {
  if (isEncrypted || method === AES) return "encrypted: unpack it with its password first";
  if (method === STORED || method === DEFLATED || READ[method] !== undefined) return undefined;
  const name = NAMES[method] ?? `no. ${method}`;
  return `compressed by a method that is not read here, ${name}: unpack the archive first (7z x)`;
}

async function* unzipped(zip: ZipFile, entry: Entry, name: string): Bytes {
  let sum = 0;
  const compression = READ[entry.compressionMethod];
  const stream = await zip
    .openReadStreamPromise(entry, compression === undefined ? {} : { decodeFileData: false })
    .catch(damaged);
  const stored = damagedIn(stream as AsyncIterable<Buffer>);
  for await (const part of compression === undefined ? stored : decompress(compression, stored)) {
    sum = crc32(part, sum);
    yield part;
  }
  if (sum !== entry.crc32) {
    throw new DamageError(`the CRC-32 of ${name} in it is not the one that is stored`);
  }
}

async function* damagedIn<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    damaged(error);
  }
}

function damaged(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes("multi-disk")) {
    throw new DamageError(
      "it is one part of an archive that was split: join the parts first (zip -s 0)",
    );
  }
  if (message.includes("strong encryption")) {
    throw new DamageError("it is encrypted: unpack it with its password first");
  }
  if (message.includes("End of central directory record signature not found")) {
    throw new DamageError(
      "it is damaged or cut off, or was not copied to its end (the list of its files, which ends it, is missing)",
    );
  }
  throw new DamageError(`it is damaged or cut off (${message})`);
}
