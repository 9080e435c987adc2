/** Knows the etcd that `local-service.sh` started again, by the same signs as that script. */
import * as fs from "node:fs/promises";
import * as path from "node:path";

/** Process id of the etcd that belongs to a state folder; undefined when it does not run. */
export async function ownProcess(stateDirectory: string): Promise<number | undefined> {
  return processOf(await read(path.join(stateDirectory, "etcd.pid")));
}

/**
 * Process id out of `BOOT-ID PID START-TIME`; undefined when that process runs no more: a process id alone may be
 * another's by now.
 */
export async function processOf(identity: string): Promise<number | undefined> {
  const [boot, pid, started] = identity.trim().split(" ");
  if (pid === undefined || started === undefined || !/^\d+$/.test(pid)) return undefined;
  const sameBoot = (await read("/proc/sys/kernel/random/boot_id")).trim() === boot;
  return sameBoot && (await startTime(pid)) === started ? Number(pid) : undefined;
}

/** Clock ticks from boot to the start of a process; undefined when it is none, or a dead one with all its threads. */
async function startTime(pid: string): Promise<string | undefined> {
  const stat = await read(`/proc/${pid}/stat`);
  // The command's name, in brackets before these, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isDead = (fields[0] === "Z" || fields[0] === "X") && Number(fields[17]) <= 1;
  return isDead ? undefined : fields[19];
}

async function read(file: string): Promise<string> {
  return fs.readFile(file, "utf8").catch(() => "");
}
