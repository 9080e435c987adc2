/**
 * What another program imports as `etcd-restore/snapshot`: reads a backup of etcd without any etcd, and without Pulumi.
 *
 * `readBackup` takes a backup in any form that people keep; `readSnapshot` a plain database file. Both read it once from
 * end to end and refuse what is not whole. Keys and values are bytes; numbers that may pass 2^53 are `bigint`.
 */
export { openBackup, type FetchedFrom, type OpenOptions } from "./backup/backup-file";
export { V2BackupError, type BackupFile } from "./backup/opened-backup";
export {
  readBackup,
  readBackupKeys,
  type OpenedSnapshot,
  type ReadBackupOptions,
} from "./backup/read-backup";
export type { Container } from "./backup/container";
export { ManifestError, type Manifest } from "./backup/manifest";
export { manifestOf } from "./backup/manifest-beside";
export { NoRoomError } from "./backup/place";
export type { V2Store } from "./backup/v2/v2-backup";

export { readSnapshot, readSnapshotKeys, SnapshotError } from "./snapshot/snapshot";
export type * from "./snapshot/types";
export type { Auth } from "./snapshot/auth";
export {
  etcdVersionOf,
  minorToServe,
  reasonsAgainstRestore,
  summarize,
  type SnapshotSummary,
} from "./snapshot/judgement";

export { inspect, type Asked, type Inspection } from "./inspect/inspection";
