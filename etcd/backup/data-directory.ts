/** etcd's data directory, as it lies on the disk of a member. */
import * as fs from "node:fs";
import * as path from "node:path";
import { counted } from "../wire/figures";
import type { Container } from "./container";

/** The database of a data directory. */
export interface DirectoryDatabase {
  readonly path: string;
  readonly container: Container;
  readonly notes: readonly string[];
}

/** Where etcd keeps it (server/config `SnapDir`), from the data directory and from the folder in it. */
const PLACES = [path.join("member", "snap"), "snap"];

/** Finds the database of a data directory; undefined when the folder is none. */
export function findDatabase(directory: string): DirectoryDatabase | undefined {
  const folder = PLACES.find((place) => isFile(path.join(directory, place, "db")));
  if (folder === undefined) return undefined;
  const wal = path.join(directory, folder, "..", "wal");
  const logs = fs.existsSync(wal)
    ? fs.readdirSync(wal).filter((name) => name.endsWith(".wal"))
    : [];
  return {
    path: path.join(directory, folder, "db"),
    container: { format: "data directory", entry: path.join(folder, "db") },
    notes:
      logs.length === 0
        ? []
        : [
            `this is a member's database, not a backup: its log beside it (${counted(logs.length, "file")} in ${path.join(path.dirname(folder), "wal")}) ` +
              "may hold newer entries, and those are not read",
          ],
  };
}

function isFile(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}
