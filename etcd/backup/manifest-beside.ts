/** The manifest of a backup: where it lies, whatever the backup is packed in and wherever it came from. */
import * as path from "node:path";
import type { BackupFile, V2Place } from "./opened-backup";
import { findManifest, findManifestIn, type Found, type Manifest } from "./manifest";

/**
 * Reads the manifest of a backup: beside it, or beside what it was called before it was packed (`X.db.json` for
 * `X.db.gz`). Undefined when there is none of ours.
 * @throws ManifestError
 *
 * @example
 * ```ts
 * import { manifestOf, readBackup } from "etcd-restore/snapshot";
 *
 * const { backup, snapshot } = await readBackup("/backups/etcd-2026-11-22.db.gz");
 * console.log(manifestOf(backup)?.source.hashKv, snapshot.hashKv());
 * snapshot.close();
 * ```
 */
export function manifestOf(backup: V2Place): Manifest | undefined {
  const found = filesBeside(backup).find(({ kind }) => kind === "ours");
  return found?.kind === "ours" ? found.manifest : undefined;
}

/** What to know of a file in its place that is no manifest of ours. */
export function noteOnManifest(backup: BackupFile): readonly string[] {
  return filesBeside(backup).flatMap((found) =>
    found.kind === "ours"
      ? []
      : [`${path.basename(found.file)} beside it is no manifest of ours: it was left alone`],
  );
}

function filesBeside({ file, container, manifestIn }: V2Place): readonly Found[] {
  if (manifestIn !== undefined) return manifestIn.flatMap((one) => findManifestIn(one) ?? []);
  const { dir, name } = path.parse(file);
  const names = container?.sha256 === undefined ? [file] : [file, path.join(dir, name)];
  return names.flatMap((beside) => findManifest(beside) ?? []);
}
