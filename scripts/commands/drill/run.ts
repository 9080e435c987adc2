/**
 * One drill from its beginning to its end: restores a backup, proves it, measures it, and takes everything away again,
 * whatever happened.
 *
 * A drill is a stack of its own in a folder of its own; what `start` and `stop` do is done to it. Its report is written
 * before anything is made (the run was ended from outside), before the teardown, and again with it.
 */
import * as path from "node:path";
import { currentReport } from "../../../etcd/report/evidence";
import type { Check, Phase, Report } from "../../../etcd/report/report";
import { takePortSlot } from "../../../machine/port-slot";
import { isRemote, shownAddress } from "../../../sources/address";
import { drillsHome, openPlace, type DrillPlace } from "../../drills/home";
import { drillName } from "../../drills/names";
import { labOf } from "../../drills/remove";
import { secondsSince } from "../../durations";
import { exitCodeOfError } from "../../errors";
import { abortOnInterrupt, interruptedCode } from "../../interrupt";
import { labEngine } from "../../lab";
import { EXIT, exitCodeOf } from "../../outcome";
import { badEnd, badEndOf, SEE_REPORT, type BadEnd, type BeginningOfRun } from "../../run-end";
import { runHere } from "../../steps-here";
import { say } from "../../terminal";
import { ageCheck } from "./age";
import { budgetChecks } from "./budget";
import { NoBackupError, type Chosen } from "./choose";
import {
  exitCodeOfDrill,
  overTime,
  remedyFor,
  reportOfBadEnd,
  summaryOf,
  withAdditions,
  type Outcome,
} from "./end";
import type { DrillEnd, DrillGiven } from "./given";
import { noted, openNoting, type Noting } from "./note";
import type { RunOptions } from "./options";
import { settingsToDestroy, type Config } from "./settings";
import { sendSpans } from "./spans";
import { KEEP_SECONDS, takeAway } from "./take-away";

/** A drill without a budget of its own ends after so long: nobody waits for it any more. */
const LONGEST_SECONDS = 86_400;

export class Drill {
  private readonly interrupted = abortOnInterrupt();
  private readonly limit: number;
  private readonly deadline = new AbortController();
  private readonly name: string;
  private readonly home: string;
  private readonly reports: string;
  private readonly noting: Noting;
  private chosen: Chosen | undefined;
  private passedOver: Chosen["passedOver"] = [];
  private readonly before: Phase[] = [];
  private readonly after: Phase[] = [];
  private readonly checks: Check[] = [];

  constructor(
    private readonly given: DrillGiven,
    private readonly options: RunOptions,
  ) {
    this.limit = options.budget?.total ?? LONGEST_SECONDS;
    const kept = options.keep === true ? KEEP_SECONDS : (options.keep ?? 0);
    // An hour for taking everything away.
    const longest = (this.limit + kept + 3600) * 1000;
    this.name = drillName(new Date(given.startedAt.getTime() + longest));
    this.home = drillsHome(options.home);
    this.reports = path.resolve(options.report ?? path.join(this.home, "reports", this.name));
    this.noting = openNoting(options);
  }

  async run(): Promise<DrillEnd> {
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
    const { badEnd: end } = outcome;
    const report = await this.end(outcome, place);
    this.noting.history?.close();
    const exitCode = exitCodeOfDrill(report, end);
    return { report, badEnd: end, exitCode, reports: this.reports };
  }

  private beginning(): BeginningOfRun {
    const { source, startedAt, settings } = this.given;
    const named = this.chosen?.name ?? shownAddress(source);
    return { snapshot: { file: named }, level: settings.level, startedAt, stack: this.name };
  }

  private millisecondsLeft(): number {
    const used = Date.now() - this.given.startedAt.getTime();
    return Math.max(0, Math.min(this.limit * 1000 - used, 2 ** 31 - 1));
  }

