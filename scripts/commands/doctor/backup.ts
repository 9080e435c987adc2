/** Whether the backup can be restored, and what it needs. */
import * as path from "node:path";
import { size } from "../../../etcd/wire/figures";
import {
  etcdVersionOf,
  minorToServe,
  reasonsAgainstRestore,
} from "../../../etcd/snapshot/judgement";
import { SnapshotError } from "../../../etcd/snapshot/snapshot-error";
import { V2BackupError } from "../../../etcd/backup/opened-backup";
import { hasV2Store, NEWEST_WITH_V2 } from "../../../etcd/backup/v2/judgement";
import type { V2Store } from "../../../etcd/backup/v2/v2-backup";
import { isRemote, shownAddress } from "../../../sources/address";
import { readNamedBackup } from "../../file-argument";
import { PROJECT_DIR } from "../../project";
import { fail, pass, textSetting, type Check, type Subject } from "./check";

/** What of a backup decides what else is needed. */
export interface BackupFacts {
  readonly bytes: number;
  readonly keys: number;
  /** `3.6`, or the version that the setting names. */
  readonly etcdVersion: string;
}

export interface BackupLook {
  readonly check: Check;
  /** Undefined when it could not be read. */
  readonly facts: BackupFacts | undefined;
}

/** Reads the backup that the stack names, or `file`, from end to end. */
export async function lookAtBackup(
  subject: Subject,
  file: string | undefined,
  signal: AbortSignal,
): Promise<BackupLook> {
  const [id, title] = ["backup", "Backup"] as const;
  const named = file ?? textSetting(subject, "snapshot");
  if (named === undefined) {
    const check = fail(id, title, "none is named", "set snapshot, or give --file FILE");
    return { check, facts: undefined };
  }
  const word = file === undefined && !isRemote(named) ? path.resolve(PROJECT_DIR, named) : named;
  const name = isRemote(word) ? shownAddress(word) : path.resolve(word);
  try {
    const { snapshot, backup } = await readNamedBackup(word, { digests: false, signal });
    try {
      if (backup.v2 !== undefined) return v2Look(subject, name, backup.v2, snapshot.bytes);
      const wished = textSetting(subject, "etcdVersion") ?? "auto";
      const etcdVersion = wished === "auto" ? minorToServe(etcdVersionOf(snapshot)) : wished;
      const facts = { bytes: snapshot.bytes, keys: snapshot.live.count, etcdVersion };
      const reasons = reasonsAgainstRestore(snapshot);
      const check =
        reasons.length === 0
          ? pass(
              id,
              title,
              `${path.basename(name)}: ${size(snapshot.bytes)}, ${facts.keys} keys, of etcd ${etcdVersion}`,
            )
          : fail(
              id,
              title,
              `${name}: ${reasons.join("; ")}`,
              "take another backup, or fetch this one again",
            );
      return { check, facts };
    } finally {
      snapshot.close();
    }
  } catch (error) {
    if (error instanceof V2BackupError) return v2Look(subject, name, error.store, 0);
    if (!(error instanceof SnapshotError)) throw error;
    const check = fail(
      id,
      title,
      error.message,
      "set snapshot, or --file, to a backup that can be read",
    );
    return { check, facts: undefined };
  }
}

/** A backup of a v2 store, which the last etcds that have one restore. */
function v2Look(
  subject: Subject,
  name: string,
  { keys, nodes }: V2Store,
  databaseBytes: number,
): BackupLook {
  const [id, title] = ["backup", "Backup"] as const;
  const wished = textSetting(subject, "etcdVersion") ?? "auto";
  const etcdVersion = wished === "auto" ? NEWEST_WITH_V2 : wished;
  const bytes = nodes.reduce((sum, node) => sum + node.name.length + (node.value?.length ?? 0), 0);
  const facts = { bytes: bytes + databaseBytes, keys: nodes.length, etcdVersion };
  if (!hasV2Store(etcdVersion)) {
    const found = `${name}: a backup of a v2 store, which etcd ${etcdVersion} does not have`;
    return { check: fail(id, title, found, "set etcdVersion to auto, 3.5 or 3.4"), facts };
  }
  const what = `${path.basename(name)}: ${keys.length} keys of a v2 store, for etcd ${etcdVersion}`;
  return { check: pass(id, title, what), facts };
}
