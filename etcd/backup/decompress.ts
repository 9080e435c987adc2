/** Compressed bytes in, unpacked bytes out, piece by piece. */
import { type Duplex, pipeline, Readable } from "node:stream";
import { createGunzip, createInflate } from "node:zlib";
import { bunzip2 } from "./bzip2";
import { DamageError, NotUnpackedError, UnreadFormError } from "./damage";
import type { Compression } from "./kinds";
import { libraries } from "./libraries";
import { byWebStream, unpackedBy, type Bytes } from "./streams";
import { unzstd } from "./zstd";

/**
 * Unpacks; also several compressed streams one behind the other, as parallel compressors write them.
 *
 * Their checksums are checked, except that of zstd, which the library passes over.
 * @throws DamageError; NotUnpackedError where it may be whole and cannot be unpacked here
 */
export function decompress(compression: Compression, packed: Bytes): Bytes {
  return unpackedBy(packed, DECOMPRESSORS[compression], (error) => {
    if (error instanceof NotUnpackedError) return error;
    const { message } = error instanceof Error ? error : new Error(String(error));
    const unread = UNREAD_XZ[codeOf(message)];
    if (compression === "xz" && unread !== undefined) return new UnreadFormError(unread);
    return new DamageError(
      `it is damaged or cut off, or was not copied to its end (${reason(message)})`,
    );
  });
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

function unxz(packed: Bytes): Bytes {
  return byWebStream(packed, (source) => new (libraries.xz().XzReadableStream)(source));
}

/** xz_ret of xz-embedded's xz.h, where a library names only its numbers. */
const codeOf = (message: string): string => /error code (\d+)/.exec(message)?.[1] ?? "";

/** XZ_MEMLIMIT_ERROR and XZ_OPTIONS_ERROR: such a file may be whole. */
const UNREAD_XZ: Readonly<Record<string, string>> = {
  4: "its dictionary takes more than 64 MiB, which are the most that are read here: unpack it first (xz -d)",
  6: "it has options that are not read here, as its check SHA-256: unpack it first (xz -d)",
};

/** What is damaged, in words of ours. */
function reason(message: string): string {
  const code = codeOf(message);
  if (code === "7") return "a checksum is wrong";
  if (code === "8" || /undefined|premature/.test(message)) return "it ends in the middle";
  return message;
}
