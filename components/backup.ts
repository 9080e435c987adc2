import * as fs from "node:fs";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { removeKept } from "../etcd/backup/backup-file";
import type { V2Place } from "../etcd/backup/opened-backup";
import { readBackup as readFrom, snapshotOrV2 } from "../etcd/backup/read-backup";
import { ManifestError } from "../etcd/backup/manifest";
import { bumped } from "../etcd/proof/bumped";
import { NoRoomError } from "../etcd/backup/place";
import { summarize } from "../etcd/snapshot/judgement";
import type { Snapshot } from "../etcd/snapshot/snapshot";
import { SnapshotError } from "../etcd/snapshot/snapshot-error";
import { isRemote } from "../sources/address";
import { bringNewest } from "../sources/newest";
import { statOf } from "../files/plain-file";
import { labDirectoryProblem } from "../machine/local/lab-directory";
import { removeFetched } from "../sources/kept";
import { SourceError } from "../sources/source-error";
import { NotReadyError } from "./not-ready";
import type { Backup } from "./backup-facts";
import { readV2, type Wishes } from "./v2-backup";
import { judgeBackup, readTrustedKey, TrustedKeyError } from "../settings/judge-backup";
import type { NotOfV2 } from "../settings/judge-v2";

export type { Backup } from "./backup-facts";

/**
 * A backup that cannot be restored. A RunError, so Pulumi prints its message without a stack.
 *
 * @example
 * ```ts
 * import { BackupError, readBackup } from "etcd-restore";
 *
 * try {
 *   await readBackup("/backups/etcd-2026-11-22.db", "auto", "/var/tmp/lab");
 * } catch (error) {
 *   if (!(error instanceof BackupError)) throw error;
 *   console.error(error.message); // why it cannot be restored, and what to do
 * }
 * ```
 */
export class BackupError extends pulumi.RunError {}

/** What a backup must be; of what is asked here of a v2 store alone, a v3 store is asked later. */
export interface Demands extends NotOfV2 {
  /** File with the public key that must have signed its manifest. @default any, or none */
  readonly trustedKey?: string | undefined;
  /** UID of the namespace kube-system of its cluster. @default any */
  readonly expectedCluster?: string | undefined;
}

/** Which backup is restored and how, and what it must be. */
export interface BackupArgs extends Demands {
  /** Absolute path of the backup file. */
  readonly snapshot: string;
  /** `auto` for the minor version that wrote it, X.Y or X.Y.Z. */
  readonly etcdVersion: string;
  /** Folder on this computer, absolute: what is fetched and unpacked lies there, and of a lab here its etcd as well. */
  readonly labDirectory: string;
  /** @default the revision is not bumped */
  readonly bumpRevision?: number | undefined;
}

/** `readBackup` into a folder that can be written into. @throws BackupError, NotReadyError */
export async function readWanted(args: BackupArgs): Promise<Backup> {
  const unwritable = labDirectoryProblem(args.labDirectory);
  if (unwritable !== undefined) throw new NotReadyError([unwritable]);
  return readBackup(args.snapshot, args.etcdVersion, args.labDirectory, args.bumpRevision, args);
}

/**
 * Reads a backup from end to end and refuses, before anything is made, what cannot be restored.
 *
 * What lies elsewhere is fetched once, into `fetched/` of the lab's folder, and again when the store has another one. What
 * is packed is unpacked once, into `unpacked/`, and removed again when it is refused.
 *
 * @param etcdVersion `auto` for the minor version that wrote it, or the version wished for.
 * @param bumpRevision by how much the revision shall be bumped once the backup is proved.
 * @param demands what the backup must be. Default: nothing but whole.
 * @throws BackupError with the reason and what to do, NotReadyError when there is no room to unpack it.
 *
 * @example
 * ```ts
 * import { readBackup } from "etcd-restore";
 *
 * const backup = await readBackup("/backups/etcd-2026-11-22.db", "auto", "/var/tmp/lab");
 * console.log(backup.servedBy, backup.bytes);
 * ```
 */
export async function readBackup(
  file: string,
  etcdVersion: string,
  labDirectory: string,
  bumpRevision?: number,
  demands: Demands = {},
): Promise<Backup> {
  const unpackedIn = path.join(labDirectory, "unpacked");
  try {
    const here = await bringToLab(file, labDirectory);
    return await readInLab(here, etcdVersion, unpackedIn, bumpRevision, demands);
  } catch (error) {
    removeKept(unpackedIn);
    // What is refused need not stay; what could not be fetched may be there from the last time.
    if (!(error instanceof SourceError)) removeFetched(path.join(labDirectory, "fetched"));
    if (error instanceof ManifestError || error instanceof TrustedKeyError) {
      throw new BackupError(error.message);
    }
    if (error instanceof SnapshotError) throw new BackupError(`cannot restore ${error.message}`);
    if (error instanceof SourceError && error.kind !== "environment") {
      throw new BackupError(`there is nothing to restore: ${error.message}`);
    }
    if (error instanceof SourceError) throw new NotReadyError([error.message]);
    if (error instanceof NoRoomError) throw new NotReadyError([error.message]);
    throw error;
  }
}

