/** Finds the one etcd snapshot in a compressed file or an archive, and unpacks it. */
import { streamPlainFile, statOf } from "../../files/plain-file";
import { SnapshotError } from "../snapshot/snapshot-error";
import { decryptAge, NoIdentityError } from "./age";
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
import { visitZipForward } from "./zip-forward";

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

/** What is unpacked: also what is encrypted, and in it what is packed, or the database itself. */
export type Packed = Compression | Archive | "age";

/**
 * Unpacks the one snapshot of a compressed file, an archive or an encrypted file. Memory does not grow with its size.
 * @throws SnapshotError when there is none, or more than one, or the file is damaged
 * @throws NoRoomError, NoProgramError
 */
export async function unpack(
  file: string,
  kind: Packed,
  options: UnpackOptions,
): Promise<Unpacked> {
  const limit = createLimit(file, statOf(file)?.size ?? 0);
  const members = keepBeside(options.openOther, limit);
  const search: Search = { file, options, limit, members, snapshots: [], others: [] };
  try {
    const unpacked = await ofPacked(search, kind, readFile(file, options));
    const { damage } = search;
    if (damage === undefined) return unpacked;
    return { ...unpacked, damage: `${describePacked(kind)}, and ${damage}` };
  } catch (error) {
    search.place?.discard();
    members.discard();
    if (!(error instanceof DamageError || error instanceof NoIdentityError)) throw error;
    throw new SnapshotError(file, `this is ${describePacked(kind)}, and ${error.message}`);
  }
}

const NOTHING = Buffer.alloc(0);

/** How far the search in one file is. */
interface Search {
  readonly file: string;
  readonly options: UnpackOptions;
  readonly limit: Limit;
  readonly members: MembersInArchive;
  /** Names of the snapshots in an archive, and what else is there. */
  readonly snapshots: string[];
  readonly others: string[];
  /** Where the first of them was written. */
  place?: Place;
  /** What ended the unpacking early, where that may be. */
  damage?: string;
}

/** Works to the end. Of something damaged, what came before is enough where that was asked for, and it holds of a database what it holds. */
async function toTheEnd(search: Search, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const isEnough = search.options.toTheDamage === true && search.place !== undefined;
    if (!isEnough || !(error instanceof DamageError)) throw error;
    search.damage ??= error.message;
  }
}

function describePacked(kind: Packed): string {
  return kind === "age" ? "a file that is encrypted with age" : describeKind(kind, NOTHING);
}

async function ofPacked(search: Search, kind: Packed, bytes: Bytes): Promise<Unpacked> {
  if (kind === "age") return await ofEncrypted(search, bytes);
  if (isCompression(kind)) return await ofCompressed(search, kind, bytes);
  return await ofArchive(search, kind, bytes);
}

/** What is encrypted is a database, or is packed as it would be without. */
async function ofEncrypted(search: Search, encrypted: Bytes): Promise<Unpacked> {
  const { file, options } = search;
  const { head, all, close } = await peek(decryptAge(file, encrypted), HEAD_BYTES);
  const inner = kindOf(head);
  if (inner === "database") {
    const place = options.openPlace();
    search.place = place;
    await toTheEnd(search, write(search, place, head, all));
    await close();
    return { place, packing: { format: "age" } };
  }
  if (inner !== "zip" && (isCompression(inner) || isArchive(inner))) {
    const { packing, ...rest } = await ofPacked(search, inner, all);
    // What unpacks need not read to the end; only the end says that nothing was cut off there.
    while ((await all.next()).done !== true);
    return { ...rest, packing: { ...packing, format: `${packing.format} in age` } };
  }
  await close();
  const inside = describeKind(inner, head);
  throw new SnapshotError(
    file,
    inner === "zip"
      ? `this is ${describePacked("age")}, and in it is ${inside}. Decrypt it (age -d), and name the archive`
      : `this is ${describePacked("age")}, and what is in it is no etcd snapshot but ${inside}`,
  );
}

async function ofCompressed(search: Search, outer: Compression, bytes: Bytes): Promise<Unpacked> {
  const { file, options } = search;
  const outside = describeKind(outer, NOTHING);
  const unpacked = decompress(outer, bytes);
  const { head, all, close } = await peek(unpacked, HEAD_BYTES);
  const inner = kindOf(head);
  const inside = describeKind(inner, head);
  if (inner === "tar") {
    await toTheEnd(search, visitTar(all, visitorOf(search), noterOf(search)));
    return chosenOf(search, `tar in ${outer}`, `${inside} in ${outside}`);
  }
  if (inner === "database") {
    const place = options.openPlace();
    search.place = place;
    await toTheEnd(search, write(search, place, head, all));
    await close();
    return { place, packing: { format: outer } };
  }
  await close();
  throw new SnapshotError(
    file,
    isCompression(inner)
      ? `compressed twice: this is ${outside}, and in it is ${inside}. Unpack it once, and name what comes out`
      : isArchive(inner)
        ? `this is ${outside}, and in it is ${inside}. Unpack the ${outer} file, and name the archive`
        : `this is ${outside}, and what is in it is no etcd snapshot but ${inside}`,
  );
}

async function ofArchive(search: Search, kind: Archive, bytes: Bytes): Promise<Unpacked> {
  if (kind === "zip") await visitZipFile(search);
  else {
    const visited = visitTar(bytes, visitorOf(search), noterOf(search));
    await toTheEnd(search, visited);
  }
  return chosenOf(search, kind, describeKind(kind, NOTHING));
}

/** By its list of files; where that is lost with the end of the archive and the rest is wanted, from the beginning. */
async function visitZipFile(search: Search): Promise<void> {
  const { file, options } = search;
  try {
    await toTheEnd(search, visitZip(file, visitorOf(search), noterOf(search)));
  } catch (error) {
    if (options.toTheDamage !== true || !(error instanceof DamageError)) throw error;
    search.damage = error.message;
    await toTheEnd(search, visitZipForward(file, visitorOf(search), noterOf(search)));
    // Nothing came before the cut: what is wrong is the cut, and not that the archive is empty.
    const { snapshots, others, members } = search;
    if (snapshots.length + others.length === 0 && members.only() === undefined) throw error;
  }
}

/** What an archive that has gone by is opened for. @throws SnapshotError when that is not one thing */
function chosenOf(search: Search, format: string, what: string): Unpacked {
  const { file, snapshots, others, members, place } = search;
  const [entry] = snapshots;
  if (snapshots.length > 1) {
    throw new SnapshotError(
      file,
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
  throw new SnapshotError(
    file,
    `this is ${what} without an etcd snapshot. ` +
      (others.length === 0 ? "It is empty" : `It holds ${listed(others)}`),
  );
}

/** Notes a file of an archive that is not looked into. */
function noterOf({ others }: Search): (name: string, what: string) => void {
  return (name, what) => {
    others.push(`${name} (${what})`);
  };
}

/** A snapshot may lie in an archive as it is, or compressed once. */
function visitorOf(search: Search): (name: string, bytes: Bytes) => Promise<void> {
  const { options, members, snapshots } = search;
  const skipped = noterOf(search);
  return async (name, bytes) => {
    options.signal?.throwIfAborted();
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
      if (search.place === undefined) {
        search.place = options.openPlace(name);
        await write(search, search.place, head, all);
      }
    }
    await close();
  };
}

async function write(
  { limit, options: { signal } }: Search,
  to: Place,
  head: Buffer,
  all: Bytes,
): Promise<void> {
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
