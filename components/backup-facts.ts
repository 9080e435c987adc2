import type { SnapshotSummary } from "../etcd/snapshot/judgement";

/** What the components need to know of a backup while the stack is still being planned; paths are absolute. */
export interface Backup extends SnapshotSummary {
  /** The plain file that is restored: the backup itself, or what was unpacked from it. */
  readonly plainFile: string;
  /** Folder where what was unpacked stays as long as the stack does. @default the backup is a plain file */
  readonly unpackedIn?: string | undefined;
  /** Version of the etcd that is to serve it: `3.6` or `3.6.16`. */
  readonly servedBy: string;
  /** The same where the user has named it. @default the version that wrote it was taken */
  readonly wishedVersion?: string | undefined;
  /**
   * The compaction that was under way when the backup was taken: where etcd hashes by the one before, the HashKV is this.
   * @default none was
   */
  readonly unfinishedCompaction?:
    { readonly compactRevision: number; readonly hashKv: number } | undefined;
  readonly authentication: boolean;
  /** By how much its revision is bumped at the restore; revisions and HashKV are then those after it. @default it is not */
  readonly bumpedBy?: number;
  /** The same backup, to be restored with a bump once it is proved. @default not wished for */
  readonly bumped?: Backup;
  /** What it holds of etcd's old v2 store, which it is restored with; keys and revision are those of the v3 store beside it. */
  readonly v2?: V2Backup;
}

/** What a stack shows of it. */
export interface V2Backup {
  readonly keys: number;
  readonly folders: number;
  /** The store's count of changes, `X-Etcd-Index`. */
  readonly index: number;
}
