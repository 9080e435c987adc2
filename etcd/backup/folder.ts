/** A folder that was named as a backup: which of its files it is. */
import * as fs from "node:fs";
import * as path from "node:path";
import {
  describeFileError,
  NotPlainFileError,
  statOf,
  streamPlainFile,
} from "../../files/plain-file";
import { SnapshotError } from "../snapshot/snapshot-error";
import { DamageError, NotUnpackedError } from "./damage";
import { decompress } from "./decompress";
import {
  describeKind,
  HEAD_BYTES,
  isArchive,
  isCompression,
  isUnfinished,
  kindOf,
  type Kind,
} from "./kinds";
import { listed } from "./listed";
import { peek } from "./streams";

/** The file of a folder that holds its backup. */
export interface Chosen {
  readonly file: string;
  /** Names of files that are no snapshots, with what they are. */
  readonly beside: readonly string[];
}

/**
 * Chooses the one file of a folder that holds a snapshot, as it is or packed, by looking into each.
 *
 * A snapshot comes before an archive: OpenShift's backup is a snapshot and an archive of its manifests. Looks into no
 * folder below.
 * @throws SnapshotError when there is none or more than one, with what is there
 */
export async function chooseInFolder(folder: string): Promise<Chosen> {
  const snapshots: string[] = [];
  const archives: string[] = [];
  const others: string[] = [];
  for (const { name, file } of plainFiles(folder)) {
    if (isUnfinished(name)) {
      others.push(`${name} (still being written)`);
      continue;
    }
    const { kind, inside, what } = await lookInto(file);
    if (inside === "database") snapshots.push(name);
    else if (isArchive(kind) || isArchive(inside)) archives.push(name);
    else others.push(`${name} (${what})`);
  }
  const [chosen] = snapshots.length > 0 ? snapshots : archives;
  const candidates = snapshots.length > 0 ? snapshots : archives;
  if (chosen === undefined) {
    throw new SnapshotError(
      folder,
      "this is a directory without an etcd snapshot or database. " +
        (others.length === 0 ? "It holds no file" : `It holds ${listed(others)}`),
    );
  }
  if (candidates.length > 1) {
    const what = snapshots.length > 0 ? "etcd snapshots" : "archives";
    throw new SnapshotError(
      folder,
      `this is a directory with ${candidates.length} ${what}: ${listed(candidates)}. Name one of them`,
    );
  }
  return { file: path.join(folder, chosen), beside: others };
}

interface PlainFile {
  readonly name: string;
  readonly file: string;
}

/** Each once, also where a link names it again, as `latest` does. */
function plainFiles(folder: string): readonly PlainFile[] {
  const seen = new Set<string>();
  const files: PlainFile[] = [];
  // What is a link comes last: the file's own name is the better one.
  const entries = entriesOf(folder).sort(
    (a, b) => Number(a.isSymbolicLink()) - Number(b.isSymbolicLink()) || compare(a, b),
  );
  for (const { name } of entries) {
    const file = path.join(folder, name);
    const stats = statOf(file);
    if (stats?.isFile() !== true) continue;
    const identity = `${stats.dev}:${stats.ino}`;
    if (!seen.has(identity)) files.push({ name, file });
    seen.add(identity);
  }
  return files;
}

function entriesOf(folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw new SnapshotError(folder, `this directory cannot be listed: ${describeFileError(error)}`);
  }
}

function compare(a: fs.Dirent, b: fs.Dirent): number {
  return a.name < b.name ? -1 : 1;
}

/** What a file is and, where it is compressed, what is inside. */
async function lookInto(file: string): Promise<{ kind: Kind; inside: Kind; what: string }> {
  let stream;
  try {
    stream = streamPlainFile(file);
  } catch (error) {
    if (!(error instanceof NotPlainFileError)) throw error;
    return { kind: "other", inside: "other", what: error.message };
  }
  const outer = await peek(stream, HEAD_BYTES);
  const kind = kindOf(outer.head);
  const what = describeKind(kind, outer.head);
  if (!isCompression(kind)) {
    await outer.close();
    return { kind, inside: kind, what };
  }
  try {
    const inner = await peek(decompress(kind, outer.all), HEAD_BYTES);
    await inner.close();
    const inside = kindOf(inner.head);
    return { kind, inside, what: `${what}, in it ${describeKind(inside, inner.head)}` };
  } catch (error) {
    if (error instanceof NotUnpackedError) {
      // Most likely what it looks like; that it cannot be unpacked here is said when it is.
      return { kind, inside: "database", what };
    }
    if (!(error instanceof DamageError)) throw error;
    return { kind, inside: "other", what: `${what}, damaged` };
  } finally {
    await outer.close();
  }
}
