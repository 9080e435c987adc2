/** What a clone leaves on disk while it runs, and how a later run finds and removes what a killed one left. */
import { existsSync } from "node:fs";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { claimDirectory, OWN_MARKER } from "../machine/local/own-files";
import { processOf } from "../machine/local/own-process";
import { MachineError } from "../machine/machine-error";

/** File of a clone's folder that names who made it. */
function markOf(folder: string): string {
  return path.join(folder, "made-by");
}

/** File of a clone's folder that lists its programs, `PID START` each, where they do not end with their keeper. */
export function listOf(folder: string): string {
  return path.join(folder, "running");
}

/** Of a folder that is being made: it is renamed when it has its mark, so that nobody takes it for one without a maker. */
const UNMARKED = ".new-";
/** A Unix socket's path may have 107 bytes; ours are `12.sock` in the folder. */
const LONGEST_BASE = 80;
/** Seconds after which such a folder is nobody's: a killed run's. */
const UNMARKED_LIMIT = 3600;

/**
 * Where this user's clones lie unless another place is named: what is in /var/tmp survives a reboot, so that a later run
 * finds it, and it is a disk, where /tmp may be memory.
 */
export function defaultBase(): string {
  const name = `etcd-restore-clones-${process.getuid?.() ?? ""}`;
  return path.join(existsSync("/var/tmp") ? "/var/tmp" : os.tmpdir(), name);
}

/**
 * Makes a folder (mode 0700) for one clone, with its mark, and removes what killed runs left beside it.
 * @throws MachineError when `base` is there and not ours
 */
export async function makeFolder(base: string): Promise<string> {
  if (Buffer.byteLength(base) > LONGEST_BASE) {
    throw new MachineError(
      "usage",
      `${base}: the path of a folder for clones may have ${LONGEST_BASE} bytes`,
    );
  }
  await claimDirectory(base);
  const { uid } = await fs.lstat(base);
  if (process.getuid !== undefined && uid !== process.getuid()) {
    throw new MachineError(
      "usage",
      `${base} belongs to another user: name another folder for the clone`,
    );
  }
  await removeLeftovers(base);
  const unmarked = await fs.mkdtemp(path.join(base, UNMARKED));
  await fs.writeFile(markOf(unmarked), `${await identity()}\n`, { mode: 0o600 });
  const folder = path.join(base, `clone-${path.basename(unmarked).slice(UNMARKED.length)}`);
  await fs.rename(unmarked, folder);
  return folder;
}

/** Removes a clone's folder, and the folder for clones when none is left in it. */
export async function removeFolder(base: string, folder: string): Promise<void> {
  await fs.rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  await leaveBase(base);
}

async function leaveBase(base: string): Promise<void> {
  const entries = await fs.readdir(base).catch(() => undefined);
  if (entries === undefined || entries.some((name) => name !== OWN_MARKER)) return;
  await fs.rm(path.join(base, OWN_MARKER), { force: true });
  // Another run may have begun in it this very moment.
  await fs.rmdir(base).catch(() => undefined);
}

/**
 * Removes the clones of a folder whose makers do not run any more, and ends what still runs of them.
 * @returns the folders that were removed
 */
export async function removeLeftovers(base: string): Promise<readonly string[]> {
  const names = await fs.readdir(base).catch(() => []);
  const removed: string[] = [];
  for (const name of names.filter((entry) => entry.startsWith(UNMARKED))) {
    const folder = path.join(base, name);
    const { mtimeMs } = await fs.stat(folder);
    if (Date.now() - mtimeMs > UNMARKED_LIMIT * 1000) await fs.rm(folder, { recursive: true });
  }
  for (const name of names.filter((entry) => entry.startsWith("clone-"))) {
    const folder = path.join(base, name);
    const maker = (await read(markOf(folder))).trim();
    if ((await processOf(maker)) !== undefined) continue;
    // Without a process namespace a killed keeper leaves its programs behind.
    for (const line of (await read(listOf(folder))).split("\n")) {
      const boot = maker.split(" ")[0] ?? "";
      const pid = await processOf(`${boot} ${line}`);
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    }
    await fs.rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    removed.push(folder);
  }
  return removed;
}

/** Who made a folder: this boot of the system, and this process. */
async function identity(): Promise<string> {
  const boot = (await fs.readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const stat = await fs.readFile(`/proc/${process.pid}/stat`, "utf8");
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  return `${boot} ${process.pid} ${started}`;
}

async function read(file: string): Promise<string> {
  return fs.readFile(file, "utf8").catch(() => "");
}
