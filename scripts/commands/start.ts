/** `start [FILE]`: the whole story on this computer: restore, prove, show. */
import * as path from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import { readReport } from "../../etcd/report/json";
import { reportText, verdictLine } from "../../etcd/report/text";
import { configFlag, engineFlag, pathText } from "../flags";
import { abortOnInterrupt } from "../interrupt";
import { labEngine, type LabOptions } from "../lab";
import type { GlobalOptions } from "../options";
import { EXIT, UserError, exitCodeOf } from "../outcome";
import { colorsFor, printJson, printText, say } from "../terminal";

export type StartOptions = GlobalOptions & Pick<LabOptions, "engine" | "config">;

export function declare(command: Command): void {
  command
    .description(
      "Restores FILE (default: the sample backup of a Kubernetes cluster) into an etcd of its own on this " +
        "computer, reads every key back and leaves the etcd running. Again with the same file: changes nothing.",
    )
    .argument(
      "[FILE]",
      "the backup, also compressed (gz, zst, xz, bz2) or in an archive (zip, tar)",
      pathText,
    )
    .addOption(engineFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      "\nExamples:\n  npm start\n  npm start -- /backups/etcd-2026-11-22.db\n" +
        "  npm start -- -c verification=quick -c clientPort=32379\n  npm start --silent -- --json | jq .verdict",
    )
    .action(async (file: string | undefined) => {
      process.exitCode = await start(file, command.optsWithGlobals());
    });
}

/** Restores a backup into the etcd of this computer and shows the proof; returns the exit code. */
export async function start(file: string | undefined, options: StartOptions): Promise<number> {
  const quiet = options.quiet === true;
  const tell = (text: string): void => {
    if (!quiet) say(text);
  };
  const config =
    file === undefined
      ? options.config
      : { ...options.config, "etcd-restore:snapshot": path.resolve(file) };
  const engine = labEngine({ ...options, config, quiet, signal: abortOnInterrupt() });

  tell(engine.description);
  const result = await engine.up();
  if (!result.ok) {
    // Live progress has shown them; without it they are said here.
    if (quiet) for (const { message } of result.failures) say(`error: ${message}`);
    return exitCodeOf(result);
  }

  const outputs = await engine.outputs();
  const text = (name: string): string => {
    const value = outputs[name]?.value;
    if (typeof value === "string") return value;
    throw new UserError(EXIT.environment, `the stack has no output ${name}`);
  };
  const report = readReport(text("report"));
  const color = colorsFor(process.stdout);
  if (options.json === true) printJson(report);
  else printText(quiet ? verdictLine(report, { color }) : reportText(report, { color }));
  if (!quiet) lookAround(text("etcdctl"), text("report"));
  return report.verdict === "pass" ? EXIT.good : EXIT.checkFailed;
}

/** What to type next. */
function lookAround(etcdctl: string, reportFile: string): void {
  say("");
  say("The etcd is running. Look inside with", pc.bold);
  say("  npx etcd-restore ls /registry/ --stack local");
  say("  npx etcd-restore get /registry/namespaces/default --stack local");
  say(`  ${etcdctl} get / --prefix --keys-only --limit=20`);
  say("Its report is", pc.bold);
  say(`  ${reportFile}`);
  say("Stop it and remove everything with", pc.bold);
  say("  npm stop");
}
