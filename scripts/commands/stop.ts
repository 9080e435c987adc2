/** `stop`: removes the etcd of this computer with all that belongs to it. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Command } from "commander";
import { removeKept } from "../../etcd/backup/backup-file";
import { asidePath, evidencePaths } from "../../etcd/report/evidence";
import { REPORT_FILES } from "../../etcd/report/report";
import { configFlag, engineFlag } from "../flags";
import { abortOnInterrupt, interruptedCode } from "../interrupt";
import { labEngine, type LabOptions } from "../lab";
import { ownPaths } from "../look-around";
import type { GlobalOptions } from "../options";
import { EXIT, exitCodeOf } from "../outcome";
import { labDirectory, LOCAL_STACK } from "../project";
import { causeOf } from "../run-end";
import { shellWord } from "../shell-word";
import { printJson, say } from "../terminal";

export type StopOptions = GlobalOptions &
  Pick<LabOptions, "engine" | "config"> & {
    /** Reports of a run that failed go as well. */
    readonly purge?: boolean;
  };

export function declare(command: Command): void {
  command
    .description(
      "Stops the etcd and removes it with its data, certificates and report. The report of a run that failed stays, " +
        "unless --purge is given. Says so when there is nothing.",
    )
    .option("--purge", "also remove the reports of a run that failed")
    .addOption(engineFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      "\nExamples:\n  npm stop\n  npm stop -- --purge\n  npm stop -- -c labDirectory=/mnt/lab",
    )
    .action(async () => {
      process.exitCode = await stop(command.optsWithGlobals());
    });
}

/** Removes the etcd of this computer with all that belongs to it; returns the exit code. */
export async function stop(options: StopOptions): Promise<number> {
  const { json, quiet = false, config } = options;
  const lab = labDirectory(LOCAL_STACK, config);
  const end = (line: string, left: readonly string[], wasThere: boolean): number => {
    if (json === true) printJson({ schemaVersion: 1, directory: lab, wasThere, left });
    say(line);
    return EXIT.good;
  };
  if (!fs.existsSync(lab))
    return end(`There is nothing to stop: ${lab} does not exist.`, [], false);
  const engine = labEngine({ ...options, quiet, signal: abortOnInterrupt() });
  const result = await engine.destroy();
  if (!result.ok) {
    const exitCode = interruptedCode() ?? exitCodeOf(result);
    const cause = causeOf(result.failures[0]?.message ?? "");
    const error = `${cause}; what is left is kept, \`npm stop\` goes on from there`;
    if (json === true) printJson({ error, exitCode });
    say(`error: ${error}`);
    return exitCode;
  }
  // Unpacked for a run that made nothing of it, a preview or a refusal.
  removeKept(path.join(lab, "unpacked"));
  const evidence = options.purge === true ? evidencePaths(lab) : [asidePath(lab)];
  for (const file of [...ownPaths(lab), ...evidence]) {
    fs.rmSync(file, { recursive: true, force: true });
  }

  const left = removeIfEmpty(path.join(lab, "stack")) ? entries(lab) : ["stack"];
  removeIfEmpty(lab);
  if (left.length === 0) return end(`Stopped; nothing is left of ${lab}.`, [], true);
  const elsewhere = config["etcd-restore:labDirectory"];
  const flag = elsewhere === undefined ? "" : ` -c labDirectory=${shellWord(elsewhere)}`;
  return left.every((name) => REPORT_FILES.some((file) => file === name))
    ? end(
        `Stopped. The reports of a run that failed are kept in ${lab}; \`npm stop -- --purge${flag}\` removes them.`,
        left,
        true,
      )
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
