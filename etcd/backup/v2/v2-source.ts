/** Where a backup of a v2 store is taken from: a member's data directory, here or as it came from somewhere else. */
import { spawnSync } from "node:child_process";
import { findDataDirectory } from "../data-directory";
import type { ManifestContent } from "../manifest";
import type { MemberFiles } from "../member-files";
import { TakeError } from "../take/source";

/** The files of a member, and what is known of the etcd that they belong to. */
export interface V2Source {
  /** What people call it: `/var/lib/etcd/default`, `host:/var/lib/etcd/default`. */
  readonly name: string;
  /** What the manifest says of it. */
  readonly place: Pick<ManifestContent["source"], "dataDirectory" | "host" | "pod">;
  readonly files: MemberFiles;
  /** The database of the v3 keys, where it is at hand and nobody writes to it. */
  readonly database?: string | undefined;
  /** Whether there is one. */
  readonly hasDatabase: boolean;
  /** An etcd has it open, or may have. */
  readonly isRunning: boolean;
  /** By which command the v3 keys of one that runs are taken. */
  readonly takeV3By: string;
}

/**
 * A data directory of this computer; it is never changed.
 * @param directory absolute
 * @throws TakeError when it is none
 */
export function localSource(directory: string): V2Source {
  const found = findDataDirectory(directory);
  if (found === undefined || found.files.logs.length === 0) {
    throw new TakeError("usage", `${directory} is no data directory of etcd: no member/wal in it`);
  }
  const { files } = found;
  const database = found.database?.path;
  return {
    ...{ name: directory, place: { dataDirectory: directory }, files, database },
    hasDatabase: database !== undefined,
    isRunning: database !== undefined && isLocked(database),
    takeV3By: "backup --endpoint",
  };
}

/** bbolt keeps a lock on its file as long as it is open (`bolt_unix.go`, flock); asking for it changes nothing. */
function isLocked(database: string): boolean {
  const { status } = spawnSync("flock", ["--nonblock", "--shared", database, "true"]);
  return status === 1;
}
