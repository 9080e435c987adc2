/** Whether the backup can be restored, and what it needs. */
import * as path from "node:path";
import { size } from "../../../etcd/wire/figures";
import { SnapshotError } from "../../../etcd/snapshot/snapshot-error";
import { V2BackupError, type V2Place } from "../../../etcd/backup/opened-backup";
import { ManifestError } from "../../../etcd/backup/manifest";
import { readRestorableV2 } from "../../../etcd/backup/v2/restorable";
import { missingInFile } from "../../../etcd/proof/expected-keys";
import type { Snapshot } from "../../../etcd/snapshot/snapshot";
import { judgeBackup, readTrustedKey, TrustedKeyError } from "../../../settings/judge-backup";
import { judgeV2, type V2Demands } from "../../../settings/judge-v2";
import type { SettingName } from "../../../settings/settings";
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
      if (backup.v2 !== undefined) return await v2Look(subject, backup, backup.v2, snapshot.bytes);
      const { servedBy: etcdVersion, reasons } = judgeBackup(
        { snapshot, backup },
        demandsOf(subject),
      );
      const facts = { bytes: snapshot.bytes, keys: snapshot.live.count, etcdVersion };
      const against = [...reasons, ...missingKeys(subject, snapshot)];
      const what = `${path.basename(name)}: ${size(snapshot.bytes)}, ${facts.keys} keys, of etcd ${etcdVersion}`;
      return { check: checkOf(subject, name, what, against), facts };
    } finally {
      snapshot.close();
    }
  } catch (error) {
    if (error instanceof V2BackupError)
      return await v2Look(subject, { ...error.place, name }, error.store, 0);
    if (error instanceof ManifestError || error instanceof TrustedKeyError) {
      return { check: fail(id, title, error.message, MEND), facts: undefined };
    }
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

const MEND =
  "take another backup or fetch this one again, or change the setting that it does not fit";

/** What the settings ask of a backup, as far as they are known. @throws TrustedKeyError */
function demandsOf(subject: Subject): V2Demands {
  const { settings } = subject;
  const known = <T>(name: SettingName, value: T) =>
    unknownAmong(subject, name) === undefined ? value : undefined;
  const trustedKey = known("trustedKey", settings.trustedKey);
  return {
    // Where it is not known what is wished for, what the backup itself asks for.
    etcdVersion: known("etcdVersion", settings.etcdVersion) ?? "auto",
    trusted: trustedKey === undefined ? undefined : readTrustedKey(trustedKey),
    expectedCluster: known("expectedCluster", settings.expectedCluster),
    bumpRevision: known("bumpRevision", settings.bumpRevision),
    kubernetes: known("kubernetes", settings.kubernetes),
    expectedKeys: known("expectedKeys", settings.expectedKeys),
    members: known("members", settings.members),
    reboot: settings.target === "openstack" ? known("reboot", settings.reboot) : undefined,
  };
}

/** `up` would restore it all the same, and end with the verdict `fail`. */
function missingKeys(subject: Subject, snapshot: Snapshot): readonly string[] {
  const { expectedKeys = [] } = demandsOf(subject);
  const missing = missingInFile(snapshot, expectedKeys).length;
  if (missing === 0) return [];
  return [
    `of the ${expectedKeys.length} that the setting expectedKeys names it does not hold ${missing}`,
  ];
}

/** Good only where every setting that asks something of the backup could be looked at. */
function checkOf(subject: Subject, name: string, what: string, against: readonly string[]): Check {
  const [id, title] = ["backup", "Backup"] as const;
  if (against.length > 0) return fail(id, title, `${name}: ${against.join("; ")}`, MEND);
  const closed = sealedAmong(subject, "trustedKey", "expectedCluster", "expectedKeys");
  return closed === undefined
    ? pass(id, title, what)
    : notChecked(id, title, `${what}; whether it is as asked for ${closed}`);
}

/** A backup of a v2 store, which the last etcds that have one restore. */
async function v2Look(
  subject: Subject,
  place: V2Place & { readonly name: string },
  { keys, nodes }: V2Store,
  databaseBytes: number,
): Promise<BackupLook> {
  const { name } = place;
  const found = await readRestorableV2(place.file, name);
  if (found === undefined) throw new Error(`${name} was changed while it was read`);
  try {
    const { servedBy: etcdVersion, reasons } = await judgeV2(found, place, demandsOf(subject));
    const bytes = nodes.reduce(
      (sum, node) => sum + node.name.length + (node.value?.length ?? 0),
      0,
    );
    const facts = { bytes: bytes + databaseBytes, keys: nodes.length, etcdVersion };
    const what = `${path.basename(name)}: ${keys.length} keys of a v2 store, for etcd ${etcdVersion}`;
    return { check: checkOf(subject, name, what, reasons), facts };
  } finally {
    found.close();
  }
}
