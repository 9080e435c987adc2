/** What a snapshot that was read means for a restore: which etcd can serve it, and what speaks against it. */
import type { Snapshot } from "./types";

/** What a backup file holds; where it was not read to its end, a number is 0 and a text but the name empty. */
export interface SnapshotSummary {
  readonly file: string;
  /** SHA-256 of the whole file in hex, as `sha256sum FILE` prints it; empty when the file was not read to its end. */
  readonly sha256: string;
  readonly bytes: number;
  readonly revision: number;
  /** Revision up to which the store was compacted; 0 when it never was. */
  readonly compactRevision: number;
  /** Live keys. */
  readonly keys: number;
  /** etcd's HashKV at `revision`, an unsigned 32-bit number. */
  readonly hashKv: number;
  /** Version of the etcd that wrote it as far as the file tells, `3.6.0` or `3.5`. */
  readonly etcdVersion: string;
}

/** Minor versions of etcd that we can restore with, oldest first. */
export const SERVABLE_MINORS = ["3.5", "3.6", "3.7"] as const;

/** Compares two versions, `3.6` or `3.6.16`, by number; a missing patch counts as 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * The version of the etcd that wrote the snapshot, as far as the file tells: `3.6.0`, or `unknown`.
 *
 * The patch is always 0: etcd stores only what the data's form depends on. The cluster version is written by the
 * servers, the storage version from 3.6 on and only after the first WAL snapshot, so the greater one counts.
 *
 * @example
 * ```ts
 * import { etcdVersionOf, readSnapshot } from "etcd-restore/snapshot";
 *
 * const snapshot = await readSnapshot("/backups/etcd-2026-11-22.db");
 * console.log(etcdVersionOf(snapshot)); // 3.6.0
 * snapshot.close();
 * ```
 */
export function etcdVersionOf(
  snapshot: Pick<Snapshot, "clusterVersion" | "storageVersion">,
): string {
  // Whatever else stands there: no etcd wrote it, and none takes it for a version.
  const versions = [snapshot.clusterVersion ?? "", snapshot.storageVersion ?? ""].filter(
    (version) => /^\d+\.\d+(\.\d+)?$/.test(version),
  );
  return versions.sort(compareVersions).at(-1) ?? "unknown";
}

/**
 * The minor version of etcd to restore with: the one that wrote the snapshot, or 3.5 for anything older.
 *
 * Older programs cannot be had any more as published modules, and 3.5 reads what 3.4 wrote. A snapshot that does not
 * name a version is taken for an old one.
 *
 * @example
 * ```ts
 * import { minorToServe } from "etcd-restore/snapshot";
 *
 * console.log(minorToServe("3.6.0"), minorToServe("unknown")); // 3.6 3.5
 * ```
 */
export function minorToServe(etcdVersion: string): string {
  const minor = etcdVersion.split(".").slice(0, 2).join(".");
  return etcdVersion === "unknown" || compareVersions(minor, SERVABLE_MINORS[0]) < 0
    ? SERVABLE_MINORS[0]
    : minor;
}

/**
 * Why a snapshot that could be read must not be restored; empty when nothing speaks against it.
 *
 * @example
 * ```ts
 * import { readSnapshot, reasonsAgainstRestore } from "etcd-restore/snapshot";
 *
 * const snapshot = await readSnapshot("/backups/etcd-2026-11-22.db");
 * for (const reason of reasonsAgainstRestore(snapshot)) console.error(reason);
 * snapshot.close();
 * ```
 */
export function reasonsAgainstRestore(snapshot: Snapshot): readonly string[] {
  const reasons: string[] = [];
  if (snapshot.trailer === "absent") {
    reasons.push(
      "it has no sha256 at its end: it is a copy of a database file, or its last 32 bytes are cut off, and nothing " +
        "can tell whether its bytes are those that etcd wrote. Take a backup with `etcdctl snapshot save`",
    );
  }
  if (snapshot.trailer === "differs") {
    reasons.push(
      `its bytes are not those that etcd wrote: the sha256 at its end says ${String(snapshot.trailerSha256)}, ` +
        `the content has ${snapshot.contentSha256}. Fetch it again from where it was stored, or use an older backup`,
    );
  }
  const newest = SERVABLE_MINORS[SERVABLE_MINORS.length - 1] ?? "";
  const version = etcdVersionOf(snapshot);
  if (version !== "unknown" && compareVersions(minorToServe(version), newest) > 0) {
    reasons.push(
      `etcd ${version} wrote it; this version of etcd-restore knows etcd up to ${newest}`,
    );
  }
  const { downgradeTo } = snapshot;
  // 3.5 alone (`membership/cluster.go`, `mustDetectDowngrade`); later ones go on with it.
  if (downgradeTo !== undefined && minorToServe(version) === "3.5" && downgradeTo !== "3.5.0") {
    reasons.push(
      `a downgrade to ${downgradeTo} was under way, and etcd 3.5 does not start on such a store: run ` +
        "`etcdctl downgrade cancel` where it was taken from, and take it again",
    );
  }
  return reasons;
}

/**
 * What a report says of the file.
 *
 * @example
 * ```ts
 * import { readSnapshot, summarize } from "etcd-restore/snapshot";
 *
 * const snapshot = await readSnapshot("/backups/etcd-2026-11-22.db");
 * console.log(JSON.stringify(summarize(snapshot)));
 * snapshot.close();
 * ```
 */
export function summarize(snapshot: Snapshot): SnapshotSummary {
  return {
    file: snapshot.file,
    sha256: snapshot.sha256,
    bytes: snapshot.bytes,
    revision: snapshot.revision,
    compactRevision: snapshot.compactRevision,
    keys: snapshot.live.count,
    hashKv: snapshot.hashKv(),
    etcdVersion: etcdVersionOf(snapshot),
  };
}
