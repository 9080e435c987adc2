/** Finds the one etcd snapshot in a compressed file or an archive, and unpacks it. */
import { closeSync, readSync } from "node:fs";
import { openPlainFile, streamPlainFile, statOf } from "../../files/plain-file";
import { wentThroughTerminal } from "../snapshot/copied-as-text";
import { SnapshotError } from "../snapshot/snapshot-error";
import { decryptAge, NoIdentityError } from "./age";
import { DamageError, UnreadFormError } from "./damage";
import { decompress } from "./decompress";
import { keepBeside } from "./members-in-archive";
import {
  describeKind,
  HEAD_BYTES,
  isArchive,
  isCompression,
  kindOf,
  type Archive,
  type Compression,
} from "./kinds";
import { createLimit } from "./limit";
import { peek, type Bytes } from "./streams";
import { visitTar } from "./tar";
import { visitZip } from "./zip";
import { visitZipForward } from "./zip-forward";
import {
  type Search,
  NOTHING,
  type UnpackOptions,
  type Unpacked,
  toTheEnd,
  write,
  visitorOf,
  noterOf,
  chosenOf,
} from "./archive-search";

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
    if (
      !(error instanceof DamageError) &&
      !(error instanceof UnreadFormError) &&
      !(error instanceof NoIdentityError)
    ) {
      throw error;
    }
    const why = error instanceof DamageError ? wentThroughTerminal(beginningOf(file)) : undefined;
    const said = `this is ${describePacked(kind)}, and ${error.message}`;
    throw new SnapshotError(file, why === undefined ? said : `${said}: ${why}`);
  }
}

/** Its first megabyte, or all of it. */
function beginningOf(file: string): Buffer {
  const { fd } = openPlainFile(file);
  try {
    const part = Buffer.alloc(1 << 20);
    return part.subarray(0, readSync(fd, part));
  } finally {
    closeSync(fd);
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
