/** A backup as its user keeps it, whatever it is packed in, as a plain file that can be read. */
import * as fs from "node:fs";
import * as path from "node:path";
import { openSource, readFully } from "../snapshot/file";
import { readSnapshot } from "../snapshot/snapshot";
import { SnapshotError } from "../snapshot/snapshot-error";
import type { ReadOptions, Snapshot } from "../snapshot/types";
import { readManifest, type Manifest } from "../source/manifest";
import { findDatabase } from "./data-directory";
import type { Container } from "./container";
import { chooseInFolder } from "./folder";
import { HEAD_BYTES, isArchive, isCompression, isUnfinished, kindOf } from "./kinds";
import { findLasting, openLastingPlace, openUnnamedPlace, sha256OfFile } from "./place";
import { unpack } from "./unpack";

/** A backup that can be read. To be disposed of. */
export interface BackupFile {
  /** What was named: absolute, for people. */
  readonly name: string;
  /** The file of it that holds the database, packed or not; the name itself unless that is a directory. */
  readonly file: string;
  /** A plain database file, for `readSnapshot`; perhaps one that only this process can open. */
  readonly path: string;
  /** Absent when the backup is a plain file. */
  readonly container?: Container;
  /** Folder with the unpacked file that stays behind, when `keepIn` was given. */
  readonly kept?: string | undefined;
  /** What to know about it. */
  readonly notes: readonly string[];
  /** Removes an unpacked file, unless it is kept. */
  dispose(): void;
}

/** How a backup is opened. */
export interface OpenOptions {
  /**
   * Folder for the unpacked file. It stays there for the next time, in a folder named by the SHA-256 of what was
   * packed; that of another backup is removed. @default a file without a name, gone with this process at the latest
   */
  readonly keepIn?: string | undefined;
  readonly signal?: AbortSignal;
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
 */
export async function openBackup(file: string, options: OpenOptions = {}): Promise<BackupFile> {
  const name = path.resolve(file);
  if (!isDirectory(name)) return openFile(name, options);
  const database = findDatabase(name);
  if (database !== undefined)
    return { name, file: database.path, ...database, dispose: () => undefined };

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
    notes: beside.length === 0 ? [] : [`beside it in the directory: ${beside.join(", ")}`],
  };
}

async function openFile(name: string, options: OpenOptions): Promise<BackupFile> {
  if (isUnfinished(name)) {
    throw new SnapshotError(
      name,
      "this file is still being written: `etcdctl snapshot save` names it .part until it is whole. Wait for it; if " +
        "nobody writes to it any more, the backup failed: take another one",
    );
  }
  const kind = kindOf(headOf(name));
  if (!isCompression(kind) && !isArchive(kind)) {
    return { name, file: name, path: name, notes: [], dispose: () => undefined };
  }
  const sha256 = await sha256OfFile(name);
  const packed = { name, file: name, notes: [] };
  const container = { format: kind, bytes: fs.statSync(name).size, sha256 };

  const { keepIn, signal, onUnpack } = options;
  const kept = keepIn === undefined ? undefined : path.join(keepIn, sha256);
  const lasting = kept === undefined ? undefined : await findLasting(kept);
  if (lasting !== undefined) return { ...packed, ...lasting, kept, container };
  if (keepIn !== undefined) removeKept(keepIn);

  const { place, packing } = await unpack(name, kind, {
    ...(signal === undefined ? {} : { signal }),
    ...(onUnpack === undefined ? {} : { onProgress: onUnpack }),
    openPlace: () => (kept === undefined ? openUnnamedPlace(name) : openLastingPlace(name, kept)),
  });
  return { ...packed, ...place.finish(), kept, container: { ...container, ...packing } };
}

/** Removes every unpacked file that was kept in a folder, and the folder if nothing else is there. */
export function removeKept(keptIn: string): void {
  const names = fs.existsSync(keptIn) ? fs.readdirSync(keptIn) : [];
  const ours = names.filter((name) => /^[0-9a-f]{64}$/.test(name));
  for (const name of ours) fs.rmSync(path.join(keptIn, name), { recursive: true, force: true });
  if (names.length > 0 && ours.length === names.length) fs.rmdirSync(keptIn);
}

/** Of a link what it leads to. */
function isDirectory(name: string): boolean {
  return fs.statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
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

/** How a backup is opened and read. */
export interface ReadBackupOptions extends OpenOptions, ReadOptions {}

/** A snapshot out of a backup. */
export interface ReadBackup<T> {
  /** Named as the backup is; its `close` disposes of the unpacked file as well. */
  readonly snapshot: T;
  readonly backup: BackupFile;
}

/**
 * Opens a backup and reads its database.
 *
 * @param read reads a plain file. @default `readSnapshot`
 * @throws SnapshotError in the name of the backup, NoRoomError
 */
export async function readBackup(
  file: string,
  options: ReadBackupOptions = {},
): Promise<ReadBackup<Snapshot>> {
  return readBackupWith(file, options, (plain) => readSnapshot(plain, options));
}

/** As `readBackup`, with another reader of plain files. */
export async function readBackupWith<T extends { readonly file: string; close(): void }>(
  file: string,
  options: OpenOptions,
  read: (plain: string) => Promise<T>,
): Promise<ReadBackup<T>> {
  const backup = await openBackup(file, options);
  try {
    const snapshot = await read(backup.path);
    const close = () => {
      snapshot.close();
      backup.dispose();
    };
    return { snapshot: { ...snapshot, file: backup.name, close }, backup };
  } catch (error) {
    backup.dispose();
    throw error instanceof SnapshotError ? inTheNameOf(backup, error) : error;
  }
}

/**
 * Reads the manifest of a backup: beside it, or beside what it was called before it was packed (`X.db.json` for
 * `X.db.gz`). Undefined when there is none.
 * @throws ManifestError
 */
export function manifestOf({ file, container }: BackupFile): Manifest | undefined {
  const { dir, name } = path.parse(file);
  return (
    readManifest(file) ??
    (container?.sha256 === undefined ? undefined : readManifest(path.join(dir, name)))
  );
}

/** People know the backup, not the file that it was unpacked to. */
function inTheNameOf(backup: BackupFile, error: SnapshotError): SnapshotError {
  const { name, path: plain, container } = backup;
  if (container === undefined || !error.message.startsWith(`${plain}: `)) return error;
  const { page, offset } = error;
  const from = [container.format, container.entry].filter((part) => part !== undefined).join(", ");
  const problem = error.message.slice(plain.length + 2);
  const renamed = new SnapshotError(name, `what is in it (${from}): ${problem}`);
  return Object.assign(renamed, { page, offset });
}