  private openPlace(): DrillPlace {
    const { source, settings, startedAt } = this.given;
    const { name, options } = this;
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
    const slot = this.given.settings.target === "local" ? await takePortSlot() : undefined;
    try {
      const lab = labOf(place.directory);
      const config = {
        ...this.given.settings.config,
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
    const began = performance.now();
    try {
      return await this.given.choose(path.join(place.directory, "fetched"), this.interrupted);
    } finally {
      const seconds = secondsSince(began) + (this.given.soughtSeconds ?? 0);
      this.before.push({ name: "fetch", seconds });
    }
  }

  private async up(lab: string, config: Config): Promise<Outcome> {
    const { engine, quiet = false } = this.options;
    const { engineFor = labEngine, startProgram } = this.given;
    const signal = AbortSignal.any([this.interrupted, this.deadline.signal]);
    const made = engineFor({
      ...{ engine, stack: this.name, config, quiet, signal, runHere, startProgram },
    });
    if (!quiet) say(`Drill ${this.name}: ${made.description}`);
    const result = await made.up();
    const report = currentReport(lab);
    if (result.ok && report !== undefined) return { report: this.named(report) };
    const end = badEnd(result, exitCodeOf(result), this.beginning());
    // Interrupted when its report was there and no step was at work any more: what was proved is proved.
    const wasProved = end.exitCode > 128 && end.phase === "preflight" && report !== undefined;
    if (wasProved && report.ended === undefined) return { report: this.named(report) };
    // A verification that failed has said more than the engine can.
    return end.phase === "verify" && report !== undefined && report.ended === undefined
      ? { report: this.named(report), badEnd: { ...end, remedy: SEE_REPORT } }
      : this.badOutcome(end);
  }

  /** Who named a place far away knows the backup by its name there, not by the file that came of it. */
  private named(report: Report): Report {
    const { source } = this.given;
    const file = this.chosen?.name ?? report.snapshot.file;
    return isRemote(source) ? { ...report, snapshot: { ...report.snapshot, file } } : report;
  }

  private badOutcome(end: BadEnd): Outcome {
    const isOverTime = this.deadline.signal.aborted && interruptedCode() === undefined;
    const told = isOverTime
      ? overTime(end, this.limit)
      : { ...end, remedy: remedyFor(end, this.chosen !== undefined) };
    return { report: reportOfBadEnd(this.beginning(), told), badEnd: told };
  }

  /** Writes the report, takes everything away (or keeps it), and writes the report again. */
  private async end(outcome: Outcome, place: DrillPlace | undefined): Promise<Report> {
    const began = performance.now();
    this.checkBudgets(outcome);
    this.write(this.additions(outcome.report));
    this.after.push({ name: "report", seconds: secondsSince(began) });
    if (place !== undefined) await this.takeAway(place);
    const report = await noted(this.additions(outcome.report), {
      ...this.noting,
      directory: this.reports,
      exitCodeOf: (ended) => exitCodeOfDrill(ended, outcome.badEnd),
    });
    this.write(report);
    await sendSpans(report);
    return report;
  }

  private checkBudgets({ report, badEnd: end }: Outcome): void {
    const { budget = {} } = this.options;
    const phases = [...this.before, ...report.phases];
    const total = (Date.now() - this.given.startedAt.getTime()) / 1000;
    // Of a run that did not come to its end only what it has used up can be told.
    const all = budgetChecks(budget, phases, total);
    this.checks.push(...all.filter(({ verdict }) => end === undefined || verdict === "fail"));
  }

  private async takeAway(place: DrillPlace): Promise<void> {
    const { name, options } = this;
    const began = performance.now();
    const { target, config } = this.given.settings;
    const taken = await takeAway(place, { name, target, config }, options, this.given.engineFor);
    if (taken === "kept") return;
    this.after.push({ name: "destroy", seconds: secondsSince(began) });
    if (taken !== undefined) this.checks.push(taken);
  }

  private additions(report: Report): Report {
    const { before, after, checks, name, chosen, passedOver } = this;
    const { source, settings, startedAt } = this.given;
    const drill = summaryOf({ name, target: settings.target, source, chosen, passedOver });
    return withAdditions(report, startedAt, { drill, before, after, checks });
  }

  private write(report: Report): void {
    this.given.write(report, this.reports);
  }
}
