/** What the components need to know of a backup of etcd's old v2 store: it is restored as a data directory is. */
import * as fs from "node:fs";
import * as path from "node:path";
import { removeKept } from "../etcd/backup/backup-file";
import type { V2Place } from "../etcd/backup/opened-backup";
import { manifestOf } from "../etcd/backup/manifest-beside";
import { findLasting, openLastingPlace } from "../etcd/backup/place";
import { hasV2Store, NEWEST_WITH_V2 as NEWEST } from "../etcd/backup/v2/judgement";
import { digestOf, readRestorableV2, type RestorableV2 } from "../etcd/backup/v2/restorable";
import { v2ManifestReasons } from "../etcd/backup/v2/manifest";
import { compareVersions, summarize } from "../etcd/snapshot/judgement";
import type { Backup } from "./backup-facts";

/** How it is to be restored, and what is asked of it. */
export interface Wishes {
  /** `auto`, X.Y or X.Y.Z. */
  readonly etcdVersion: string;
  readonly bumpRevision: number | undefined;
  /** SHA-256 of the public key that must have signed its manifest. */
  readonly trusted?: string | undefined;
  readonly expectedCluster?: string | undefined;
  readonly kubernetes?: string | undefined;
  readonly expectedKeys?: readonly string[] | undefined;
  readonly members?: number | undefined;
  readonly reboot?: boolean | undefined;
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
    const servedBy = wishes.etcdVersion === "auto" ? NEWEST : wishes.etcdVersion;
    const reasons = [
      ...reasonsAgainst(found, servedBy, wishes),
      ...(await v2ManifestReasons(manifestOf(place), found, wishes.trusted)),
    ];
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

function reasonsAgainst(
  { etcdVersion }: RestorableV2,
  servedBy: string,
  { bumpRevision, expectedCluster, kubernetes, expectedKeys = [], members = 1, reboot }: Wishes,
): readonly string[] {
  const minor = servedBy.split(".").slice(0, 2).join(".");
  const writer = etcdVersion.split(".").slice(0, 2).join(".");
  const reasons: string[] = [];
  if (!hasV2Store(servedBy)) {
    reasons.push(
      `it is a backup of a v2 store, and etcd ${servedBy} has none: ${NEWEST} is the newest that has; set etcdVersion to auto, ${NEWEST} or 3.4`,
    );
  }
  if (etcdVersion !== "unknown" && compareVersions(minor, writer) < 0) {
    reasons.push(
      `etcd ${etcdVersion} wrote it and the setting etcdVersion is ${servedBy}: an older etcd cannot be trusted to serve ` +
        `it; set etcdVersion to auto or ${writer}`,
    );
  }
  if (bumpRevision !== undefined) {
    reasons.push("the indexes of a v2 store cannot be raised: leave out the setting bumpRevision");
  }
  if (kubernetes !== undefined && kubernetes !== "off") {
    reasons.push("no kube-apiserver of today reads a v2 store: leave out the setting kubernetes");
  }
  if (expectedKeys.length > 0) {
    reasons.push(
      "every key of a v2 store is read back, and none can be expected by name: leave out the setting expectedKeys",
    );
  }
  if (members > 1) {
    reasons.push(
      "a v2 store is restored into a cluster of one member: set members to 1, and add others once it serves",
    );
  }
  if (reboot === true) {
    reasons.push("a v2 store is not compared after a reboot: leave out the setting reboot");
  }
  if (expectedCluster !== undefined) {
    reasons.push(
      "the setting expectedCluster asks for a key of a v3 store: leave it out for a backup of a v2 store",
    );
  }
  return reasons;
}

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
