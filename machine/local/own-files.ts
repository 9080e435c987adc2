/** Files and folders that we write and take away again, and nothing else's. */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { MachineError } from "../machine-error";

/** Lies in every folder that we made; a folder with other things in it and without this is not ours to touch. */
export const OWN_MARKER = ".made-by-etcd-restore";
/** What a file is called until it is whole, after its name: one that was killed leaves it so. */
const UNFINISHED = /\.[0-9a-f-]{36}\.new$/;

/**
 * Makes a folder (mode 0700) that is ours.
 *
 * @throws MachineError when it is there, holds something and was not made by us.
 */
export async function claimDirectory(directory: string): Promise<void> {
  await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  const entries = await fs.readdir(directory);
  if (entries.includes(OWN_MARKER)) return;
  if (!entries.every(isMarker)) throw notOurs(directory, entries);
  await fs.chmod(directory, 0o700);
  await writeIfChanged(path.join(directory, OWN_MARKER), "Removed together with what is in it.\n");
}

/**
 * Whether a folder is there and ours.
 *
 * @throws MachineError when it is there, holds something and was not made by us.
 */
export async function isClaimed(directory: string): Promise<boolean> {
  const entries = await fs.readdir(directory).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (entries === undefined) return false;
  if (!entries.includes(OWN_MARKER) && !entries.every(isMarker)) throw notOurs(directory, entries);
  return true;
}

/**
 * Takes away what `isOurs` names in a folder of ours, and the folder when nothing else is in it.
 *
 * @returns names that were left because they are not ours; then the folder stays.
 */
export async function removeOwn(
  directory: string,
  isOurs: (name: string) => boolean,
): Promise<readonly string[]> {
  const entries = (await fs.readdir(directory)).filter((name) => name !== OWN_MARKER);
  const isOwn = (name: string): boolean => isMarker(name) || isOurs(name.replace(UNFINISHED, ""));
  for (const name of entries.filter(isOwn)) {
    await fs.rm(path.join(directory, name), { recursive: true, force: true });
  }
  const left = entries.filter((name) => !isOwn(name));
  if (left.length === 0) {
    // The marker last: a removal that is killed half way can be done again.
    await fs.rm(path.join(directory, OWN_MARKER), { force: true });
    await fs.rmdir(directory);
  }
  return left;
}

/** The marker, or what was to become one when whoever wrote it was killed. */
function isMarker(name: string): boolean {
  return name.replace(UNFINISHED, "") === OWN_MARKER;
}

/** Writes a file (mode 0600) at once or not at all, and only when its text is another. */
export async function writeIfChanged(file: string, text: string): Promise<void> {
  if ((await readIfThere(file)) === text) return fs.chmod(file, 0o600);
  const unfinished = `${file}.${randomUUID()}.new`;
  try {
    await fs.writeFile(unfinished, text, { mode: 0o600, flush: true });
    await fs.rename(unfinished, file);
  } finally {
    await fs.rm(unfinished, { force: true });
  }
}

/** A file's text, or undefined when there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await fs.readFile(file, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function notOurs(directory: string, entries: readonly string[]): MachineError {
  return new MachineError(
    "usage",
    `${directory} was not made by etcd-restore and holds ${entries.slice(0, 3).join(", ")}` +
      `${entries.length > 3 ? ` and ${entries.length - 3} more` : ""}: nothing was touched; choose another folder or empty it`,
  );
}
