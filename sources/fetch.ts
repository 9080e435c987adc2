/** Brings a chosen backup to this computer: to a file without a name, or to a folder where it stays for the next time. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import type { FetchedFrom } from "../etcd/backup/backup-file";
import { manifestFileOf } from "../etcd/backup/manifest";
import { openNamedPlace, openUnnamedPlace, sha256OfFile } from "../etcd/backup/place";
import { download, type Downloaded, type DownloadOptions, type Wanted } from "./download";
import { removeOthers } from "./kept";
import { readManifestText } from "./manifest-beside";
import type { Backup } from "./listing";
import type { Store } from "./store";

export interface FetchOptions extends DownloadOptions {
  /**
   * Folder for the file. It stays there for the next time, as long as the store says that it is the same; that of
   * another backup is removed. @default a file without a name, gone with this process at the latest
   */
  readonly keepIn?: string | undefined;
}

/** A backup that is on this computer now. */
export interface FetchedBackup {
  /** A plain file with the object's bytes; perhaps one that only this process can open. */
  readonly file: string;
  /** For `openBackup`; undefined where the file has a name and its manifest beside it. */
  readonly fetched?: FetchedFrom | undefined;
  /** What people call it: `s3://bucket/etcd.db`. */
  readonly name: string;
  readonly bytes: number;
  /** Of the object in hex. */
  readonly sha256: string;
  readonly etag?: string | undefined;
  /** How often it was gone on with after a cut. */
  readonly resumed: number;
  /** Whether it was there already. */
  readonly isKept: boolean;
  dispose(): void;
}

/** Notes beside a kept file which object it is. */
const NOTE = "fetched.json";
const Note = z.object({
  source: z.string(),
  etag: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  file: z.string(),
});

/**
 * Fetches one object, with its manifest where one lies beside it.
 * @throws SourceError, NoRoomError, SnapshotError
 */
export async function fetchBackup(
  store: Store,
  { path: wanted, object, manifest }: Pick<Backup, "path" | "object" | "manifest">,
  options: FetchOptions = {},
): Promise<FetchedBackup> {
  const { keepIn, signal } = options;
  const name = store.nameOf(wanted);
  const about = { path: wanted, bytes: object.bytes, etag: object.etag };
  const kept = keepIn === undefined ? undefined : await findKept(keepIn, name, about);
  if (kept !== undefined) return kept;
  const text =
    manifest === undefined ? undefined : (await readManifestText(store, manifest, signal))?.text;
  return keepIn === undefined
    ? fetchUnnamed(store, about, text, options)
    : fetchToKeep(store, about, text, { ...options, keepIn });
}

async function fetchUnnamed(
  store: Store,
  about: Wanted,
  manifest: Buffer | undefined,
  options: FetchOptions,
): Promise<FetchedBackup> {
  const name = store.nameOf(about.path);
  const place = openUnnamedPlace(name, "fetched");
  let found: Downloaded;
  try {
    found = await download(store, about, place, options);
  } catch (error) {
    place.discard();
    throw error;
  }
  const placed = place.finish();
  const beside = manifest === undefined ? undefined : unnamedFile(name, manifest);
  return {
    ...found,
    ...{ file: placed.path, name, isKept: false },
    fetched: { name, manifest: beside?.path },
    dispose() {
      placed.dispose();
      beside?.dispose();
    },
  };
}

function unnamedFile(name: string, text: Buffer) {
  const place = openUnnamedPlace(name, "fetched");
  place.write(text);
  return place.finish();
}

async function fetchToKeep(
  store: Store,
  about: Wanted,
  manifest: Buffer | undefined,
  options: FetchOptions & { readonly keepIn: string },
): Promise<FetchedBackup> {
  const { keepIn } = options;
  const name = store.nameOf(about.path);
  const folder = folderFor(keepIn, name, about.etag);
  const place = openNamedPlace(name, folder, fileNameOf(about.path));
  try {
    const found = await download(store, about, place, options);
    const { path: file } = place.finish();
    if (manifest !== undefined) {
      fs.writeFileSync(manifestFileOf(file), manifest, { mode: 0o600 });
    }
    const { etag, bytes, sha256 } = found;
    if (etag !== undefined && about.etag !== undefined) {
      const note = { source: name, etag, bytes, sha256, file: path.basename(file) };
      fs.writeFileSync(path.join(folder, NOTE), JSON.stringify(note), { mode: 0o600 });
    }
    removeOthers(keepIn, folder);
    return { ...found, ...{ file, name, isKept: false }, dispose: () => undefined };
  } catch (error) {
    place.discard();
    throw error;
  }
}

/** The kept file of an object, if it is whole and the store says the same of the object as then. */
async function findKept(
  keepIn: string,
  name: string,
  { etag, bytes }: Wanted,
): Promise<FetchedBackup | undefined> {
  if (etag === undefined) return undefined;
  const folder = folderFor(keepIn, name, etag);
  const note = readNote(path.join(folder, NOTE));
  if (note?.source !== name || note.etag !== etag) return undefined;
  if (!Number.isNaN(bytes) && note.bytes !== bytes) return undefined;
  const file = path.join(folder, path.basename(note.file));
  if (!fs.existsSync(file) || (await sha256OfFile(file)) !== note.sha256) return undefined;
  const { sha256 } = note;
  return {
    ...{ file, name, sha256, etag, bytes: note.bytes, resumed: 0, isKept: true },
    dispose: () => undefined,
  };
}

function readNote(file: string): z.infer<typeof Note> | undefined {
  try {
    const { data } = Note.safeParse(JSON.parse(fs.readFileSync(file, "utf8")));
    return data;
  } catch {
    return undefined;
  }
}

/** One folder an object and content, so that a backup of another night has another path. */
function folderFor(keepIn: string, name: string, etag: string | undefined): string {
  const key = createHash("sha256").update(JSON.stringify([name, etag ?? ""]));
  return path.join(keepIn, key.digest("hex").slice(0, 32));
}

/** The last part of an object's name as a file's: nothing that leads elsewhere, or that a shell would take for more. */
function fileNameOf(object: string): string {
  const last = object.split("/").at(-1) ?? "";
  const safe = last
    .replace(/[^A-Za-z0-9._-]/g, "_")
    .replace(/^[.-]+/, "")
    .slice(-120);
  return /^(|unfinished|fetched\.json)$/.test(safe) || safe.endsWith(".part") ? "backup" : safe;
}
