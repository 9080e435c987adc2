/** Before and after the tests with machines: one run at a time on this computer, and nothing left of any. */
import * as fs from "node:fs";
import * as os from "node:os";
import { lock } from "proper-lockfile";
import { toolsDirOf } from "../../machine/programs/find";
import { sweepMachines } from "./machine";
import { VOLUME_PREFIX } from "./volume";
import { ensureGuest, obstacles, suitesHere, type Guest } from "./root";

declare module "vitest" {
  export interface ProvidedContext {
    /** Systems that machines boot; the first one is this computer's own. */
    readonly guests: readonly [Guest, ...Guest[]];
  }
}

/** What vitest hands to a global set-up, as far as we use it. */
interface Project {
  provide(key: "guests", value: readonly [Guest, ...Guest[]]): void;
}

/** Of this computer, as its machines are: another clone's run, with tools of its own, must not sweep them away. */
const LOCK_FILE = "/run/etcd-restore-machine-tests";
/** Waits for another run; gives it ten minutes. */
const LOCK = { retries: { retries: 600, minTimeout: 1000, maxTimeout: 1000 }, realpath: false };

export default async function setUp(project: Project): Promise<() => Promise<void>> {
  const problems = obstacles();
  if (problems.length > 0) {
    throw new Error(`no machine can be booted on this computer: ${problems.join("; ")}`);
  }
  const toolsDir = toolsDirOf({});
  fs.mkdirSync(toolsDir, { recursive: true, mode: 0o700 });
  const unlock = await lock(LOCK_FILE, LOCK);
  await sweepMachines();
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const [own = "", ...others] = suitesHere();
  const guests: [Guest, ...Guest[]] = [await ensureGuest(own, toolsDir, log)];
  for (const suite of others) guests.push(await ensureGuest(suite, toolsDir, log));
  project.provide("guests", guests);
  return async () => {
    const left = leftBehind();
    await sweepMachines();
    await unlock();
    if (left.length > 0) throw new Error(`the tests have left behind: ${left.join(", ")}`);
  };
}

/** Traces of machines on this computer. */
function leftBehind(): readonly string[] {
  const interfaces = fs.readdirSync("/sys/class/net").filter((name) => /^(erm-|erb)/.test(name));
  const directory = "/run/etcd-restore-machines";
  const machines = fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  const processes = fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && commandOf(name).includes("systemd-nspawn"))
    .map((pid) => `process ${pid}`);
  const mounts = fs
    .readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("machine "));
  const volumes = fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith(VOLUME_PREFIX));
  return [...interfaces, ...machines, ...processes, ...mounts, ...volumes];
}

function commandOf(pid: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it has just ended
  }
}
