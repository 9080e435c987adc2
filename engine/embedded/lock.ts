/** One run at a time for each stack, and the memory of what a killed run left running. */

import * as fs from "node:fs";
import { z } from "zod";
import { writeFileSafely } from "./files";
import { endGroup, identityOf, isRunning } from "./processes";
import type { ProcessIdentity } from "./processes";

const identity = z.object({ pid: z.number().int().positive(), startTime: z.string() });
const holderRecord = z.object({
  ...identity.shape,
  operation: z.string(),
  since: z.string(),
  /** Leaders of the process groups that the run has started and not yet seen the end of. */
  groups: z.array(identity),
});
type HolderRecord = z.infer<typeof holderRecord>;

export interface Lock {
  /** Remembers a process group, so that the next run can end it if this one is killed. */
  started(pid: number): void;
  ended(pid: number): void;
  release(): void;
}

/** How long what a killed run left behind gets to end by itself. */
const GRACE_MS = 5_000;

/**
 * Takes the lock or throws an error that names its holder. A lock whose holder is gone is taken over at once, and
 * the commands that it left running are ended first: two of them must not work on one thing.
 */
export async function takeLock(file: string, operation: string): Promise<Lock> {
  const self = identityOf(process.pid);
  if (self === undefined) throw new Error("cannot tell the start time of this very process");
  const record: HolderRecord = {
    ...self,
    operation,
    since: new Date().toISOString(),
    groups: [],
  };
  const left: ProcessIdentity[] = [];
  while (!create(file, record)) {
    const holder = read(file);
    if (holder !== undefined && isRunning(holder)) {
      throw new Error(
        `the stack is in use: process ${holder.pid} has been at "${holder.operation}" since ${holder.since}. ` +
          `Wait for it or end it (the lock is ${file})`,
      );
    }
    if (takeAway(file, holder)) left.push(...(holder?.groups ?? []));
  }
  await Promise.all(left.map((leader) => endGroup(leader, GRACE_MS)));

  const groups = new Map<number, ProcessIdentity>();
  const note = (): void => {
    writeFileSafely(file, JSON.stringify({ ...record, groups: [...groups.values()] }));
  };
  return {
    started(pid) {
      const leader = identityOf(pid);
      if (leader === undefined) return;
      groups.set(pid, leader);
      note();
    },
    ended(pid) {
      if (groups.delete(pid)) note();
    },
    release() {
      fs.rmSync(file, { force: true });
    },
  };
}

/** The file appears with its content or not at all: nobody can read a lock half written. */
function create(file: string, record: HolderRecord): boolean {
  const own = `${file}.${process.pid}`;
  try {
    fs.writeFileSync(own, JSON.stringify(record), { mode: 0o600 });
    fs.linkSync(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    fs.rmSync(own, { force: true });
  }
}

function read(file: string): HolderRecord | undefined {
  try {
    return holderRecord.parse(JSON.parse(fs.readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

/** Moves a dead lock aside; false when another process was faster and the file is already a fresh one. */
function takeAway(file: string, dead: HolderRecord | undefined): boolean {
  const aside = `${file}.dead.${process.pid}`;
  try {
    fs.renameSync(file, aside);
  } catch {
    return false;
  }
  const moved = read(aside);
  const isDead = moved?.pid === dead?.pid && moved?.startTime === dead?.startTime;
  if (!isDead) fs.linkSync(aside, file);
  fs.rmSync(aside);
  return isDead;
}
