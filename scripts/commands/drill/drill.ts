/**
 * `drill`: restores a backup, proves it, measures it, and takes everything away again, whatever happened.
 *
 * A drill is a stack of its own in a folder of its own; what `start` and `stop` do is done to it. Its report is written
 * before anything is made (the run was ended from outside), before the teardown, and again with it.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { EngineName } from "../../../engine/choose";
import { currentReport } from "../../../etcd/report/evidence";
import type {
  Check,
  DrillSummary,
  Phase,
  Report,
  VerificationLevel,
} from "../../../etcd/report/report";
import { reportText, verdictLine } from "../../../etcd/report/text";
import { duration } from "../../../etcd/wire/figures";
import { writeReports } from "../../../etcd/report/write-all";
import { takePortSlot } from "../../../machine/port-slot";
import { beginning } from "../../began";
import { drillsHome, openPlace, type DrillPlace } from "../../drills/home";
import { drillName } from "../../drills/names";
import { labOf, removeDrill, type EngineFor } from "../../drills/remove";
import { exitCodeOfError } from "../../errors";
import { abortOnInterrupt, interruptedCode } from "../../interrupt";
import { labEngine } from "../../lab";
import { runHere } from "../../steps-here";
import type { GlobalOptions } from "../../options";
import { EXIT, exitCodeOf } from "../../outcome";
import { badEnd, badEndOf, type BadEnd, type BeginningOfRun } from "../../run-end";
import { colorsFor, printJson, printText, say } from "../../terminal";
import { isRemote, shownAddress } from "../../../sources/address";
import { privateKeyOf } from "../../../etcd/wire/ed25519";
import { readSignKey } from "../backup/sign-key";
import { noted } from "./note";
import { sendSpans } from "./spans";
import { ageCheck, takenOf } from "./age";
import { budgetChecks, type Budget } from "./budget";
import { chooseBackup, NoBackupError, type Chosen } from "./choose";
import { exitCodeOfDrill, reportOfBadEnd, withAdditions } from "./end";
import { drillSettings, settingsToDestroy, type Config, type DrillSettings } from "./settings";

export interface DrillOptions extends GlobalOptions {
  readonly from?: string;
  readonly target?: "local" | "openstack";
  readonly stack?: string;
  readonly engine: EngineName;
  readonly config: Config;
  readonly level?: VerificationLevel;
  readonly budget?: Budget;
  /** Seconds. */
  readonly maxAge?: number;
  readonly random?: number;
  readonly seed?: string;
  readonly report?: string;
  readonly home?: string;
  readonly history?: string;
  readonly signKey?: string;
  /** Seconds; `true` for the default. */
  readonly keep?: number | true;
}

/** A drill without a budget of its own ends after so long: nobody waits for it any more. */
const LONGEST_SECONDS = 86_400;
const KEEP_SECONDS = 86_400;

/** Runs one drill; returns the exit code. */
export async function drill(
  file: string | undefined,
  options: DrillOptions,
  engineFor: EngineFor = labEngine,
): Promise<number> {
  const run = new Drill(file, options, drillSettings(options), engineFor);
  return await run.run();
}

/** What a run of the engine came to: the verification's report, or how it ended before. */
interface Outcome {
  readonly report: Report;
  readonly badEnd?: BadEnd;
}

class Drill {
  private readonly startedAt = beginning();
  private readonly interrupted = abortOnInterrupt();
  private readonly limit: number;
  private readonly deadline = new AbortController();
  private readonly name: string;
  private readonly home: string;
  private readonly reports: string;
  private readonly source: string;
  private readonly signKey: string | undefined;
  private chosen: Chosen | undefined;
  private passedOver: Chosen["passedOver"] = [];
  private readonly before: Phase[] = [];
  private readonly after: Phase[] = [];
  private readonly checks: Check[] = [];

  constructor(
    private readonly file: string | undefined,
    private readonly options: DrillOptions,
    private readonly settings: DrillSettings,
    private readonly engineFor: EngineFor,
  ) {
    this.limit = options.budget?.total ?? LONGEST_SECONDS;
    const kept = options.keep === true ? KEEP_SECONDS : (options.keep ?? 0);
    // An hour for taking everything away.
    const longest = (this.limit + kept + 3600) * 1000;
    this.name = drillName(new Date(this.startedAt.getTime() + longest));
    this.home = drillsHome(options.home);
    this.reports = path.resolve(options.report ?? path.join(this.home, "reports", this.name));
    const given = file ?? options.from ?? "";
    this.source = isRemote(given) ? given : path.resolve(given);
    // A key that is none is told before anything is done.
    this.signKey = readSignKey(options.signKey);
    if (this.signKey !== undefined) privateKeyOf(this.signKey);
  }

