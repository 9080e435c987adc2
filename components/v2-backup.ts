/** What the components need to know of a backup of etcd's old v2 store: it is restored as a data directory is. */
import * as fs from "node:fs";
import * as path from "node:path";
import { removeKept } from "../etcd/backup/backup-file";
import type { V2Place } from "../etcd/backup/opened-backup";
import { findLasting, openLastingPlace } from "../etcd/backup/place";
import { digestOf, readRestorableV2, type RestorableV2 } from "../etcd/backup/v2/restorable";
import { summarize } from "../etcd/snapshot/judgement";
import { judgeV2, type V2Demands } from "../settings/judge-v2";
import type { Backup } from "./backup-facts";

/** How it is to be restored, and what is asked of it. */
export interface Wishes extends V2Demands {
  readonly unpackedIn: string;
}

/**
 * Reads a backup of a v2 store, and lays what is restored of it into `unpackedIn`.
 * @param file as it was named
 * @returns undefined when it is none; the reasons alone where something speaks against a restore
 * @throws SnapshotError, NoRoomError
 */
export async function readV2(
  file: string,
  place: V2Place,
  wishes: Wishes,
): Promise<Backup | { readonly reasons: readonly string[] } | undefined> {
  const found = await readRestorableV2(place.file, file);
  if (found === undefined) return undefined;
  try {
    const { servedBy, reasons } = await judgeV2(found, place, wishes);
    if (reasons.length > 0) return { reasons };
    const { store, v3 } = found;
    const isProvable = v3 !== undefined && found.laterV3Writes === 0;
    const { revision, compactRevision, hashKv } = isProvable ? summarize(v3) : NO_V3;
    return {
      ...(await lay(file, found, wishes.unpackedIn)),
      ...{ file: fs.realpathSync(file), revision, compactRevision, hashKv, servedBy },
      keys: v3?.live.count ?? 0,
      etcdVersion: found.etcdVersion,
      ...(wishes.etcdVersion === "auto" ? {} : { wishedVersion: wishes.etcdVersion }),
      unpackedIn: wishes.unpackedIn,
      authentication: v3?.auth.enabled ?? false,
      v2: { keys: store.keys.length, folders: store.folders, index: store.index },
    };
  } finally {
    found.close();
  }
}

/** Revision 0 tells the restore that there is nothing of a v3 store to be proved by a hash. */
const NO_V3 = { revision: 0, compactRevision: 0, hashKv: 0 };

/** The one file that is restored; its path, its SHA-256 and its length. */
async function lay(
  file: string,
  found: RestorableV2,
  unpackedIn: string,
): Promise<Pick<Backup, "plainFile" | "sha256" | "bytes">> {
  const { sha256 } = await digestOf(found);
  const folder = path.join(unpackedIn, sha256);
  const there = await findLasting(folder);
  if (there !== undefined) return { plainFile: there.path, sha256, bytes: there.bytes };
  removeKept(unpackedIn);
  const place = openLastingPlace(file, folder);
  try {
    for await (const part of found.archive()) place.write(part);
  } catch (error) {
    place.discard();
    throw error;
  }
  const { path: plainFile, bytes } = place.finish();
  return { plainFile, sha256, bytes };
}
