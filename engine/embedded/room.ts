/**
 * Room on the disk that is kept free for the removal of a stack.
 *
 * An engine writes its lock and its journal before it removes anything, which a full disk would refuse: so what is to
 * free the disk would need room on it. A run that makes something keeps a file of so many bytes, a removal gives it up
 * first.
 */
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

/** Locks, a state file beside the one that it replaces, and what the CLI keeps of each step. */
const BYTES = 4 * 2 ** 20;

const roomFile = (workDir: string): string => path.join(workDir, "room");

/** Keeps it, where it is not kept already. Throws when there is none, and leaves nothing then. */
export function keepRoom(workDir: string): void {
  const file = roomFile(workDir);
  if (fs.statSync(file, { throwIfNoEntry: false })?.size === BYTES) return;
  try {
    // No zeros: a disk may keep these in no room at all.
    fs.writeFileSync(file, crypto.randomBytes(BYTES), { mode: 0o600 });
  } catch (error) {
    giveRoom(workDir);
    throw error;
  }
}

/** Gives it up. */
export function giveRoom(workDir: string): void {
  fs.rmSync(roomFile(workDir), { force: true });
}
