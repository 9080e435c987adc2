import type { Backup } from "../backup";

/** Flags of `restore.sh` for a backup that lies at a path on the machine. */
export function restoreFlags(
  backup: Backup,
  snapshot: string,
  environmentFile: string,
  programs: string,
  service: string,
): readonly (string | number)[] {
  return [
    ...["--snapshot", snapshot, "--sha256", backup.sha256],
    ...["--revision", backup.revision, "--compact-revision", backup.compactRevision],
    ...["--hashkv", backup.hashKv],
    ...(backup.bumpedBy === undefined ? [] : ["--bump", backup.bumpedBy]),
    ...["--environment", environmentFile, "--programs", programs, "--service", service],
  ];
}

/**
 * By how much a backup is bumped after this restore: with another bump, or none, the store is not what the backup holds
 * any more, and is restored again.
 */
export function bumpToCome({ bumped }: Backup): number {
  return bumped?.bumpedBy ?? 0;
}
