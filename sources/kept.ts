/** The folder in which fetched backups stay: a folder each, of which one is kept. */
import * as fs from "node:fs";
import * as path from "node:path";

const OURS = /^[0-9a-f]{32}$/;

/** Removes what was kept of other backups. */
export function removeOthers(keepIn: string, folder: string): void {
  for (const other of fs.readdirSync(keepIn)) {
    const there = path.join(keepIn, other);
    if (OURS.test(other) && there !== folder) fs.rmSync(there, { recursive: true, force: true });
  }
}

/** Removes every file that was kept in a folder, and the folder if nothing else is there. */
export function removeFetched(keepIn: string): void {
  if (!fs.existsSync(keepIn)) return;
  removeOthers(keepIn, "");
  if (fs.readdirSync(keepIn).length === 0) fs.rmdirSync(keepIn);
}
