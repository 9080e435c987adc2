import * as path from "node:path";
import { CERTIFICATE_FILES } from "../../machine/environment";
import type { Backup } from "../backup";
import type { RestoreSite } from "../machine";

/** Flags of `restore.sh` for a backup that lies at a path on the machine. */
export function restoreFlags(
  backup: Backup,
  snapshot: string,
  site: RestoreSite,
): readonly (string | number)[] {
  const certificate = (file: "root" | "rootKey") =>
    path.posix.join(site.certificateDirectory, CERTIFICATE_FILES[file]);
  const { unfinishedCompaction: other } = backup;
  return [
    ...["--snapshot", snapshot, "--sha256", backup.sha256],
    ...["--revision", backup.revision, "--compact-revision", backup.compactRevision],
    ...["--hashkv", backup.hashKv],
    ...(other === undefined ? [] : ["--or-hashkv", `${other.compactRevision}:${other.hashKv}`]),
    ...(backup.bumpedBy === undefined ? [] : ["--bump", backup.bumpedBy]),
    ...["--environment", site.environmentFile, "--programs", site.programs],
    ...["--next-environment", site.nextEnvironmentFile],
    ...(site.nextPrograms === undefined ? [] : ["--next-programs", site.nextPrograms]),
    ...["--root-certificate", certificate("root"), "--root-key", certificate("rootKey")],
    ...["--service", site.service],
    ...(backup.v2 === undefined ? [] : ["--v2", "yes"]),
  ];
}

/**
 * By how much a backup is bumped after this restore: with another bump, or none, the store is not what the backup holds
 * any more, and is restored again.
 */
export function bumpToCome({ bumped }: Backup): number {
  return bumped?.bumpedBy ?? 0;
}
