/** A backup when it was opened: where its database lies, or that it is one of an old v2 store. */
import { SnapshotError } from "../snapshot/snapshot-error";
import type { V2Store } from "./v2/v2-backup";
import { counted } from "../wire/figures";
import type { Container } from "./container";

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
  /** Where its manifest may be, if not beside the file. */
  readonly manifestIn?: readonly string[] | undefined;
  /** Keys of the old v2 store that a data directory holds besides. */
  readonly v2?: V2Store | undefined;
  /** Why only the beginning of it was unpacked, where that was asked for: `a gzip file, and it is damaged or cut off`. */
  readonly damage?: string | undefined;
  /** What to know about it. */
  readonly notes: readonly string[];
  /** Removes an unpacked file, unless it is kept. */
  dispose(): void;
}

/** Where a v2 store lies on this computer: the directory or archive that `readRestorableV2` reads, and its manifest. */
export type V2Place = Pick<BackupFile, "file" | "container" | "manifestIn">;

/**
 * A backup of the old v2 store, without a key of the v3 store: nothing that reads a snapshot can go on with it.
 *
 * @example
 * ```ts
 * import { readBackup, V2BackupError } from "etcd-restore/snapshot";
 *
 * try {
 *   await readBackup("/backups/old-cluster.tar.gz");
 * } catch (error) {
 *   if (!(error instanceof V2BackupError)) throw error;
 *   console.log(error.store.keys.length, "keys of the v2 store");
 * }
 * ```
 */
export class V2BackupError extends SnapshotError {
  constructor(
    name: string,
    readonly store: V2Store,
    readonly place: V2Place,
  ) {
    super(
      name,
      `this is a backup of an etcd v2 store (${counted(store.keys.length, "key")}), without any key of the v3 store. ` +
        "start, up and verify restore and prove it, inspect, ls and get look into it, diff --v2 compares it; nothing else can be asked of it",
    );
  }
}
