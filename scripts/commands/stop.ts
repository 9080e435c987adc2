import * as fs from "node:fs";
import * as path from "node:path";
import { removeKept } from "../../etcd/backup/backup-file";
import { abortOnInterrupt, labDirectory, labEngine, type LabOptions } from "../lab";
import { EXIT, exitCodeOf } from "../outcome";
import type { GlobalOptions } from "../etcd-restore";

export type StopOptions = GlobalOptions & Pick<LabOptions, "engine" | "config">;

/** Removes the etcd of this computer with all that belongs to it; returns the exit code. */
export async function stop(options: StopOptions): Promise<number> {
  const quiet = options.quiet === true;
  const say = (text: string): void => {
    if (!quiet) process.stderr.write(`${text}\n`);
  };
  const lab = labDirectory(options.config);
  if (!fs.existsSync(lab)) {
    say(`There is nothing to stop: ${lab} does not exist.`);
    return EXIT.good;
  }
  const engine = labEngine({ ...options, quiet, signal: abortOnInterrupt() });
  const result = await engine.destroy();
  if (!result.ok) {
    if (quiet)
      for (const { message } of result.failures) process.stderr.write(`error: ${message}\n`);
    return exitCodeOf(result);
  }
  // Unpacked for a run that made nothing of it, a preview or a refusal.
  removeKept(path.join(lab, "unpacked"));
  const left = removeIfEmpty(path.join(lab, "stack")) ? entries(lab) : ["stack"];
  removeIfEmpty(lab);
  say(
    left.length === 0
      ? `Stopped; nothing is left of ${lab}.`
      : `Stopped. ${lab} still holds what is not the stack's: ${left.join(", ")}`,
  );
  return EXIT.good;
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
