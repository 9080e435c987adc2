/** etcd's data directory, as it lies on the disk of a member. */
import * as path from "node:path";
import { statOf } from "../../files/plain-file";
import type { Container } from "./container";
import { memberFilesIn, type MemberFiles } from "./member-files";

/** A data directory, or the folder `member` in it. */
export interface DataDirectory {
  /** The database; absent in a directory of etcd 2, which had none. */
  readonly database?: { readonly path: string; readonly container: Container };
  /** What lies beside it. */
  readonly files: MemberFiles;
}

/** Looks whether a folder is a data directory; undefined when it is none. */
export function findDataDirectory(directory: string): DataDirectory | undefined {
  for (const member of ["member", "."]) {
    const entry = path.join(member, "snap", "db");
    const file = path.join(directory, entry);
    const files = memberFilesIn(path.join(directory, member));
    if (statOf(file)?.isFile() === true) {
      return { database: { path: file, container: { format: "data directory", entry } }, files };
    }
    if (files.logs.length > 0) return { files };
  }
  return undefined;
}
