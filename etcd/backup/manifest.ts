/** The manifest `FILE.json` beside a backup: what the source said of itself when the backup was taken. */
import * as fs from "node:fs";
import { readPlainText } from "../../files/plain-file";
import { visible } from "../wire/visible";
import { manifestForm, type ManifestContent } from "./manifest-form";
import { checkSeal, type Seal } from "./seal";

export type { ManifestContent, ManifestMember, ManifestSource } from "./manifest-form";

/** A manifest that was read. */
export interface Manifest extends ManifestContent {
  /** Whether it is as it was signed, and by which key. @default it is not signed */
  readonly seal?: Seal | undefined;
}

/**
 * A manifest that is there and cannot be used; the message names file and fields.
 *
 * @example
 * ```ts
 * import { ManifestError, manifestOf, openBackup } from "etcd-restore/snapshot";
 *
 * const backup = await openBackup("/backups/etcd-2026-11-22.db");
 * try {
 *   console.log(manifestOf(backup)?.takenAt);
 * } catch (error) {
 *   if (!(error instanceof ManifestError)) throw error;
 *   console.error(error.message); // which file, and which of its fields
 * }
 * ```
 */
export class ManifestError extends Error {}

/** Name of the manifest of a backup. */
export function manifestFileOf(backupFile: string): string {
  return `${backupFile}.json`;
}

/** The HashKV of the source and what it is of; undefined where none speaks of the file. */
export function hashPairOf({ source }: ManifestContent) {
  const { hashKv: hash, hashKvRevision: revision, compactRevision, notComparable } = source;
  return notComparable !== undefined ||
    hash === undefined ||
    revision === undefined ||
    compactRevision === undefined
    ? undefined
    : { hash, revision, compactRevision };
}

/** A file where a manifest would be. */
export type Found =
  | { readonly kind: "ours"; readonly manifest: Manifest }
  /** JSON of somebody else, as `etcdutl snapshot status -w json`, k3s and kops put it there. */
  | { readonly kind: "foreign"; readonly file: string };

/** Fields by which a manifest is known, also when others are wrong. */
const OURS = ["schemaVersion", "takenAt", "source"];
const WAY_OUT = "Fetch it again from where it was stored; without it, the proof begins at the file";

/** Reads the manifest of a backup, as `findManifest` does; undefined when there is none of ours. */
export function readManifest(backupFile: string): Manifest | undefined {
  const found = findManifest(backupFile);
  return found?.kind === "ours" ? found.manifest : undefined;
}

/**
 * Looks for the manifest of a backup; undefined when there is no such file.
 * @throws ManifestError when there is one of ours that cannot be read: a proof must not silently begin later than it
 * could.
 */
export function findManifest(backupFile: string): Found | undefined {
  return findManifestIn(manifestFileOf(backupFile));
}

/** The same of a manifest's own file. */
export function findManifestIn(file: string): Found | undefined {
  if (!fs.existsSync(file)) return undefined;
  const content = jsonOf(file);
  const isObject = typeof content === "object" && content !== null;
  if (!isObject || OURS.filter((field) => field in content).length < 2) {
    return { kind: "foreign", file };
  }
  const parsed = manifestForm().safeParse(content);
  // The seal is of the file as it is, with what others may have added to it.
  if (parsed.success)
    return { kind: "ours", manifest: { ...parsed.data, seal: checkSeal(content) } };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new ManifestError(
    visible(`the manifest ${file} is not one: ${problems.join("; ")}. ${WAY_OUT}`),
  );
}

function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readPlainText(file));
  } catch (error) {
    const problem =
      error instanceof SyntaxError ? "it is no JSON, or cut off" : (error as Error).message;
    throw new ManifestError(visible(`cannot read the manifest ${file}: ${problem}. ${WAY_OUT}`));
  }
}
