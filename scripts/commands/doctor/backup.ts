/** Whether the backup can be restored, and what it needs. */
import * as path from "node:path";
import type { V2Place } from "../../../etcd/backup/opened-backup";
import { NoRoomError } from "../../../etcd/backup/place";
import { ManifestError } from "../../../etcd/backup/manifest";
import type { OpenedSnapshot } from "../../../etcd/backup/read-backup";
import { readRestorableV2 } from "../../../etcd/backup/v2/restorable";
import { missingInFile } from "../../../etcd/proof/expected-keys";
import type { Snapshot } from "../../../etcd/snapshot/snapshot";
import { SnapshotError } from "../../../etcd/snapshot/snapshot-error";
import { size } from "../../../etcd/wire/figures";
import { judgeBackup, readTrustedKey, TrustedKeyError } from "../../../settings/judge-backup";
import { judgeV2, type V2Demands } from "../../../settings/judge-v2";
import type { SettingName } from "../../../settings/settings";
import { isRemote, shownAddress } from "../../../sources/address";
import { SourceError } from "../../../sources/source-error";
import { readNamedStore } from "../../file-argument";
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
    const demands = demandsOf(subject);
    const store = await readNamedStore(word, { digests: false, signal });
    try {
      return "v2" in store
        ? await v2Look(subject, name, store.v2, demands)
        : v3Look(subject, name, store, demands);
    } finally {
      store.close();
    }
  } catch (error) {
    return { check: unreadCheck(error), facts: undefined };
  }
}

/** Why it could not be read, where that is for the user to mend. @throws whatever is not */
function unreadCheck(error: unknown): Check {
  const [id, title] = ["backup", "Backup"] as const;
  const failed = (why: Error, mend: string) => fail(id, title, why.message, mend);
  // `up` fetches and unpacks it somewhere else, where there may be room.
  if (error instanceof NoRoomError) return notChecked(id, title, error.message);
  if (error instanceof ManifestError || error instanceof TrustedKeyError) {
    return failed(error, MEND);
  }
  if (error instanceof SourceError && error.kind === "environment") {
    return failed(error, "see to it that the place where it lies answers from here");
  }
  if (error instanceof SnapshotError || error instanceof SourceError) {
    return failed(error, "set snapshot, or --file, to a backup that can be read");
  }
  throw error;
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

/** The settings that ask something of a backup here; of a v2 store also whether it is asked what it cannot be. */
const ASKING = ["etcdVersion", "trustedKey", "expectedCluster", "expectedKeys"] as const;
const ASKING_V2 = [...ASKING, "bumpRevision", "kubernetes", "members", "reboot"] as const;

/** Good only where every setting that asks something of the backup could be looked at. */
function checkOf(
  subject: Subject,
  name: string,
  what: string,
  against: readonly string[],
  asking: readonly SettingName[],
): Check {
  const [id, title] = ["backup", "Backup"] as const;
  if (against.length > 0) return fail(id, title, `${name}: ${against.join("; ")}`, MEND);
  const closed = sealedAmong(subject, ...asking);
  return closed === undefined
    ? pass(id, title, what)
    : notChecked(id, title, `${what}; whether it is as asked for ${closed}`);
}

function v3Look(
  subject: Subject,
  name: string,
  opened: OpenedSnapshot,
  demands: V2Demands,
): BackupLook {
  const { snapshot } = opened;
  const { servedBy: etcdVersion, reasons } = judgeBackup(opened, demands);
  const facts = { bytes: snapshot.bytes, keys: snapshot.live.count, etcdVersion };
  const what = `${path.basename(name)}: ${size(snapshot.bytes)}, ${facts.keys} keys, of etcd ${etcdVersion}`;
  const against = [...reasons, ...missingKeys(snapshot, demands)];
  return { check: checkOf(subject, name, what, against, ASKING), facts };
}

/** `up` would restore it all the same, and end with the verdict `fail`. */
function missingKeys(snapshot: Snapshot, { expectedKeys = [] }: V2Demands): readonly string[] {
  const missing = missingInFile(snapshot, expectedKeys).length;
  if (missing === 0) return [];
  return [
    `of the ${expectedKeys.length} that the setting expectedKeys names it does not hold ${missing}`,
  ];
}

/** A backup of a v2 store, which the last etcds that have one restore. */
async function v2Look(
  subject: Subject,
  name: string,
  place: V2Place,
  demands: V2Demands,
): Promise<BackupLook> {
  const found = await readRestorableV2(place.file, name);
  if (found === undefined) throw new Error(`${name} was changed while it was read`);
  try {
    const { servedBy: etcdVersion, reasons } = await judgeV2(found, place, demands);
    const { keys, nodes } = found.store;
    const bytes = nodes.reduce(
      (sum, node) => sum + node.name.length + (node.value?.length ?? 0),
      found.v3?.bytes ?? 0,
    );
    const what = `${path.basename(name)}: ${keys.length} keys of a v2 store, for etcd ${etcdVersion}`;
    const check = checkOf(subject, name, what, reasons, ASKING_V2);
    return { check, facts: { bytes, keys: nodes.length, etcdVersion } };
  } finally {
    found.close();
  }
}
