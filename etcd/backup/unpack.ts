/** Finds the one etcd snapshot in a compressed file or an archive, and unpacks it. */
import * as fs from "node:fs";
import { size } from "../wire/figures";
import { SnapshotError } from "../snapshot/snapshot-error";
import { visitTar, visitZip } from "./archives";
import { DamageError, decompress } from "./decompress";
import {
  databaseBytes,
  describeKind,
  HEAD_BYTES,
  isArchive,
  isCompression,
  isUnfinished,
  kindOf,
  type Archive,
  type Compression,
} from "./kinds";
import { listed } from "./listed";
import type { Place } from "./place";
import { peek, type Bytes, type Peeked } from "./streams";

/** How a snapshot was packed. */
export interface Packing {
  /** `gzip`, `zip`, `tar in gzip`, … from the inside out. */
  readonly format: string;
  /** Its path inside of an archive. */
  readonly entry?: string;
}

export interface UnpackOptions {
  /** Where to write it; asked once, when it was found. */
  readonly openPlace: () => Place;
  readonly signal?: AbortSignal;
  /** Called now and then with how much of the packed file was read. */
  readonly onProgress?: (readBytes: number, totalBytes: number) => void;
}

/** The 32 bytes of SHA-256, and the pages that bbolt keeps ahead in a data directory. */
const MOST_BEHIND_DATABASE = 33 * 2 ** 20;
/**
 * Unpacks the one snapshot of a compressed file or an archive. Memory does not grow with its size.
 * @throws SnapshotError when there is none, or more than one, or the file is damaged
 * @throws NoRoomError
 */
export async function unpack(
  file: string,
  kind: Compression | Archive,
  options: UnpackOptions,
): Promise<{ readonly place: Place; readonly packing: Packing }> {
  const search = createSearch(file, options);
  try {
    return await search.run(kind);
  } catch (error) {
    search.discard();
    if (!(error instanceof DamageError)) throw error;
    throw new SnapshotError(file, `this is ${describeKind(kind, NOTHING)}, and ${error.message}`);
  }
}

const NOTHING = Buffer.alloc(0);

interface Search {
  run(kind: Compression | Archive): Promise<{ place: Place; packing: Packing }>;
  discard(): void;
}

function createSearch(file: string, options: UnpackOptions): Search {
  const { signal, openPlace } = options;
  let place: Place | undefined;
  /** Names of the snapshots in an archive, and what else is there. */
  const snapshots: string[] = [];
  const others: string[] = [];

  const refuse = (problem: string): never => {
    throw new SnapshotError(file, problem);
  };

  async function run(kind: Compression | Archive) {
    if (isCompression(kind)) return ofCompressed(kind);
    const what = describeKind(kind, NOTHING);
    if (kind === "zip") {
      await visitZip(file, visitEntry, (name, why) => others.push(`${name} (${why})`));
    } else await visitTar(readFile(file, options), visitEntry);
    return ofArchive(kind, what);
  }

  async function ofCompressed(outer: Compression) {
    const outside = describeKind(outer, NOTHING);
    const unpacked = decompress(outer, readFile(file, options));
    const { head, all, close } = await peek(unpacked, HEAD_BYTES);
    const inner = kindOf(head);
    const inside = describeKind(inner, head);
    if (inner === "tar") {
      await visitTar(all, visitEntry);
      return ofArchive(`tar in ${outer}`, `${inside} in ${outside}`);
    }
    if (inner === "database") {
      place = openPlace();
      await write(place, head, all);
      return { place, packing: { format: outer } };
    }
    await close();
    return refuse(
      isCompression(inner)
        ? `compressed twice: this is ${outside}, and in it is ${inside}. Unpack it once, and name what comes out`
        : isArchive(inner)
          ? `this is ${outside}, and in it is ${inside}. Unpack the ${outer} file, and name the archive`
          : `this is ${outside}, and what is in it is no etcd snapshot but ${inside}`,
    );
  }

  function ofArchive(format: string, what: string) {
    const [entry] = snapshots;
    if (snapshots.length > 1) {
      return refuse(
        `this is ${what} with ${snapshots.length} etcd snapshots: ${listed(snapshots)}. Unpack it, and name one of them`,
      );
    }
    if (entry === undefined || place === undefined) {
      return refuse(
        `this is ${what} without an etcd snapshot. ` +
          (others.length === 0 ? "It is empty" : `It holds ${listed(others)}`),
      );
    }
    return { place, packing: { format, entry } };
  }

  /** A snapshot may lie in an archive as it is, or compressed once. */
  async function visitEntry(name: string, bytes: Bytes): Promise<void> {
    signal?.throwIfAborted();
    const outer = await peek(bytes, HEAD_BYTES);
    const kind = kindOf(outer.head);
    const { head, all, close } = isCompression(kind) ? await peekInto(kind, outer) : outer;
    const what = describeKind(kind, outer.head);
    if (kindOf(head) !== "database") others.push(`${name} (${what})`);
    else if (isUnfinished(name)) others.push(`${name} (was still being written)`);
    else {
      snapshots.push(name);
      if (place === undefined) {
        place = openPlace();
        await write(place, head, all);
      }
    }
    await close();
  }

  async function write(to: Place, head: Buffer, all: Bytes): Promise<void> {
    const database = databaseBytes(head);
    if (database !== undefined) to.expect(database);
    let written = 0;
    for await (const part of all) {
      signal?.throwIfAborted();
      written += part.length;
      if (database !== undefined && written > database + MOST_BEHIND_DATABASE) {
        refuse(
          `unpacked it grows beyond what its first page says: that is ${size(database)}, and at ${size(written)} it is ` +
            "not at its end. It was stopped there",
        );
      }
      to.write(part);
    }
  }

  return { run, discard: () => place?.discard() };
}

/** The beginning of what is compressed there; of something damaged: nothing. */
async function peekInto(compression: Compression, packed: Peeked): Promise<Peeked> {
  try {
    return await peek(decompress(compression, packed.all), HEAD_BYTES);
  } catch (error) {
    if (error instanceof DamageError) return { ...packed, head: NOTHING };
    throw error;
  }
}

/** Says how far it is after each piece. */
async function* readFile(file: string, { signal, onProgress }: UnpackOptions): Bytes {
  const { size: total } = fs.statSync(file);
  let read = 0;
  for await (const part of fs.createReadStream(file)) {
    signal?.throwIfAborted();
    read += (part as Buffer).length;
    onProgress?.(read, total);
    yield part as Buffer;
  }
}
