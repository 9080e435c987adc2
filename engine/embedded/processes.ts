/** Processes by number and start time, so that a number that was given out again is not mistaken for the old one. */

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for as long as it is the same process. */
  readonly startTime: string;
}

/** Identity of a running process; `undefined` when there is none with this number. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const startTime = process.platform === "linux" ? linuxStartTime(pid) : posixStartTime(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

export function isRunning({ pid, startTime }: ProcessIdentity): boolean {
  return identityOf(pid)?.startTime === startTime;
}

/** Field 22 of proc_pid_stat(5); the name before it may hold blanks and parentheses. */
function linuxStartTime(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function posixStartTime(pid: number): string | undefined {
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

/** Sends a signal to a process group (0: none, it is only looked for); false when it has no process any more. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** Waits until a group that was sent SIGKILL is gone; one second at most, for a dead process that nobody reaps stays. */
export async function groupGone(pid: number): Promise<void> {
  const deadline = Date.now() + 1_000;
  while (signalGroup(pid, 0) && Date.now() < deadline) await sleep(10);
}

/** Ends a process group whose leader is still the one that is meant: SIGTERM, and SIGKILL after `graceMs`. */
export async function endGroup(leader: ProcessIdentity, graceMs: number): Promise<void> {
  if (!isRunning(leader)) return;
  signalGroup(leader.pid, "SIGTERM");
  const deadline = Date.now() + graceMs;
  while (isRunning(leader) && Date.now() < deadline) await sleep(50);
  signalGroup(leader.pid, "SIGKILL");
}
