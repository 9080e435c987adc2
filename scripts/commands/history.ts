/** `history FILE`: how the drills of the last months went, and whether one has passed lately. */
import { InvalidArgumentError, Option, type Command } from "commander";
import pc from "picocolors";
import { historySummary, lastPassOf } from "../../evidence/entry";
import type { HistoryEntry } from "../../evidence/history";
import { ageOf, counted, duration, grouped, moment, size } from "../../etcd/wire/figures";
import { visible } from "../../etcd/wire/visible";
import { durationText } from "../durations";
import { pathText } from "../flags";
import { readNamedHistory } from "../history-place";
import type { GlobalOptions } from "../options";
import { EXIT } from "../outcome";
import { colorsFor, printJson, printText, say } from "../terminal";

export interface HistoryOptions extends GlobalOptions {
  /** Seconds. */
  readonly alertAfter?: number;
  readonly last: number;
}

const ROWS = 30;

export function declare(command: Command): void {
  command
    .description(
      "Shows the drills that `drill --history FILE` has noted: when, how old the backup was, how long each phase took, " +
        "keys, size, verdict. Checks the chain of hashes first: a history that was altered is refused.",
    )
    .argument("<FILE>", "the history: a file, or s3://BUCKET/KEY", pathText)
    .addOption(
      new Option(
        "--alert-after <TIME>",
        "exit 1 when no drill has passed for so long, as 3d",
      ).argParser(durationText),
    )
    .addOption(new Option("--last <N>", "show the newest N").argParser(rows).default(ROWS))
    .addHelpText(
      "after",
      "\nExit codes: 0 good; 1 nothing has passed for longer than --alert-after, or the history was altered;\n" +
        "2 wrong use; 3 a store does not answer.\n" +
        "\nExamples:\n  npx etcd-restore history drills.jsonl\n" +
        "  npx etcd-restore history s3://evidence/drills.jsonl\n" +
        "  npx etcd-restore history drills.jsonl --alert-after 3d --quiet",
    )
    .action(async (file: string) => {
      process.exitCode = await history(file, command.optsWithGlobals());
    });
}

function rows(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new InvalidArgumentError("It must be a whole number above 0.");
  return Number(text);
}

/** Shows a history; returns the exit code. */
export async function history(
  file: string,
  options: HistoryOptions,
  now = new Date(),
): Promise<number> {
  const { entries, head } = await readNamedHistory(file);
  const lastPass = lastPassOf(entries);
  const since = lastPass === undefined ? undefined : (now.getTime() - Date.parse(lastPass)) / 1000;
  const { alertAfter } = options;
  const late = alertAfter !== undefined && (since === undefined || since > alertAfter);
  if (options.json === true) {
    const { statement } = historySummary(entries);
    const told = { drills: entries.length, head, lastPass, secondsSinceLastPass: since, statement };
    printJson({ schemaVersion: 1, ...told, late, entries: entries.slice(-options.last) });
  } else show(entries, options, since);
  if (late) {
    const limit = ageOf(alertAfter);
    say(
      `error: no drill has passed for ${since === undefined ? "ever" : ageOf(since)}; at most ${limit} is allowed`,
    );
  }
  return late ? EXIT.checkFailed : EXIT.good;
}

function show(
  entries: readonly HistoryEntry[],
  { last, quiet }: HistoryOptions,
  since: number | undefined,
): void {
  const passed =
    since === undefined ? "none has passed" : `the last one that passed ended ${ageOf(since)} ago`;
  const { statement } = historySummary(entries);
  const summary = [
    `${counted(entries.length, "drill")}, ${passed}`,
    ...(statement === undefined ? [] : [statement]),
  ];
  const table =
    quiet === true || entries.length === 0 ? [] : [...tableOf(entries.slice(-last)), ""];
  printText([...table, ...summary].join("\n"));
}

const TITLES = [
  "when",
  "verdict",
  "age",
  "whole",
  "restore",
  "start",
  "verify",
  "keys",
  "size",
  "",
];

function tableOf(entries: readonly HistoryEntry[]): readonly string[] {
  const cells = [TITLES, ...entries.map(cellsOf)];
  const widths = TITLES.map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? "").length)),
  );
  const colors = pc.createColors(colorsFor(process.stdout));
  return cells.map((row, index) => {
    const line = row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
    if (index === 0) return colors.dim(line);
    return line.replace(/ (fail|incomplete) /, (word) => colors.red(word));
  });
}

function cellsOf(entry: HistoryEntry): readonly string[] {
  const { startedAt, verdict, seconds, backup, failed, notChecked, ended } = entry;
  const phase = (name: string): string => {
    const found = entry.phases.filter((each) => each.name === name);
    return found.length === 0 ? "-" : duration(found.reduce((sum, each) => sum + each.seconds, 0));
  };
  const age =
    backup?.takenAt === undefined
      ? "-"
      : ageOf(Math.max(0, (Date.parse(startedAt) - Date.parse(backup.takenAt)) / 1000));
  const why =
    ended === undefined ? [...failed, ...notChecked].join(", ") : `ended in ${ended.phase}`;
  return [
    moment(startedAt).replace(/:\d\d UTC$/, ""),
    ...[verdict, age, duration(seconds), phase("restore"), phase("start"), phase("verify")],
    ...(backup === undefined ? ["-", "-"] : [grouped(backup.keys), size(backup.bytes)]),
    visible(why),
  ];
}
