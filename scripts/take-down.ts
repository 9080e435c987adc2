/** Takes away what a stack has made on this computer, and its folder as far as it is empty then. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Engine, EngineResult } from "../engine/engine";
import { removeKept } from "../etcd/backup/backup-file";
import { asidePath, evidencePaths } from "../etcd/report/evidence";
import { removeFetched } from "../sources/kept";
import { ownPaths } from "./look-around";

/** What became of it: the engine's failure, or the names of what is still in the folder. */
export type TakenDown = { readonly failed: EngineResult } | { readonly left: readonly string[] };

/**
 * Destroys a stack and removes what `start` made beside it.
 * @param lab the stack's folder (`labDirectory`)
 * @param purge whether the reports of a run that failed go as well; those of a proof belong to the stack
 */
export async function takeDown(lab: string, engine: Engine, purge: boolean): Promise<TakenDown> {
  const result = await engine.destroy();
  if (!result.ok) return { failed: result };
  // Unpacked for a run that made nothing of it, a preview or a refusal.
  removeKept(path.join(lab, "unpacked"));
  removeFetched(path.join(lab, "fetched"));
  const evidence = purge ? evidencePaths(lab) : [asidePath(lab)];
  for (const file of [...ownPaths(lab), ...evidence]) {
    fs.rmSync(file, { recursive: true, force: true });
  }
  const left = removeIfEmpty(path.join(lab, "stack")) ? entries(lab) : ["stack"];
  removeIfEmpty(lab);
  return { left };
}

/** Only an empty folder goes: what is not the stack's own is not ours to delete. A mount point stays, empty. */
function removeIfEmpty(directory: string): boolean {
  if (entries(directory).length > 0) return false;
  try {
    fs.rmSync(directory, { recursive: true, force: true });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EBUSY")) throw error;
  }
  return true;
}

function entries(directory: string): readonly string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}
