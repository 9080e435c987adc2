/** `start [FILE]`: the whole story on this computer: restore, prove, show. */
import * as path from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import type { Engine, EngineResult } from "../../engine/engine";
import { currentReport, putBack, writeEnd } from "../../etcd/report/evidence";
import { levelNamed } from "../../etcd/report/end";
import type { Report } from "../../etcd/report/report";
import { reportText } from "../../etcd/report/text";
import { verdictLine } from "../../etcd/report/verdict-line";
import { beginning } from "../began";
import { isRemote, shownAddress, nameOfBackup } from "../../sources/address";
import { bringNamed } from "../../sources/named";
import { exitCodeOfError, messageOfError } from "../errors";
import { configFlag, engineFlag, pathText } from "../flags";
import { firstSights, waysToLook, writeEtcdctl } from "../look-around";
import { abortOnInterrupt } from "../interrupt";
import { labEngine, type LabOptions } from "../lab";
import type { GlobalOptions } from "../options";
import { EXIT, UserError, exitCodeOf } from "../outcome";
import { IS_PACKAGE, labDirectory, LOCAL_STACK, programTyped, typed } from "../project";
import { badEnd, badEndOf, reportBadEnd, type BadEnd, type BeginningOfRun } from "../run-end";
import { shellWord } from "../shell-word";
import { runHere } from "../steps-here";
import { colorsFor, columnsOf, printJson, printText, say } from "../terminal";
import { typedAgain } from "../typed-again";

export type StartOptions = GlobalOptions & Pick<LabOptions, "engine" | "config">;

export function declare(command: Command): void {
  command
    .description(
      "Restores FILE (default: the sample backup of a Kubernetes cluster) into an etcd of its own on this " +
        "computer, reads every key back and leaves the etcd running. Again with the same file: changes nothing.",
    )
    .argument(
      "[FILE]",
      "the backup, also compressed (gz, zst, xz, bz2) or in an archive (zip, tar); or where it lies: https://…, " +
        "s3://BUCKET/PREFIX, swift://CONTAINER/PREFIX, - (a pipe)",
      pathText,
    )
    .addOption(engineFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      "\nExit codes: 0 restored and proved; 1 a check failed; 2 wrong use, or a backup that cannot be restored;\n" +
        "3 the computer will not do; 130, 143 interrupted. Every end leaves its report in .lab/.\n" +
        `\nExamples:\n  ${typed("start")}\n  ${typed("start", " /backups/etcd-2026-11-22.db")}\n` +
        `  ${typed("start", " -c verification=quick -c clientPort=32379")}\n` +
        `  ${IS_PACKAGE ? typed("start") : "npm start --silent --"} --json | jq .verdict`,
    )
    .action(async (file: string | undefined) => {
      process.exitCode = await start(file, command.optsWithGlobals());
    });
}

/** Restores a backup into the etcd of this computer and shows the proof; returns the exit code. */
export async function start(file: string | undefined, options: StartOptions): Promise<number> {
  const quiet = options.quiet === true;
  const lab = labDirectory(LOCAL_STACK, options.config);
  const named = file === undefined ? undefined : nameOfBackup(file);
  const config =
    named === undefined ? options.config : { ...options.config, "etcd-restore:snapshot": named };
  const run: BeginningOfRun = {
    snapshot: { file: shownAddress(config["etcd-restore:snapshot"] ?? "") },
    level: levelNamed(config["etcd-restore:verification"]),
    startedAt: beginning(),
    stack: LOCAL_STACK,
  };
  const again = typedAgain({ ...options, file });
  const signal = abortOnInterrupt();
  try {
    // Before anything can fail: whatever ends this run from now on, no report says what an earlier one found.
    const reason = "the run has not come to its end yet, or was ended from outside";
    writeEnd(lab, { ...run, verdict: "incomplete", phase: "preflight", reason });
    const fetched = file === undefined ? undefined : await fetchToLab(file, lab, signal, quiet);
    const settings = { ...config, ...fetched };
    const engine = labEngine({ ...options, config: settings, quiet, runHere, signal });
    if (!quiet) say(engine.description);
    const result = await engine.up();
    if (!result.ok) {
      if (quiet) tellFailures(result);
      return tellBadEnd(lab, run, badEnd(result, exitCodeOf(result), run, again), options);
    }
    putBack(lab);
    return await show(lab, engine, options, signal);
  } catch (error) {
    const end = badEndOf(error, exitCodeOfError(error), run, again);
    return tellBadEnd(lab, run, end, options);
  }
}

