/** Compressed bytes in, unpacked bytes out, piece by piece. */
import { type Duplex, pipeline, Readable } from "node:stream";
import { createGunzip, createInflate } from "node:zlib";
import { bunzip2 } from "./bzip2";
import { DamageError, NoProgramError } from "./damage";
import type { Compression } from "./kinds";
import { libraries } from "./libraries";
import { byWebStream, unpackedBy, type Bytes } from "./streams";

/**
 * Unpacks; also several compressed streams one behind the other, as parallel compressors write them.
 *
 * Their checksums are checked, except that of zstd, which the library passes over.
 * @throws DamageError; NoProgramError where a program that unpacks it is not here
 */
export function decompress(compression: Compression, packed: Bytes): Bytes {
  return unpackedBy(packed, DECOMPRESSORS[compression], (error) =>
    error instanceof NoProgramError
      ? error
      : new DamageError(
          `it is damaged or cut off, or was not copied to its end (${reason(error)})`,
        ),
  );
}

const DECOMPRESSORS: Readonly<Record<Compression, (packed: Bytes) => Bytes>> = {
  gzip: (packed) => through(packed, createGunzip()),
  zlib: (packed) => through(packed, createInflate()),
  zstd: unzstd,
  xz: unxz,
  bzip2: bunzip2,
};

function through(packed: Bytes, unpacker: Duplex): Bytes {
  // Whoever reads the unpacker sees every error.
  pipeline(Readable.from(packed), unpacker, () => undefined);
  return unpacker;
}

/** A block of 128 KiB takes four bytes at least: so much at once is never more than 32 MiB unpacked. */
const ZSTD_STEP = 1024;

async function* unzstd(packed: Bytes): Bytes {
  let ready: Uint8Array[] = [];
  const decompressor = new (libraries.zstd().Decompress)((part) => {
    if (part.length > 0) ready.push(part);
  });
  function* taken(): Iterable<Uint8Array> {
    const parts = ready;
    ready = [];
    yield* parts;
  }
  for await (const part of packed) {
    for (let at = 0; at < part.length; at += ZSTD_STEP) {
      decompressor.push(part.subarray(at, at + ZSTD_STEP));
      yield* taken();
    }
  }
  decompressor.push(new Uint8Array(0), true);
  yield* taken();
}

function unxz(packed: Bytes): Bytes {
  return byWebStream(packed, (source) => new (libraries.xz().XzReadableStream)(source));
}

/** In words of ours where a library names only its own numbers. */
function reason(error: unknown): string {
  const { message } = error instanceof Error ? error : new Error(String(error));
  const code = /error code (\d+)/.exec(message)?.[1];
  // xz_ret of xz-embedded's xz.h.
  if (code === "6") return "it has options that are not known here, as its check SHA-256";
  if (code === "4") return "it needs more memory than 64 MiB for its dictionary";
  if (code === "7") return "a checksum is wrong";
  if (code === "8" || /undefined|premature/.test(message)) return "it ends in the middle";
  return message;
}
