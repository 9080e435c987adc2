// @ts-check
/** One set-up at a time, without any package: this runs before there are packages. */
import { mkdir, rmdir, stat, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Seconds: a lock renewed longer ago belongs to a process that was killed. */
const STALE = 10;
const RENEW = 2;
/** Seconds between two lines that say that we still wait, and until we give up. */
const REMINDER = 15;
const LIMIT = 1200;

/** @param {unknown} error @param {string} code */
const is = (error, code) => error instanceof Error && "code" in error && error.code === code;

/** Makes the lock directory; false when it is somebody's. @param {string} directory */
async function take(directory) {
  try {
    await mkdir(directory);
    return true;
  } catch (error) {
    if (!is(error, "EEXIST")) throw error;
  }
  try {
    if (Date.now() - (await stat(directory)).mtimeMs > STALE * 1000) await rmdir(directory);
  } catch (error) {
    if (!is(error, "ENOENT")) throw error;
  }
  return false;
}

/**
 * Does `work` while no other process does it; waits for the other first and says so.
 *
 * Rejects after 20 minutes of waiting, or when the signal is raised.
 * @template T
 * @param {string} directory the lock: a directory that is there while it is held
 * @param {string} what what is being done, for messages
 * @param {{ log: (line: string) => void, signal: AbortSignal }} context
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(directory, what, { log, signal }, work) {
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 });
  const started = Date.now();
  let reminders = 0;
  while (!(await take(directory))) {
    const seconds = Math.round((Date.now() - started) / 1000);
    if (seconds > LIMIT) {
      throw new Error(
        `${what}: another process has been at it for ${seconds} s (limit ${LIMIT} s); ` +
          `if there is none, remove ${directory} and try again`,
      );
    }
    if (seconds >= reminders * REMINDER) {
      reminders += 1;
      log(`${what}: waiting for another process that is at it (${seconds} s)`);
    }
    await sleep(100, undefined, { signal });
  }
  const renewal = setInterval(() => {
    const now = new Date();
    void utimes(directory, now, now).catch(() => undefined);
  }, RENEW * 1000);
  try {
    signal.throwIfAborted();
    return await work();
  } finally {
    clearInterval(renewal);
    await rmdir(directory).catch(() => undefined);
  }
}
