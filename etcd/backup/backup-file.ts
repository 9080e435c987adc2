/** A backup as its user keeps it, whatever it is packed in, as a plain file that can be read. */
import * as fs from "node:fs";
import * as path from "node:path";
import { statOf } from "../../files/plain-file";
import { counted } from "../wire/figures";
import { openSource, readFully } from "../snapshot/file";
import { SnapshotError } from "../snapshot/snapshot-error";
import { findDataDirectory } from "./data-directory";
import { memberPathOf, notesOnLog, type MemberFiles } from "./member-files";
import { readV2Store, type V2Store } from "./v2/v2-backup";
import { chooseInFolder } from "./folder";
import { canOpenAge } from "./age";
import { HEAD_BYTES, isArchive, isCompression, isUnfinished, kindOf } from "./kinds";
import { findLasting, openLastingPlace, openUnnamedPlace, sha256OfFile } from "./place";
import { unpack, type Packed } from "./unpack";
import { type BackupFile, V2BackupError } from "./opened-backup";

/** What is known of a packed backup before it is read. */
type About = Pick<BackupFile, "name" | "container">;

/** Where a file came from that has no name of its own. */
export interface FetchedFrom {
  /** `s3://bucket/etcd.db` */
  readonly name: string;
  /** A file with the manifest's text. */
  readonly manifest?: string | undefined;
}

/** How a backup is opened. */
export interface OpenOptions {
  /**
   * Folder for the unpacked file. It stays there for the next time, in a folder named by the SHA-256 of what was
   * packed; that of another backup is removed. @default a file without a name, gone with this process at the latest
   */
  readonly keepIn?: string | undefined;
  /** Of one that is packed, and damaged: opens what can be unpacked. @default false: it is refused */
  readonly toTheDamage?: boolean | undefined;
  readonly signal?: AbortSignal;
  /** Of a backup that was fetched: what people call it, and the file of the manifest that lay beside it there. */
  readonly fetched?: FetchedFrom | undefined;
  /** Called now and then while it is unpacked. */
  readonly onUnpack?: ((readBytes: number, totalBytes: number) => void) | undefined;
}

/**
 * Opens a backup: a plain database file as it is, a packed one unpacked, of a directory the one that is in it. Kinds
 * are told by content.
 *
 * Does not look further into a plain file: `readSnapshot` says what is wrong with it.
 * @throws SnapshotError when there is no such file, or no one snapshot in it
 * @throws NoRoomError
 *
 * @example
 * ```ts
 * import { openBackup, readSnapshot } from "etcd-restore/snapshot";
 *
 * const backup = await openBackup("/backups/etcd-2026-11-22.zip");
 * const snapshot = await readSnapshot(backup.path);
 * console.log(backup.name, snapshot.sha256);
 * snapshot.close();
 * backup.dispose();
 * ```
 */
export async function openBackup(file: string, options: OpenOptions = {}): Promise<BackupFile> {
  const name = path.resolve(file);
  if (options.fetched !== undefined) return openFetched(name, options.fetched, options);
  if (statOf(name)?.isDirectory() !== true) return openFile(name, options);
  const directory = findDataDirectory(name);
  if (directory !== undefined) {
    const { database, files } = directory;
    const v2 = readV2Store(files);
    if (database !== undefined) {
      const notes = notesOnMember(files, v2);
      return { ...database, name, file: database.path, v2, notes, dispose: () => undefined };
    }
    if (v2 !== undefined) throw new V2BackupError(name, v2, { file: name });
  }

  const { file: chosen, beside } = await chooseInFolder(name);
  const opened = await openFile(chosen, options);
  const { container } = opened;
  const entry = [path.basename(chosen), container?.entry].filter((part) => part !== undefined);
  return {
    ...opened,
    name,
    container: {
      ...container,
      format: container === undefined ? "directory" : `${container.format} in a directory`,
      entry: entry.join("/"),
    },
    notes: [
      ...opened.notes,
      ...(beside.length === 0 ? [] : [`beside it in the directory: ${beside.join(", ")}`]),
    ],
  };
}

/** A fetched file by the name that people know. */
async function openFetched(
  file: string,
  { name, manifest }: FetchedFrom,
  options: OpenOptions,
): Promise<BackupFile> {
  const manifestIn = manifest === undefined ? [] : [manifest];
  try {
    const opened = await openFile(file, options);
    return { ...opened, name, manifestIn };
  } catch (error) {
    if (error instanceof V2BackupError) {
      throw new V2BackupError(name, error.store, { ...error.place, manifestIn });
    }
    if (error instanceof SnapshotError && error.file === file) throw error.inTheNameOf(name, "");
    throw error;
  }
}

