/** Finds the one etcd snapshot in a compressed file or an archive, and unpacks it. */
import { streamPlainFile, statOf } from "../../files/plain-file";
import { SnapshotError } from "../snapshot/snapshot-error";
import { DamageError, NoProgramError } from "./damage";
import { decompress } from "./decompress";
import { keepBeside, type Beside, type MembersInArchive } from "./members-in-archive";
import {
  describeKind,
  HEAD_BYTES,
  isArchive,
  isCompression,
  isUnfinished,
  kindOf,
  type Archive,
  type Compression,
} from "./kinds";
import { createLimit, type Limit } from "./limit";
import { listed } from "./listed";
import { memberPathOf } from "./member-files";
import type { Place } from "./place";
import { peek, type Bytes, type Peeked } from "./streams";
import { visitTar } from "./tar";
import { visitZip } from "./zip";

/** How a snapshot was packed. */
export interface Packing {
  /** `gzip`, `zip`, `tar in gzip`, … from the inside out. */
  readonly format: string;
  /** Its path inside of an archive. */
  readonly entry?: string;
}

/** What was found in a packed file. */
export interface Unpacked {
  /** The database; absent where an archive holds the directory of an etcd 2, which had none. */
  readonly place?: Place;
  readonly packing: Packing;
  /** What an archive holds beside a member's database. To be disposed of. */
  readonly beside?: Beside;
  /** Why the rest could not be unpacked, where that was asked for. */
  readonly damage?: string;
}

export interface UnpackOptions {
  /** Where to write it; asked once, when it was found, with its path in an archive. */
  readonly openPlace: (entry?: string) => Place;
  /** Where to write what lies beside a member's database in an archive. */
  readonly openOther: () => Place;
  /** Of a damaged file, takes what comes before the damage. @default false: it is refused */
  readonly toTheDamage?: boolean | undefined;
  readonly signal?: AbortSignal;
  /** Called now and then with how much of the packed file was read. */
  readonly onProgress?: (readBytes: number, totalBytes: number) => void;
}

/**
 * Unpacks the one snapshot of a compressed file or an archive. Memory does not grow with its size.
 * @throws SnapshotError when there is none, or more than one, or the file is damaged
 * @throws NoRoomError, NoProgramError
 */
export async function unpack(
  file: string,
  kind: Compression | Archive,
  options: UnpackOptions,
): Promise<Unpacked> {
  const search = createSearch(file, options);
  try {
    const unpacked = await search.run(kind);
    const damage = search.damage();
    if (damage === undefined) return unpacked;
    return { ...unpacked, damage: `${describeKind(kind, NOTHING)}, and ${damage}` };
  } catch (error) {
    search.discard();
    if (!(error instanceof DamageError)) throw error;
    throw new SnapshotError(file, `this is ${describeKind(kind, NOTHING)}, and ${error.message}`);
  }
}

const NOTHING = Buffer.alloc(0);

interface Search {
  run(kind: Compression | Archive): Promise<Unpacked>;
  /** What ended the unpacking early, where that may be. */
  damage(): string | undefined;
  discard(): void;
}

