/** A folder of this computer, or a file of it, as a store. */
import * as fs from "node:fs";
import * as path from "node:path";
import { describeFileError, openPlainFile, NotPlainFileError } from "../files/plain-file";
import { SourceError } from "./source-error";
import { streamOf, type OpenedObject, type Store, type StoredObject } from "./store";

/** Below this, no one keeps backups; a folder in itself would go on for ever. */
const MOST_LEVELS = 12;
const MOST_FILES = 200_000;
const PIECE_BYTES = 1 << 20;

/** @throws SourceError when there is no such file or folder */
export function openFolder(named: string): Store {
  const root = path.resolve(named);
  const stats = statAt(root);
  const isFile = !stats.isDirectory();
  const fileOf = (name: string): string => (isFile ? root : path.join(root, name));
  return {
    name: root,
    isAtomic: false,
    isOne: isFile,
    canReopen: true,
    nameOf: fileOf,
    list: () => streamOf(isFile ? [objectOf(path.basename(root), stats)] : filesBelow(root)),
    open(name, { from, to }, { etag } = {}) {
      return Promise.resolve().then(() => openStretch(fileOf(name), from, to, etag));
    },
    close: () => undefined,
  };
}

function statAt(file: string): fs.Stats {
  try {
    return fs.statSync(file);
  } catch (error) {
    throw new SourceError("usage", `${file}: ${describeFileError(error)}`);
  }
}

/** Undefined for what is gone, and for a link that leads nowhere or in a circle. Any other error may hide a backup. */
function statBelow(file: string): fs.Stats | undefined {
  try {
    return fs.statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ELOOP") return undefined;
    throw error;
  }
}

/** Each file once, also where a link names it again, as `latest` does. */
function* filesBelow(root: string): Generator<StoredObject> {
  const seen = new Set<string>();
  const links: string[] = [];
  let count = 0;
  function* walk(folder: string, level: number): Generator<string> {
    for (const entry of entriesOf(path.join(root, folder), level === 0)) {
      const below = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isSymbolicLink()) links.push(below);
      else if (entry.isFile()) yield below;
      else if (entry.isDirectory() && level < MOST_LEVELS) yield* walk(below, level + 1);
    }
  }
  function* named(): Generator<string> {
    yield* walk("", 0);
    // What is a link comes last: the file's own name is the better one.
    yield* links;
  }
  for (const name of named()) {
    const stats = statBelow(path.join(root, name));
    if (stats?.isFile() !== true) continue;
    const identity = `${stats.dev}:${stats.ino}`;
    if (seen.has(identity)) continue;
    seen.add(identity);
    count += 1;
    if (count > MOST_FILES) {
      throw new SourceError(
        "usage",
        `${root} has more than ${MOST_FILES} files below it; name the folder with the backups`,
      );
    }
    yield objectOf(name, stats);
  }
}

function entriesOf(folder: string, isRoot: boolean): readonly fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    // lost+found, or another user's folder: what cannot be seen is not offered.
    if (!isRoot) return [];
    throw new SourceError("usage", `${folder} cannot be listed: ${describeFileError(error)}`);
  }
}

function objectOf(name: string, stats: fs.Stats): StoredObject {
  return { path: name, bytes: stats.size, modified: stats.mtime, etag: etagOf(stats) };
}

function etagOf({ dev, ino, size, mtimeMs }: fs.Stats): string {
  return [dev, ino, size, Math.round(mtimeMs)].join("-");
}

function openStretch(
  file: string,
  from: number,
  to: number | undefined,
  etag: string | undefined,
): OpenedObject {
  let fd: number;
  try {
    ({ fd } = openPlainFile(file));
  } catch (error) {
    if (!(error instanceof NotPlainFileError)) throw error;
    throw new SourceError("usage", `${file}: ${error.message}`);
  }
  const stats = fs.fstatSync(fd);
  const found = etagOf(stats);
  if (etag !== undefined && etag !== found) {
    fs.closeSync(fd);
    throw new SourceError("environment", `${file} changed since it was listed`);
  }
  const end = Math.min(to ?? stats.size, stats.size);
  const isNothing = from >= end;
  if (isNothing) fs.closeSync(fd);
  const bytes = isNothing
    ? streamOf([])
    : fs.createReadStream(file, { fd, start: from, end: end - 1, highWaterMark: PIECE_BYTES });
  return { bytes, from, total: stats.size, etag: found, inRanges: true };
}
