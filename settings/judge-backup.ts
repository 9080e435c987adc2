/**
 * What speaks against the restore of a backup, by the backup and by the settings: before anything is made `up` refuses it with
 * these words, and `doctor` says them earlier.
 */
import * as fs from "node:fs";
import { manifestOf } from "../etcd/backup/manifest-beside";
import { manifestReasons } from "../etcd/backup/manifest-problems";
import type { OpenedSnapshot } from "../etcd/backup/read-backup";
import { KeyError, keySha256Of } from "../etcd/backup/seal";
import { clusterReasons } from "../etcd/inspect/cluster";
import { clusterIdentity } from "../etcd/kubernetes/cluster-identity";
import {
  compareVersions,
  etcdVersionOf,
  minorToServe,
  reasonsAgainstRestore,
} from "../etcd/snapshot/judgement";
import type { Snapshot } from "../etcd/snapshot/snapshot";

/** How a backup is to be restored, and what it must be. */
export interface BackupDemands {
  /** `auto` for the minor version that wrote it, X.Y or X.Y.Z. */
  readonly etcdVersion: string;
  /** SHA-256 of the public key that must have signed its manifest. */
  readonly trusted?: string | undefined;
  /** UID of the namespace kube-system of its cluster. */
  readonly expectedCluster?: string | undefined;
}

/** What was found. */
export interface BackupJudgement {
  /** Version of the etcd that is to serve it: X.Y, or X.Y.Z where that was wished for. */
  readonly servedBy: string;
  /** Why it cannot be restored so, each with what to do; none: it can. */
  readonly reasons: readonly string[];
}

/**
 * Judges a backup of a v3 store that was read.
 * @throws ManifestError where a manifest lies beside it that is broken
 */
export function judgeBackup(
  { snapshot, backup }: OpenedSnapshot,
  { etcdVersion, trusted, expectedCluster }: BackupDemands,
): BackupJudgement {
  const witness = { snapshot, container: backup.container, trustedKey: trusted };
  const { servedBy, problem } = serverOf(snapshot, etcdVersion);
  const reasons = [
    ...reasonsAgainstRestore(snapshot),
    ...manifestReasons(manifestOf(backup), witness),
    ...(expectedCluster === undefined
      ? []
      : clusterReasons(clusterIdentity(snapshot.live), expectedCluster)),
    ...(problem === undefined ? [] : [problem]),
  ];
  return { servedBy, reasons };
}

/** Which etcd is to serve a backup, and what is wrong with the one that was wished for. */
function serverOf(snapshot: Snapshot, etcdVersion: string) {
  const writtenBy = etcdVersionOf(snapshot);
  const needed = minorToServe(writtenBy);
  const servedBy = etcdVersion === "auto" ? needed : etcdVersion;
  if (compareVersions(servedBy, needed) >= 0) return { servedBy };
  const problem =
    `etcd ${writtenBy} wrote it and the setting etcdVersion is ${etcdVersion}: an older etcd cannot be trusted ` +
    `to serve it; set etcdVersion to auto or ${needed}`;
  return { servedBy, problem };
}

/** Why a file is no public key, in a sentence that begins with what names the file. */
export class TrustedKeyError extends Error {}

/**
 * The SHA-256 of the public key in a file, by which a manifest's signature is judged.
 * @param where what names the file
 * @throws TrustedKeyError
 */
export function readTrustedKey(file: string, where = "the setting trustedKey is"): string {
  try {
    return keySha256Of(fs.readFileSync(file, "utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const what = error instanceof KeyError ? why : `it cannot be read: ${why}`;
    throw new TrustedKeyError(`${where} ${file}: ${what}`);
  }
}
