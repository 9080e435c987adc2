/** What a backup holds: opened, whatever it is packed in, and read; in the words of the backup where that cannot be. */
import { readSnapshot, readSnapshotKeys } from "../snapshot/snapshot";
import { SnapshotError } from "../snapshot/snapshot-error";
import { salvageKeys, type SalvagedKeys } from "../snapshot/salvage";
import type { KeyReader, ReadOptions, Snapshot, SnapshotKeys } from "../snapshot/types";
import { openBackup, type OpenOptions } from "./backup-file";
import { V2BackupError, type BackupFile, type V2Place } from "./opened-backup";
import { noteOnManifest } from "./manifest-beside";

/** How a backup is opened and read. */
export interface ReadBackupOptions extends OpenOptions, ReadOptions {}

/** A snapshot out of a backup. */
export interface OpenedSnapshot {
  /**
   * Its `file` is the plain one, which it goes on reading from: people are told the backup's `name`. Its `close`
   * disposes of the unpacked file as well.
   */
  readonly snapshot: Snapshot;
  readonly backup: BackupFile;
}

/**
 * Opens a backup and reads its database with `readSnapshot`.
 *
 * @example
 * ```ts
 * import { readBackup, reasonsAgainstRestore } from "etcd-restore/snapshot";
 *
 * const { snapshot } = await readBackup("/backups/etcd-2026-11-22.db.gz");
 * console.log(snapshot.revision, snapshot.live.count, reasonsAgainstRestore(snapshot));
 * snapshot.close();
 * ```
 *
 * @throws SnapshotError in the name of the backup, of a v2 store a V2BackupError; NoRoomError; ManifestError, before
 * the backup is read, when a manifest of ours beside it is broken
 */
export async function readBackup(
  file: string,
  options: ReadBackupOptions = {},
): Promise<OpenedSnapshot> {
  const { read, backup, close } = await openAndRead(file, readSnapshot, options, noteOnManifest);
  return { snapshot: { ...read, close }, backup };
}

/**
 * Opens a backup and reads its keys with `readSnapshotKeys`: faster, and without a check of its sha256.
 *
 * @throws as `readBackup`
 *
 * @example
 * ```ts
 * import { readBackupKeys } from "etcd-restore/snapshot";
 *
 * const { live, close } = await readBackupKeys("/backups/etcd-2026-11-22.db.gz");
 * const i = live.indexOf(Buffer.from("/registry/namespaces/default"));
 * console.log(i < 0 ? "not there" : live.value(i).length);
 * close();
 * ```
 */
export async function readBackupKeys(
  file: string,
  options: ReadBackupOptions = {},
): Promise<SnapshotKeys> {
  const { read, close } = await openAndRead(file, readSnapshotKeys, options);
  return { live: read.live, close };
}

/**
 * Opens a backup and reads, page by page, what keys can be read of a damaged one; of a packed one, in what comes before
 * the damage.
 *
 * @throws as `readBackup`, when not even one can
 */
export async function salvageBackup(
  file: string,
  options: ReadBackupOptions = {},
): Promise<SalvagedKeys> {
  const { read, backup, close } = await openAndRead(file, salvageKeys, {
    ...options,
    toTheDamage: true,
  });
  return { live: read.live, losses: { ...read.losses, packing: backup.damage }, close };
}

async function openAndRead<T extends { readonly live: KeyReader; close(): void }>(
  file: string,
  reading: (file: string, options: ReadOptions) => Promise<T>,
  options: ReadBackupOptions,
  look: (backup: BackupFile) => readonly string[] = () => [],
): Promise<{ readonly read: T; readonly backup: BackupFile; readonly close: () => void }> {
  const opened = await openBackup(file, options);
  const { name, path: plain, v2 } = opened;
  try {
    const backup = { ...opened, notes: [...opened.notes, ...look(opened)] };
    const read = await reading(plain, options);
    const close = () => {
      read.close();
      backup.dispose();
    };
    if (v2 === undefined || read.live.count > 0) return { read, backup, close };
    read.close();
  } catch (error) {
    opened.dispose();
    if (!(error instanceof SnapshotError)) throw error;
    // `etcdctl backup` without --with-v3 leaves a database that never held a key.
    if (v2 === undefined || error.kind !== "no-key-bucket") {
      throw inTheNameOf(opened, error);
    }
  }
  opened.dispose();
  throw new V2BackupError(name, v2, placeOf(opened));
}

/** In a data directory `file` is the database of it. */
function placeOf(backup: BackupFile): V2Place {
  return backup.container?.format === "data directory" ? { file: backup.name } : backup;
}

/**
 * A snapshot that is being read; of a backup that holds a v2 store, whatever lies beside it, where that is.
 * @throws what the reading throws otherwise
 */
export async function snapshotOrV2(
  reading: Promise<OpenedSnapshot>,
): Promise<OpenedSnapshot | { readonly v2: V2Place }> {
  try {
    const opened = await reading;
    if (opened.backup.v2 === undefined) return opened;
    opened.snapshot.close();
    return { v2: placeOf(opened.backup) };
  } catch (error) {
    if (error instanceof V2BackupError) return { v2: error.place };
    throw error;
  }
}

/** People know the backup, not the file that it was unpacked to. */
function inTheNameOf(backup: BackupFile, error: SnapshotError): SnapshotError {
  const { name, path: plain, container } = backup;
  if (name === plain || error.file !== plain) return error;
  if (container === undefined) return error.inTheNameOf(name, "");
  const from = [container.format, container.entry].filter((part) => part !== undefined).join(", ");
  return error.inTheNameOf(name, `what is in it (${from}): `);
}
