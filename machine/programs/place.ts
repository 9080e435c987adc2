/** Puts programs into the cache: one process at a time, and whole or not at all. */
import { mkdir, mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lock as acquire } from "proper-lockfile";
import type { InstallContext } from "./limits";

/** Seconds after which a lock that nobody renews is taken over; its holder was killed. */
const STALE = 10;
/** Seconds between two lines that say that we still wait. */
const REMINDER = 15;

/** Takes the lock `file`; what was returned gives it back. Undefined when somebody else holds it. */
async function tryLock(file: string): Promise<(() => Promise<void>) | undefined> {
  try {
    return await acquire(file, {
      lockfilePath: file,
      realpath: false,
      stale: STALE * 1000,
      // After a long standstill (a laptop asleep) another process may have taken over. Both then end with a
      // rename into place, and whoever comes second finds the programs there: nothing to stop for.
      onCompromised: () => undefined,
    });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ELOCKED") return undefined;
    throw error;
  }
}

/**
 * Does `work` while no other process does it; waits for the other first and says so.
 *
 * Rejects after `limits.lock` seconds of waiting, or when the signal is raised.
 */
export async function withLock<T>(
  file: string,
  what: string,
  context: InstallContext,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const started = Date.now();
  let reminders = 0;
  let release = await tryLock(file);
  while (release === undefined) {
    const seconds = (Date.now() - started) / 1000;
    if (seconds > context.limits.lock) {
      throw new Error(
        `${what}: another process has been at it for ${Math.round(seconds)} s (limit ${context.limits.lock} s); ` +
          `if there is none, remove ${file} and try again`,
      );
    }
    if (seconds >= reminders * REMINDER) {
      reminders += 1;
      context.log(`${what}: waiting for another process that is at it (${Math.round(seconds)} s)`);
    }
    await sleep(250, undefined, context.signal && { signal: context.signal });
    release = await tryLock(file);
  }
  try {
    context.signal?.throwIfAborted();
    return await work();
  } finally {
    // A lock that was taken over cannot be given back; see onCompromised.
    await release().catch(() => undefined);
  }
}

/** Waits until a file or directory is on the disk and not only in memory. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a directory by filling a sibling `.NAME-XXXXXX.partial` and renaming it to the name that `fill` returns.
 *
 * Call it under the lock: what an interrupted call left behind is removed first. An older directory of the final
 * name is replaced.
 * @returns the directory in place
 */
export async function placeDirectory(
  parent: string,
  name: string,
  fill: (partial: string) => Promise<string>,
): Promise<string> {
  const prefix = `.${name}-`;
  for (const left of await readdir(parent)) {
    if (left.startsWith(prefix) && left.endsWith(".partial")) {
      await rm(join(parent, left), { recursive: true, force: true });
    }
  }
  const temporary = await mkdtemp(join(parent, prefix));
  const partial = `${temporary}.partial`;
  await rename(temporary, partial);
  try {
    const target = join(parent, await fill(partial));
    for (const file of await readdir(partial)) await sync(join(partial, file));
    await sync(partial);
    await rm(target, { recursive: true, force: true });
    await rename(partial, target);
    await sync(parent);
    return target;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
