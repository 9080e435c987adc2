import * as fs from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import type { SnapshotSummary } from "../etcd/report/report";
import {
  compareVersions,
  etcdVersionOf,
  minorToServe,
  reasonsAgainstRestore,
  summarize,
} from "../etcd/snapshot/judgement";
import { readSnapshot, SnapshotError } from "../etcd/snapshot/snapshot";

/** What the components need to know of a backup file while the stack is still being planned; its path is absolute. */
export interface Backup extends SnapshotSummary {
  /** Version of the etcd that is to serve it: `3.6` or `3.6.16`. */
  readonly servedBy: string;
  readonly authentication: boolean;
}

/** A backup that cannot be restored. A RunError, so Pulumi prints its message without a stack. */
export class BackupError extends pulumi.RunError {}

/**
 * Reads a backup from end to end and refuses, before anything is made, what cannot be restored.
 *
 * @param etcdVersion `auto` for the minor version that wrote it, or the version wished for.
 * @throws BackupError with the reason and what to do.
 */
export async function readBackup(file: string, etcdVersion: string): Promise<Backup> {
  const snapshot = await readSnapshot(file, { onProgress: tellProgress(file) }).catch(
    (error: unknown) => {
      throw error instanceof SnapshotError
        ? new BackupError(`cannot restore ${error.message}`)
        : error;
    },
  );
  try {
    const reasons = [...reasonsAgainstRestore(snapshot)];
    const writtenBy = etcdVersionOf(snapshot);
    const needed = minorToServe(writtenBy);
    const servedBy = etcdVersion === "auto" ? needed : etcdVersion;
    if (compareVersions(servedBy, needed) < 0) {
      reasons.push(
        `etcd ${writtenBy} wrote it and the setting etcdVersion is ${etcdVersion}: an older etcd cannot be trusted ` +
          `to serve it; set etcdVersion to auto or ${needed}`,
      );
    }
    if (reasons.length > 0) throw new BackupError(`cannot restore ${file}: ${reasons.join("; ")}`);
    const authentication = snapshot.auth.enabled;
    return { ...summarize(snapshot), file: fs.realpathSync(file), servedBy, authentication };
  } finally {
    snapshot.close();
  }
}

/** Says how far the reading is, once a second: a backup may take many seconds. */
function tellProgress(file: string): (doneBytes: number, totalBytes: number) => void {
  let last = Date.now();
  return (done, total) => {
    if (Date.now() - last < 1000) return;
    last = Date.now();
    const percent = Math.floor((100 * done) / total);
    void pulumi.log.info(`reading ${file}: ${percent} %`, undefined, undefined, true);
  };
}