/** What lies elsewhere is fetched here: an address may hold a signature, which is no setting of a stack. */
async function fetchToLab(
  word: string,
  lab: string,
  signal: AbortSignal,
  quiet: boolean,
): Promise<Readonly<Record<string, string>> | undefined> {
  if (!isRemote(word)) return undefined;
  const keepIn = path.join(lab, "fetched");
  const { file } = await bringNamed(word, { keepIn, signal, ...(!quiet && { say }) });
  return { "etcd-restore:snapshot": file };
}

/** Live progress has shown them; without it they are said here. */
function tellFailures({ failures }: EngineResult): void {
  for (const { message } of failures) say(`error: ${message}`);
}

/** The report, and what can be done with the etcd that runs now. */
async function show(
  lab: string,
  engine: Engine,
  options: StartOptions,
  signal: AbortSignal,
): Promise<number> {
  const report = currentReport(lab);
  if (report === undefined || report.ended !== undefined) {
    throw new UserError(
      EXIT.environment,
      `the report of the proof is gone from ${lab}; \`${programTyped()} verify --report ${shellWord(lab)}\` makes it again`,
    );
  }
  printReport(report, options);
  if (options.quiet !== true) await lookAround(lab, engine, report, options, signal);
  return report.verdict === "pass" ? EXIT.good : EXIT.checkFailed;
}

function printReport(report: Report, { json, quiet }: GlobalOptions): void {
  const color = colorsFor(process.stdout);
  if (json === true) printJson(report);
  else
    printText(
      quiet === true
        ? verdictLine(report, { color })
        : reportText(report, { color, columns: columnsOf(process.stdout) }),
    );
}

/** The reports of a run that failed, its verdict, and as the last line the cause and what to type. */
function tellBadEnd(
  lab: string,
  run: BeginningOfRun,
  end: BadEnd,
  { json, quiet }: GlobalOptions,
): number {
  const error = `${end.cause}; ${end.remedy}`;
  let report: Report | undefined;
  try {
    report = reportBadEnd(lab, run, end);
  } catch (problem) {
    say(`error: the report of this run could not be written: ${messageOfError(problem)}`);
  }
  if (json === true) printJson({ ...report, error, exitCode: end.exitCode });
  else if (report !== undefined) {
    const color = colorsFor(process.stdout);
    // The last line says why; alone, the verdict does.
    printText(verdictLine(report, { color, withReason: quiet === true }));
    if (quiet !== true) say(`Its report is ${path.join(lab, "report.html")}`);
  }
  say(`error: ${error}`);
  return end.exitCode;
}

/** What to type next: what is there in this store, with this lab. */
async function lookAround(
  lab: string,
  engine: Engine,
  report: Report,
  { config }: Pick<LabOptions, "config">,
  signal: AbortSignal,
): Promise<void> {
  const outputs = await engine.outputs();
  const elsewhere = config["etcd-restore:labDirectory"];
  const flag = elsewhere === undefined ? "" : ` -c labDirectory=${shellWord(elsewhere)}`;
  const [folder, key] = await firstSights(outputs, signal);
  const etcdctl = writeEtcdctl(lab, outputs.etcdctl?.value);
  say("");
  say("The etcd is running. Look inside with", pc.bold);
  const sights = { folder, key, etcdctl, report, flag };
  for (const line of waysToLook(sights)) say(`  ${line}`);
  say("Its report is", pc.bold);
  say(`  ${path.join(lab, "report.html")}`);
  say("Stop it and remove everything with", pc.bold);
  say(`  ${typed("stop", flag)}`);
}