/** A file as it is; of anything else the newest complete backup. */
async function bringToLab(named: string, labDirectory: string): Promise<string> {
  if (!isRemote(named) && statOf(named)?.isDirectory() !== true) return named;
  const { file } = await bringNewest(named, {
    keepIn: path.join(labDirectory, "fetched"),
    say: (line) => void pulumi.log.info(line),
    sayInPassing: (line) => void pulumi.log.info(line, undefined, undefined, true),
  });
  return file;
}

async function readInLab(
  file: string,
  etcdVersion: string,
  unpackedIn: string,
  bumpRevision: number | undefined,
  demands: Demands,
): Promise<Backup> {
  const { trustedKey, expectedCluster } = demands;
  const trusted = trustedKey === undefined ? undefined : readTrustedKey(trustedKey);
  const reading = readFrom(file, {
    digests: false,
    keepIn: unpackedIn,
    onUnpack: tellProgress(`unpacking ${file}`),
    onProgress: tellProgress(`reading ${file}`),
  });
  const opened = await snapshotOrV2(reading);
  if ("v2" in opened) {
    const wishes = { ...demands, etcdVersion, bumpRevision, unpackedIn, trusted };
    return await readV2InLab(file, opened.v2, wishes);
  }
  const { snapshot, backup } = opened;
  try {
    const { servedBy, reasons } = judgeBackup(opened, { etcdVersion, trusted, expectedCluster });
    if (reasons.length > 0) throw new BackupError(`cannot restore ${file}: ${reasons.join("; ")}`);
    const plain: Backup = {
      ...summarize(snapshot),
      file: fs.realpathSync(file),
      plainFile: fs.realpathSync(backup.path),
      ...(backup.kept === undefined ? {} : { unpackedIn }),
      servedBy,
      ...(etcdVersion === "auto" ? {} : { wishedVersion: etcdVersion }),
      ...unfinishedCompaction(snapshot),
      authentication: snapshot.auth.enabled,
    };
    return bumpRevision === undefined ? plain : withBump(plain, snapshot, bumpRevision);
  } finally {
    snapshot.close();
  }
}

/** @throws BackupError */
async function readV2InLab(file: string, place: V2Place, wishes: Wishes): Promise<Backup> {
  const found = await readV2(file, place, wishes);
  if (found === undefined) throw new BackupError(`cannot restore ${file}: it was changed`);
  if (!("reasons" in found)) return found;
  throw new BackupError(`cannot restore ${file}: ${found.reasons.join("; ")}`);
}

/** The backup, and what it is once it has been restored a second time with a bumped revision. */
function withBump(plain: Backup, snapshot: Snapshot, bumpRevision: number): Backup {
  const { revision, compactRevision, hashKv } = summarize(bumped(snapshot, bumpRevision));
  const after: Backup = {
    ...plain,
    ...{ revision, compactRevision, hashKv, bumpedBy: bumpRevision },
    unfinishedCompaction: undefined, // a bump marks all before it as compacted
  };
  return { ...plain, bumped: after };
}

/**
 * etcd ends, when it starts, a compaction that was not ended; asked for the very revision of it, it answers with the
 * hash of before (`hashStorage.HashByRev`), which is of records that the file still has.
 */
function unfinishedCompaction(snapshot: Snapshot): Pick<Backup, "unfinishedCompaction"> {
  const { finishedCompactRevision: compactRevision, revision } = snapshot;
  if (compactRevision >= snapshot.compactRevision) return {};
  const hashKv = snapshot.hashKv(revision, compactRevision);
  return { unfinishedCompaction: { compactRevision, hashKv } };
}

/** Says how far the reading is, once a second: a backup may take many seconds. */
function tellProgress(what: string): (doneBytes: number, totalBytes: number) => void {
  let last = Date.now();
  return (done, total) => {
    if (Date.now() - last < 1000) return;
    last = Date.now();
    const percent = Math.floor((100 * done) / total);
    void pulumi.log.info(`${what}: ${percent} %`, undefined, undefined, true);
  };
}
