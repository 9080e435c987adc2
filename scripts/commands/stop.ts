/** `stop`: removes the etcd of this computer with all that belongs to it. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Command } from "commander";
import { removeKept } from "../../etcd/backup/backup-file";
import { configFlag, engineFlag } from "../flags";
import { abortOnInterrupt } from "../interrupt";
import { labEngine, type LabOptions } from "../lab";
import type { GlobalOptions } from "../options";
import { EXIT, exitCodeOf } from "../outcome";
import { labDirectory, LOCAL_STACK } from "../project";
import { printJson, say } from "../terminal";

export type StopOptions = GlobalOptions & Pick<LabOptions, "engine" | "config">;

export function declare(command: Command): void {
  command
    .description(
      "Stops the etcd and removes it with its data, certificates and report. Says so when there is nothing.",
    )
    .addOption(engineFlag())
    .addOption(configFlag())
    .addHelpText("after", "\nExample:\n  npm stop")
    .action(async () => {
      process.exitCode = await stop(command.optsWithGlobals());
    });
}

/** Removes the etcd of this computer with all that belongs to it; returns the exit code. */
export async function stop(options: StopOptions): Promise<number> {
  const quiet = options.quiet === true;
  const lab = labDirectory(LOCAL_STACK, options.config);
  const end = (line: string, left: readonly string[], wasThere: boolean): number => {
    if (options.json === true) {
      printJson({ schemaVersion: 1, directory: lab, wasThere, left });
    }
    say(line);
    return EXIT.good;
  };
  if (!fs.existsSync(lab))
    return end(`There is nothing to stop: ${lab} does not exist.`, [], false);
  const engine = labEngine({ ...options, quiet, signal: abortOnInterrupt() });
  const result = await engine.destroy();
  if (!result.ok) {
    if (quiet) for (const { message } of result.failures) say(`error: ${message}`);
    return exitCodeOf(result);
  }
  // Unpacked for a run that made nothing of it, a preview or a refusal.
  removeKept(path.join(lab, "unpacked"));
  const left = removeIfEmpty(path.join(lab, "stack")) ? entries(lab) : ["stack"];
  removeIfEmpty(lab);
  return left.length === 0
    ? end(`Stopped; nothing is left of ${lab}.`, [], true)
    : end(`Stopped. ${lab} still holds what is not the stack's: ${left.join(", ")}`, left, true);
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