async function openFile(name: string, options: OpenOptions): Promise<BackupFile> {
  if (isUnfinished(name)) {
    throw new SnapshotError(
      name,
      "this file is still being written: `etcdctl snapshot save` names it .part until it is whole. Wait for it; if " +
        "nobody writes to it any more, the backup failed: take another one",
    );
  }
  const kind = packedKindOf(headOf(name));
  if (kind === undefined) {
    return { name, file: name, path: name, notes: [], dispose: () => undefined };
  }
  const sha256 = await sha256OfFile(name);
  const packed = { name, file: name, notes: [] };
  const container = { format: kind, bytes: statOf(name)?.size ?? 0, sha256 };

  const { keepIn, toTheDamage, signal, onUnpack } = options;
  const kept = keepIn === undefined ? undefined : path.join(keepIn, sha256);
  const lasting = kept === undefined ? undefined : await findLasting(kept);
  if (lasting !== undefined) return { ...packed, ...lasting, kept, container };
  if (keepIn !== undefined) removeKept(keepIn);

  const { place, packing, beside, damage } = await unpack(name, kind, {
    toTheDamage,
    ...(signal === undefined ? {} : { signal }),
    ...(onUnpack === undefined ? {} : { onProgress: onUnpack }),
    openPlace: (entry) =>
      kept === undefined || isMembers(entry)
        ? openUnnamedPlace(name)
        : openLastingPlace(name, kept),
    openOther: () => openUnnamedPlace(name),
  });
  const about = { name, container: { ...container, ...packing } };
  try {
    const v2 = beside === undefined ? undefined : v2InArchive(about, beside.files);
    if (place === undefined) {
      if (v2 !== undefined) throw new V2BackupError(name, v2, { ...packed, ...about });
      throw new SnapshotError(name, "this archive holds the log of an etcd, without its database");
    }
    const notes = beside === undefined ? [] : notesOnMember(beside.files, v2);
    const stays = isMembers(packing.entry) ? undefined : kept;
    return { ...packed, ...about, ...place.finish(), kept: stays, v2, damage, notes };
  } catch (error) {
    place?.discard();
    throw error;
  } finally {
    beside?.dispose();
  }
}

/** What it is packed in; undefined where it is to be read as it is. */
function packedKindOf(head: Buffer): Packed | undefined {
  if (canOpenAge(head)) return "age";
  const kind = kindOf(head);
  return isCompression(kind) || isArchive(kind) ? kind : undefined;
}

/** A member's own database is read and never restored: it is not kept, and what lies beside it is read again. */
function isMembers(entry: string | undefined): boolean {
  return entry !== undefined && memberPathOf(entry) !== undefined;
}

function v2InArchive({ name, container }: About, files: MemberFiles): V2Store | undefined {
  try {
    return readV2Store(files);
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    throw new SnapshotError(name, `what is in it (${container?.format ?? ""}): ${error.message}`);
  }
}

function notesOnMember({ logs }: MemberFiles, v2: V2Store | undefined): readonly string[] {
  const notes = notesOnLog(logs);
  if (v2 === undefined) return notes;
  const keys = counted(v2.keys.length, "key");
  return [...notes, `it also holds ${keys} of the old v2 store, which a snapshot never holds`];
}

/** Removes every unpacked file that was kept in a folder, and the folder if nothing else is there. */
export function removeKept(keptIn: string): void {
  if (!fs.existsSync(keptIn)) return;
  const names = fs.readdirSync(keptIn);
  const ours = names.filter((name) => /^[0-9a-f]{64}$/.test(name));
  for (const name of ours) fs.rmSync(path.join(keptIn, name), { recursive: true, force: true });
  if (ours.length === names.length) fs.rmdirSync(keptIn);
}

/** @throws SnapshotError when it is absent, not readable, or no plain file */
function headOf(name: string): Buffer {
  const source = openSource(name);
  try {
    const head = Buffer.alloc(Math.min(HEAD_BYTES, source.size));
    readFully(source, head, 0);
    return head;
  } finally {
    fs.closeSync(source.fd);
  }
}
