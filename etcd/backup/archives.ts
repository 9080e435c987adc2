/** The files of an archive, one after the other. */
import { crc32 } from "node:zlib";
import type { ReadEntry } from "tar";
import type { Entry, ZipFile } from "yauzl";
import { DamageError } from "./decompress";
import { libraries } from "./libraries";
import type { Bytes } from "./streams";

/** What is done with each file of an archive; its bytes need not be read to the end. */
export type Visit = (name: string, bytes: Bytes) => Promise<void>;

/**
 * Visits the files of a zip archive, checked by their CRC-32 when they are read to their end.
 * @param skipped is told the files that cannot be read, and why
 * @throws DamageError
 */
export async function visitZip(
  file: string,
  visit: Visit,
  skipped: (name: string, why: string) => void,
): Promise<void> {
  const zip = await libraries.zip().openPromise(file, { autoClose: false }).catch(damaged);
  try {
    for await (const entry of damagedIn(zip.eachEntry())) {
      const { fileName } = entry;
      if (fileName.endsWith("/")) continue;
      if (entry.isEncrypted()) skipped(fileName, "encrypted");
      else await visit(fileName, unzipped(zip, entry));
    }
  } finally {
    zip.close();
  }
}

async function* unzipped(zip: ZipFile, entry: Entry): Bytes {
  let sum = 0;
  const stream = await zip.openReadStreamPromise(entry).catch(damaged);
  for await (const part of damagedIn(stream as AsyncIterable<Buffer>)) {
    sum = crc32(part, sum);
    yield part;
  }
  if (sum !== entry.crc32) {
    throw new DamageError(`the CRC-32 of ${entry.fileName} in it is not the one that is stored`);
  }
}

/**
 * Visits the plain files of a tar archive.
 * @throws DamageError
 */
export async function visitTar(archive: Bytes, visit: Visit): Promise<void> {
  let failed: (error: unknown) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => {
    failed = reject;
  });
  let visiting = Promise.resolve();
  const parser = new (libraries.tar().Parser)({
    strict: true,
    onReadEntry(entry) {
      visiting = visiting.then(async () => {
        if (isPlainFile(entry)) await visit(entry.path, entryBytes(entry));
        entry.resume();
      });
      visiting.catch(failed);
    },
  });
  parser.on("error", (error: Error) => {
    failed(
      new DamageError(`it is damaged or cut off (${error.message.replace(/^TAR_\w+: /, "")})`),
    );
  });
  const event = (name: "drain" | "end") =>
    new Promise<void>((resolve) => parser.once(name, resolve));
  const ended = event("end");
  async function feed(): Promise<void> {
    for await (const part of archive) {
      if (!parser.write(Buffer.from(part))) await Promise.race([event("drain"), failure]);
    }
    parser.end();
    await ended;
    await visiting;
  }
  await Promise.race([feed(), failure]);
}

function isPlainFile({ type }: ReadEntry): boolean {
  return type === "File" || type === "OldFile" || type === "ContiguousFile";
}

async function* entryBytes(entry: ReadEntry): Bytes {
  for await (const part of entry) yield part;
}

async function* damagedIn<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    damaged(error);
  }
}

function damaged(error: unknown): never {
  throw new DamageError(
    `it is damaged or cut off (${error instanceof Error ? error.message : String(error)})`,
  );
}
