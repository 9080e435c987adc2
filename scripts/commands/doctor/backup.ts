/** Whether the backup can be restored, and what it needs. */
import * as path from "node:path";
import { size } from "../../../etcd/wire/figures";
import {
  etcdVersionOf,
  minorToServe,
  reasonsAgainstRestore,
} from "../../../etcd/snapshot/judgement";
import { SnapshotError } from "../../../etcd/snapshot/snapshot-error";
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
    const { snapshot } = await readNamedBackup(word, { digests: false, signal });
    try {
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