function createSearch(file: string, options: UnpackOptions): Search {
  const { signal, openPlace, openOther } = options;
  const limit: Limit = createLimit(file, statOf(file)?.size ?? 0);
  let place: Place | undefined;
  let damage: string | undefined;
  /** Names of the snapshots in an archive, and what else is there. */
  const snapshots: string[] = [];
  const others: string[] = [];
  const members: MembersInArchive = keepBeside(openOther, limit);

  const refuse = (problem: string): never => {
    throw new SnapshotError(file, problem);
  };
  const skipped = (name: string, what: string) => {
    others.push(`${name} (${what})`);
  };

  /** Of something damaged, what came before is enough where that was asked for, and it holds of a database what it holds. */
  const endsEarly = (error: unknown) => {
    if (options.toTheDamage !== true || place === undefined || !(error instanceof DamageError)) {
      throw error;
    }
    damage ??= error.message;
  };

  async function run(kind: Compression | Archive): Promise<Unpacked> {
    if (isCompression(kind)) return ofCompressed(kind);
    const what = describeKind(kind, NOTHING);
    if (kind === "zip") await visitZip(file, visitEntry, skipped);
    else await visitTar(readFile(file, options), visitEntry, skipped).catch(endsEarly);
    return ofArchive(kind, what);
  }

  async function ofCompressed(outer: Compression): Promise<Unpacked> {
    const outside = describeKind(outer, NOTHING);
    const unpacked = decompress(outer, readFile(file, options));
    const { head, all, close } = await peek(unpacked, HEAD_BYTES);
    const inner = kindOf(head);
    const inside = describeKind(inner, head);
    if (inner === "tar") {
      await visitTar(all, visitEntry, skipped).catch(endsEarly);
      return ofArchive(`tar in ${outer}`, `${inside} in ${outside}`);
    }
    if (inner === "database") {
      place = openPlace();
      await write(place, head, all).catch(endsEarly);
      await close();
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

  function ofArchive(format: string, what: string): Unpacked {
    const [entry] = snapshots;
    if (snapshots.length > 1) {
      return refuse(
        `this is ${what} with ${snapshots.length} etcd snapshots: ${listed(snapshots)}. Unpack it, and name one of them`,
      );
    }
    if (entry !== undefined && place !== undefined) {
      const beside = members.of(memberPathOf(entry)?.member);
      return { place, packing: { format, entry }, ...(beside === undefined ? {} : { beside }) };
    }
    const alone = members.only();
    if (alone !== undefined) {
      return { packing: { format, entry: alone.member }, beside: alone.beside };
    }
    return refuse(
      `this is ${what} without an etcd snapshot. ` +
        (others.length === 0 ? "It is empty" : `It holds ${listed(others)}`),
    );
  }

  /** A snapshot may lie in an archive as it is, or compressed once. */
  async function visitEntry(name: string, bytes: Bytes): Promise<void> {
    signal?.throwIfAborted();
    if (await members.keep(name, bytes)) return;
    const outer = await peek(bytes, HEAD_BYTES);
    const kind = kindOf(outer.head);
    const { head, all, close } = isCompression(kind) ? await peekInto(kind, outer) : outer;
    if (kindOf(head) !== "database") {
      const inside = head.length > 0 && isCompression(kind);
      const within = inside ? `, in it ${describeKind(kindOf(head), head)}` : "";
      skipped(name, describeKind(kind, outer.head) + within);
    } else if (isUnfinished(name)) skipped(name, "was still being written");
    else {
      snapshots.push(name);
      if (place === undefined) {
        place = openPlace(name);
        await write(place, head, all);
      }
    }
    await close();
  }

  async function write(to: Place, head: Buffer, all: Bytes): Promise<void> {
    const most = limit.database(head);
    if (most === undefined) {
      // Neither meta page is whole: what follows helps nobody, and its reader says what is wrong.
      to.write(head);
      return;
    }
    to.expect(most.database);
    let written = 0;
    for await (const part of all) {
      signal?.throwIfAborted();
      written += part.length;
      most.check(written);
      to.write(part);
    }
  }

  function discard(): void {
    place?.discard();
    members.discard();
  }

  return { run, damage: () => damage, discard };
}

/** The beginning of what is compressed there; of something damaged: nothing. */
async function peekInto(compression: Compression, packed: Peeked): Promise<Peeked> {
  try {
    return await peek(decompress(compression, packed.all), HEAD_BYTES);
  } catch (error) {
    if (error instanceof DamageError || error instanceof NoProgramError) {
      return { ...packed, head: NOTHING };
    }
    throw error;
  }
}

/** Says how far it is after each piece. */
async function* readFile(file: string, { signal, onProgress }: UnpackOptions): Bytes {
  const total = statOf(file)?.size ?? 0;
  let read = 0;
  for await (const part of streamPlainFile(file)) {
    signal?.throwIfAborted();
    read += (part as Buffer).length;
    onProgress?.(read, total);
    yield part as Buffer;
  }
}