  async run(): Promise<number> {
    const nothingYet = "the drill has not come to its end yet, or was ended from outside";
    this.write(
      reportOfBadEnd(this.beginning(), {
        ...{ exitCode: EXIT.environment, cause: nothingYet, phase: "preflight" },
        remedy: "`etcd-restore sweep` removes what it left",
      }),
    );
    const timer = setTimeout(() => {
      this.deadline.abort(new Error("the budget of the whole drill is used up"));
    }, this.millisecondsLeft());
    let place: DrillPlace | undefined;
    let outcome: Outcome;
    try {
      place = this.openPlace();
      outcome = await this.prove(place);
    } catch (error) {
      if (error instanceof NoBackupError) this.passedOver = error.passedOver;
      outcome = this.badOutcome(badEndOf(error, exitCodeOfError(error), this.beginning()));
    } finally {
      clearTimeout(timer);
    }
    const told = await this.end(outcome, place);
    return this.tell(told, outcome.badEnd);
  }

  private beginning(): BeginningOfRun {
    const { startedAt, name: stack } = this;
    const { level } = this.settings;
    const named = this.chosen?.name ?? shownAddress(this.source);
    return { snapshot: { file: named }, level, startedAt, stack };
  }

  private millisecondsLeft(): number {
    const used = Date.now() - this.startedAt.getTime();
    return Math.max(0, Math.min(this.limit * 1000 - used, 2 ** 31 - 1));
  }

  private openPlace(): DrillPlace {
    const { name, startedAt, source, options, settings } = this;
    const labDirectory = labOf(path.join(this.home, name));
    return openPlace(this.home, {
      ...{ name, target: settings.target, engine: options.engine },
      source: shownAddress(source),
      config: settingsToDestroy({ ...settings.config, "etcd-restore:labDirectory": labDirectory }),
      startedAt: startedAt.toISOString(),
    });
  }

  /** Chooses, restores and verifies; everything that is made lies in the drill's folder. */
  private async prove(place: DrillPlace): Promise<Outcome> {
    const chosen = await this.choose(place);
    this.chosen = chosen;
    this.passedOver = chosen.passedOver;
    const { maxAge } = this.options;
    if (maxAge !== undefined) this.checks.push(ageCheck(maxAge, chosen.taken, new Date()));
    useTemporaryFolder(place.directory);
    const slot = this.settings.target === "local" ? await takePortSlot() : undefined;
    try {
      const lab = labOf(place.directory);
      const config = {
        ...this.settings.config,
        "etcd-restore:labDirectory": lab,
        "etcd-restore:snapshot": chosen.file,
        ...(slot === undefined
          ? {}
          : {
              "etcd-restore:clientPort": String(slot.clientPort),
              "etcd-restore:peerPort": String(slot.peerPort),
            }),
      };
      return await this.up(lab, config);
    } finally {
      // etcd holds them now, as long as it runs.
      await slot?.release();
    }
  }

  private async choose(place: DrillPlace): Promise<Chosen> {
    const { file, source, options, interrupted: signal } = this;
    const began = performance.now();
    try {
      return file === undefined || isRemote(source)
        ? await chooseBackup(source, {
            ...{ random: options.random, seed: options.seed, signal },
            fetchTo: path.join(place.directory, "fetched"),
            expectedCluster: this.settings.config["etcd-restore:expectedCluster"],
          })
        : { file: source, name: source, taken: takenOf(source), passedOver: [] };
    } finally {
      this.before.push({ name: "fetch", seconds: secondsSince(began) });
    }
  }

  private async up(lab: string, config: Config): Promise<Outcome> {
    const { engine, quiet = false } = this.options;
    const signal = AbortSignal.any([this.interrupted, this.deadline.signal]);
    const made = this.engineFor({ engine, stack: this.name, config, quiet, signal, runHere });
    if (!quiet) say(`Drill ${this.name}: ${made.description}`);
    const result = await made.up();
    const report = currentReport(lab);
    if (result.ok && report !== undefined) return { report: this.named(report) };
    const end = badEnd(result, exitCodeOf(result), this.beginning());
    // A verification that failed has said more than the engine can.
    return end.phase === "verify" && report !== undefined && report.ended === undefined
      ? { report: this.named(report), badEnd: { ...end, remedy: "the report says what differs" } }
      : this.badOutcome(end);
  }

  /** Who named a place far away knows the backup by its name there, not by the file that came of it. */
  private named(report: Report): Report {
    const file = this.chosen?.name ?? report.snapshot.file;
    return isRemote(this.source) ? { ...report, snapshot: { ...report.snapshot, file } } : report;
  }

  private badOutcome(end: BadEnd): Outcome {
    const overTime = this.deadline.signal.aborted && interruptedCode() === undefined;
    const told: BadEnd = overTime
      ? {
          ...{ exitCode: EXIT.checkFailed, phase: end.phase },
          cause: `the drill was ended because its budget of ${duration(this.limit)} was used up`,
          remedy: "find out what it waited for, or give it more time with --budget total=TIME",
        }
      : { ...end, remedy: this.remedyFor(end) };
    return { report: reportOfBadEnd(this.beginning(), told), badEnd: told };
  }

