/** What etcd keeps beside a member's database: snapshots of the old v2 store, and its log. In a folder or in an archive. */
import * as fs from "node:fs";
import * as path from "node:path";
import { statOf } from "../../files/plain-file";
import { counted } from "../wire/figures";
import { SnapshotError } from "../snapshot/snapshot-error";

/** One of the files: its name, as people are told it, and where its bytes are. */
export interface MemberFile {
  readonly name: string;
  readonly path: string;
}

/** Each list in the order of the names, which is that of time. */
export interface MemberFiles {
  readonly snapshots: readonly MemberFile[];
  readonly logs: readonly MemberFile[];
}

/** Files of `DIR/snap` and `DIR/wal`, for the folder of a member. Only plain files count. */
export function memberFilesIn(member: string): MemberFiles {
  const files = (folder: string, ending: string): readonly MemberFile[] =>
    namesIn(path.join(member, folder))
      .filter((name) => name.endsWith(ending))
      .sort()
      .map((name) => path.join(member, folder, name))
      .filter((file) => statOf(file)?.isFile() === true)
      .map((file) => ({ name: file, path: file }));
  return { snapshots: files("snap", ".snap"), logs: files("wal", ".wal") };
}

/** What to know about a database that lies beside a log; nothing where there is none. */
export function notesOnLog(logs: readonly MemberFile[]): readonly string[] {
  const [first] = logs;
  if (first === undefined) return [];
  return [
    `this is a member's database, not a backup: its log beside it (${counted(logs.length, "file")} in ${path.dirname(first.name)}) ` +
      "may hold newer entries, and those are not read",
  ];
}

function namesIn(folder: string): readonly string[] {
  try {
    return fs.readdirSync(folder);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw new SnapshotError(folder, `this directory cannot be listed: ${String(code)}`);
  }
}

/** Where an entry of an archive lies in a member's folder: `cluster/member/`, `snap` and `db`. */
export interface MemberPath {
  readonly member: string;
  readonly kind: "database" | "snapshot" | "log";
}

/** etcd's own names (server/config `SnapDir`, `WALDir`; snap/snapshotter.go, wal/util.go). Undefined for any other file. */
export function memberPathOf(entry: string): MemberPath | undefined {
  const [, member, database, snapshot, log] =
    /^(|.*\/)(?:(snap\/db)|(snap\/[0-9a-f]{16}-[0-9a-f]{16}\.snap)|(wal\/[0-9a-f]{16}-[0-9a-f]{16}\.wal))$/s.exec(
      entry,
    ) ?? [];
  if (member === undefined) return undefined;
  if (database !== undefined) return { member, kind: "database" };
  if (snapshot !== undefined) return { member, kind: "snapshot" };
  return log === undefined ? undefined : { member, kind: "log" };
}
