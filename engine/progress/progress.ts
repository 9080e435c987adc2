/** What a run tells the person in front of it; everything goes to stderr. */

import { lineProgress } from "./lines";
import { treeProgress } from "./tree";
import type { Progress } from "./types";

/** Opens the kind that was asked for; a tree needs a terminal and is plain lines elsewhere. */
export async function openProgress(kind: "tree" | "lines" | "none"): Promise<Progress> {
  if (kind === "none") return silent;
  if (kind === "tree" && process.stderr.isTTY) {
    return await treeProgress(process.stderr);
  }
  return lineProgress((line) => process.stderr.write(`${line}\n`));
}

const nothing = (): void => undefined;

const silent: Progress = {
  registered: nothing,
  started: nothing,
  said: nothing,
  ended: nothing,
  planned: nothing,
  note: nothing,
  passing: nothing,
  finished: nothing,
};