  private remedyFor({ exitCode, remedy }: BadEnd): string {
    if (exitCode > 128) return "run it again";
    if (exitCode === EXIT.environment) return "`npx etcd-restore doctor` says what is needed";
    return this.chosen === undefined ? "look whether backups are still taken and arrive" : remedy;
  }

  /** Writes the report, takes everything away (or keeps it), and writes the report again. */
  private async end(outcome: Outcome, place: DrillPlace | undefined): Promise<Report> {
    const began = performance.now();
    this.checkBudgets(outcome);
    this.write(this.additions(outcome.report));
    this.after.push({ name: "report", seconds: secondsSince(began) });
    if (place !== undefined) await this.takeAway(place);
    const report = await noted(this.additions(outcome.report), {
      ...{ history: this.options.history, signKey: this.signKey, directory: this.reports },
      exitCodeOf: (ended) => exitCodeOfDrill(ended, outcome.badEnd),
    });
    this.write(report);
    await sendSpans(report);
    return report;
  }

  private checkBudgets({ report, badEnd: end }: Outcome): void {
    const { budget = {} } = this.options;
    const phases = [...this.before, ...report.phases];
    const total = (Date.now() - this.startedAt.getTime()) / 1000;
    // Of a run that did not come to its end only what it has used up can be told.
    const all = budgetChecks(budget, phases, total);
    this.checks.push(...all.filter(({ verdict }) => end === undefined || verdict === "fail"));
  }

  private async takeAway(place: DrillPlace): Promise<void> {
    const { options, name, settings } = this;
    try {
      if (options.keep !== undefined && fs.existsSync(labOf(place.directory))) {
        const seconds = options.keep === true ? KEEP_SECONDS : options.keep;
        const until = new Date(Date.now() + seconds * 1000);
        place.keep(until);
        say(
          `It is kept until ${until.toISOString()} in ${place.directory}; \`etcd-restore sweep ${name}\` removes it`,
        );
        return;
      }
      const began = performance.now();
      const config = { ...settings.config, "etcd-restore:labDirectory": labOf(place.directory) };
      const mark = { name, target: settings.target, engine: options.engine, config };
      const left = await removeDrill(place.directory, mark, options.quiet === true, this.engineFor);
      this.after.push({ name: "destroy", seconds: secondsSince(began) });
      if (left !== undefined) this.checks.push(leftCheck(place.directory, left));
    } finally {
      place.close();
    }
  }

  private additions(report: Report): Report {
    const { before, after, checks } = this;
    return withAdditions(report, this.startedAt, { drill: this.summary(), before, after, checks });
  }

  private summary(): DrillSummary {
    const { name, source, chosen, settings, passedOver } = this;
    const { taken, random } = chosen ?? {};
    return {
      ...{ name, target: settings.target, source: shownAddress(source) },
      ...(taken === undefined
        ? {}
        : {
            taken: {
              ...{ at: taken.at.toISOString(), from: taken.from },
              ageSeconds: Math.max(0, (Date.now() - taken.at.getTime()) / 1000),
            },
          }),
      ...(passedOver.length === 0 ? {} : { passedOver: passedOver.slice(0, 20) }),
      ...(random === undefined ? {} : { random }),
    };
  }

  private write(report: Report): void {
    writeReports(report, this.reports);
  }

  private tell(report: Report, end: BadEnd | undefined): number {
    const { json, quiet } = this.options;
    const exitCode = exitCodeOfDrill(report, end);
    const color = colorsFor(process.stdout);
    if (json === true)
      printJson(end === undefined ? report : { ...report, error: end.cause, exitCode });
    else
      printText(
        quiet === true || report.ended
          ? verdictLine(report, { color })
          : reportText(report, { color }),
      );
    if (quiet !== true) say(`Its report is ${path.join(this.reports, "report.html")}`);
    if (end !== undefined) say(`error: ${end.cause}; ${end.remedy}`);
    return exitCode;
  }
}

function leftCheck(directory: string, problem: string): Check {
  return {
    id: "teardown",
    title: "Everything was taken away again",
    verdict: "fail",
    expected: "nothing is left",
    found: `something is left in ${directory}`,
    reason: `${problem}; \`etcd-restore sweep\` tries again`,
    source: "setting",
  };
}

/** Whatever writes temporary files from now on writes them into the drill's folder: they go with it, however it ends. */
function useTemporaryFolder(directory: string): void {
  const folder = path.join(directory, "tmp");
  // The path of a socket has room for 107 bytes (unix(7)); the engine's is `engine-XXXXXX/s` in this folder.
  if (folder.length > 80) return;
  fs.mkdirSync(folder, { mode: 0o700 });
  process.env.TMPDIR = folder;
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
