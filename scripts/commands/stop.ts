/** `stop`: removes the etcd of this computer with all that belongs to it. */
import * as fs from "node:fs";
import type { Command } from "commander";
import { REPORT_FILES } from "../../etcd/report/report";
import { configFlag, engineFlag } from "../flags";
import { abortOnInterrupt, interruptedCode } from "../interrupt";
import { labEngine, type LabOptions } from "../lab";
import type { GlobalOptions } from "../options";
import { EXIT, exitCodeOf } from "../outcome";
import { labDirectory, LOCAL_STACK, typed } from "../project";
import { causeOf } from "../run-end";
import { shellWord } from "../shell-word";
import { runHere } from "../steps-here";
import { takeDown } from "../take-down";
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
      `\nExamples:\n  ${typed("stop")}\n  ${typed("stop", " --purge")}\n` +
        `  ${typed("stop", " -c labDirectory=/mnt/lab")}`,
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
  const engine = labEngine({ ...options, quiet, runHere, signal: abortOnInterrupt() });
  const taken = await takeDown(lab, engine, options.purge === true);
  if ("failed" in taken) {
    const exitCode = interruptedCode() ?? exitCodeOf(taken.failed);
    const cause = causeOf(taken.failed.failures[0]?.message ?? "");
    const error = `${cause}; what is left is kept, \`${typed("stop")}\` goes on from there`;
    if (json === true) printJson({ error, exitCode });
    say(`error: ${error}`);
    return exitCode;
  }
  const { left } = taken;
  if (left.length === 0) return end(`Stopped; nothing is left of ${lab}.`, [], true);
  const elsewhere = config["etcd-restore:labDirectory"];
  const flag = elsewhere === undefined ? "" : ` -c labDirectory=${shellWord(elsewhere)}`;
  return left.every((name) => REPORT_FILES.some((file) => file === name))
    ? end(
        `Stopped. The reports of a run that failed are kept in ${lab}; \`${typed("stop", ` --purge${flag}`)}\` removes them.`,
        left,
        true,
      )
    : end(`Stopped. ${lab} still holds what is not the stack's: ${left.join(", ")}`, left, true);
}
