/** Packs a snapshot by the name that it shall have, and reads it back: what cannot be unpacked is no backup. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { writeAll, type PartFile } from "./part-file";
import { TakeError } from "./source";

export type Packing = "gzip" | "zstd";

/** How a file of this name is packed; undefined: it is not. */
export function packingOf(file: string): Packing | undefined {
  if (/\.gz$/i.test(file)) return "gzip";
  return /\.zst$/i.test(file) ? "zstd" : undefined;
}

/**
 * Packs `from` into `to`, and unpacks that again.
 * @param sha256 of `from`: what comes out again must have it
 * @returns length and SHA-256 of the packed file
 * @throws TakeError when the program for it is missing, or another file comes out
 */
export async function pack(
  from: string,
  to: PartFile,
  packing: Packing,
  sha256: string,
  signal?: AbortSignal,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const packed = digest(to);
  await through(packing, "pack", fs.createReadStream(from), packed.stream, signal);
  const unpacked = digest();
  await through(packing, "unpack", fs.createReadStream(to.path), unpacked.stream, signal);
  if (unpacked.result().sha256 !== sha256) {
    throw new TakeError(
      "environment",
      `what ${packing} packed does not come out again as it went in`,
    );
  }
  return packed.result();
}

async function through(
  packing: Packing,
  direction: "pack" | "unpack",
  from: fs.ReadStream,
  end: Writable,
  signal: AbortSignal | undefined,
): Promise<void> {
  const options = signal === undefined ? {} : { signal };
  if (packing === "gzip") {
    const gzip = direction === "pack" ? zlib.createGzip() : zlib.createGunzip();
    await pipeline(from, gzip, end, options);
    return;
  }
  // Node compresses so only from 22.15 on; everything before this one line works without the program.
  const args = direction === "pack" ? ["-q", "-c", "-T0"] : ["-q", "-d", "-c"];
  const zstd = spawn("zstd", args, { stdio: ["pipe", "pipe", "ignore"] });
  const ended = once(zstd, "close");
  try {
    await once(zstd, "spawn");
  } catch {
    throw new TakeError(
      "environment",
      "packing as .zst takes the program zstd, which is not here: install it (apt-get install zstd), or name the file .gz",
    );
  }
  try {
    await Promise.all([
      pipeline(from, zstd.stdin, options),
      pipeline(zstd.stdout, end, options),
      ended,
    ]);
  } finally {
    // Of one that has ended by itself there is nothing left to end.
    zstd.kill();
  }
  if (zstd.exitCode !== 0) {
    throw new TakeError(
      "environment",
      `zstd ended with ${String(zstd.exitCode ?? zstd.signalCode)}`,
    );
  }
}

/** Hashes what it is given, and writes it to a file where there is one. */
function digest(to?: PartFile) {
  const hash = createHash("sha256");
  let bytes = 0;
  const take = async (part: Buffer): Promise<void> => {
    hash.update(part);
    if (to !== undefined) await writeAll(to.handle, part, bytes);
    bytes += part.length;
  };
  const stream = new Writable({
    write(part: Buffer, _encoding, done) {
      take(part).then(() => {
        done();
      }, done);
    },
  });
  return { stream, result: () => ({ bytes, sha256: hash.digest("hex") }) };
}
