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
import {
  fail,
  notChecked,
  pass,
  problemsWith,
  sealedAmong,
  unknownAmong,
  type Check,
  type Subject,
} from "./check";

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
  const wrong = problemsWith(subject, "snapshot");
  const closed = sealedAmong(subject, "snapshot");
  if (file === undefined && (closed !== undefined || wrong.length > 0)) {
    const check =
      closed !== undefined
        ? notChecked(id, title, closed)
        : fail(id, title, wrong.join("; "), "set snapshot, or give --file FILE");
    return { check, facts: undefined };
  }
  const word = file ?? subject.settings.snapshot;
  const name = isRemote(word) ? shownAddress(word) : path.resolve(word);
  try {
    const { snapshot, backup } = await readNamedBackup(word, { digests: false, signal });
    try {
      if (backup.v2 !== undefined) return v2Look(subject, name, backup.v2, snapshot.bytes);
      const wished = wishedVersion(subject);
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

/** Where it is not known what is wished for, what the backup itself asks for. */
function wishedVersion(subject: Subject): string {
  return unknownAmong(subject, "etcdVersion") === undefined ? subject.settings.etcdVersion : "auto";
}

/** A backup of a v2 store, which the last etcds that have one restore. */
function v2Look(
  subject: Subject,
  name: string,
  { keys, nodes }: V2Store,
  databaseBytes: number,
): BackupLook {
  const [id, title] = ["backup", "Backup"] as const;
  const wished = wishedVersion(subject);
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
