/** `plan`: what it takes to prove all backups of a list, and the Job that does it. */
import * as path from "node:path";
import { writeTogether } from "../../../etcd/report/write-all";
import { counted, duration, size } from "../../../etcd/wire/figures";
import { readList, type Entry } from "../../fleet/list";
import { jobManifest } from "../../fleet/plan/manifest";
import { planOf, type Plan } from "../../fleet/plan/plan";
import { quantity } from "../../fleet/plan/quantity";
import { sizesOf } from "../../fleet/plan/sizes";
import type { Level } from "../../fleet/words";
import { abortOnInterrupt } from "../../interrupt";
import type { GlobalOptions } from "../../options";
import { EXIT } from "../../outcome";
import { printJson, printText, say } from "../../terminal";

export interface PlanCommandOptions extends GlobalOptions {
  readonly shards?: number;
  /** Seconds. */
  readonly within: number;
  readonly cores: number;
  readonly level: Level;
  readonly write?: string;
  readonly image: string;
  readonly results: string;
}

/** Prints the plan; returns the exit code. */
export async function plan(list: string, options: PlanCommandOptions): Promise<number> {
  const entries = readList(list);
  const sized = await sizesOf(entries, abortOnInterrupt(), progress(entries.length, options));
  const made = planOf(sized, options);
  const manifest = manifestOf(made, options);
  if (options.write !== undefined) {
    const directory = path.resolve(options.write);
    writeTogether(directory, { "fleet.jsonl": listOf(made), "job.yaml": manifest });
    if (options.quiet !== true) say(`The list with its shards and the Job are in ${directory}`);
  }
  if (options.json === true) printJson(asJson(made, manifest));
  else printText(options.quiet === true ? sentence(made) : text(made));
  return made.entries.some(({ problem }) => problem !== undefined) ? EXIT.checkFailed : EXIT.good;
}

function progress(total: number, { quiet }: GlobalOptions): (done: number) => void {
  let last = Date.now();
  return (done) => {
    if (quiet === true || Date.now() - last < 1000) return;
    last = Date.now();
    say(`looked at ${done} of ${total}`);
  };
}

function manifestOf({ shards, pod, seconds }: Plan, options: PlanCommandOptions): string {
  const { image, results, level } = options;
  return jobManifest({
    ...{ shards: shards.length, parallelism: shards.length, pod, seconds, image, results, level },
  });
}

/** The list as it was, each with its shard; paths are absolute, for it lies elsewhere now. */
function listOf({ entries }: Plan): string {
  const lineOf = (
    { name, source, expectedCluster, level, budget, maxAge }: Entry,
    shard: number,
  ) => ({
    ...{ name, source, expectedCluster, level },
    ...(budget === undefined
      ? {}
      : {
          budget: Object.entries(budget)
            .map(([phase, seconds]) => `${phase}=${timeText(seconds)}`)
            .join(","),
        }),
    ...(maxAge === undefined ? {} : { maxAge: timeText(maxAge) }),
    shard,
  });
  return entries.map(({ entry, shard }) => `${JSON.stringify(lineOf(entry, shard))}\n`).join("");
}

/** As `durationText` reads it: without an exponent. */
function timeText(seconds: number): string {
  return `${Math.max(0.001, Number(seconds.toFixed(3)))}s`;
}

function asJson({ entries, shards, pod, coreHours, seconds }: Plan, manifest: string): object {
  return {
    ...{ schemaVersion: 1, coreHours, seconds, shards, pod },
    backups: entries.map(({ entry, problem, ...known }) => ({
      ...{ name: entry.name, level: known.level, shard: known.shard, bytes: known.bytes },
      ...{ packed: known.isPacked, coreSeconds: known.coreSeconds, seconds: known.seconds },
      ...{ memoryBytes: known.memoryBytes, diskBytes: known.diskBytes },
      ...(problem === undefined ? {} : { problem }),
    })),
    manifest,
  };
}

/** As many shards, and as many backups that are not there, are told one by one. */
const MOST_TOLD = 20;

function sentence({ entries, shards, coreHours, seconds }: Plan): string {
  const bytes = entries.reduce((sum, one) => sum + one.bytes, 0);
  return (
    `${counted(entries.length, "backup")} (${size(bytes)}) in ${counted(shards.length, "shard")}: ` +
    `${coreHours.toFixed(coreHours < 10 ? 2 : 0)} core-hours, done ${duration(seconds)} after all have begun`
  );
}

function text(plan: Plan): string {
  const { entries, shards, pod } = plan;
  const missing = entries.filter(({ problem }) => problem !== undefined);
  const packed = entries.filter(({ isPacked }) => isPacked).length;
  const more = (count: number): string[] => (count > 0 ? [`  and ${count} more`] : []);
  return [
    sentence(plan),
    `each pod: ${counted(pod.cores, "core")}, ${quantity(pod.memoryBytes)} of memory, ${quantity(pod.diskBytes)} of disk`,
    ...shards
      .slice(0, MOST_TOLD)
      .map(
        ({ backups, bytes, coreSeconds, seconds }, at) =>
          `  shard ${at}: ${counted(backups, "backup")}, ${size(bytes)}, ${coreSeconds.toFixed(0)} core-seconds, ${duration(seconds)}`,
      ),
    ...more(shards.length - MOST_TOLD),
    ...(packed === 0
      ? []
      : [
          `${counted(packed, "backup")} of these are packed: what is in them is reckoned, not known`,
        ]),
    ...missing
      .slice(0, MOST_TOLD)
      .map(({ entry, problem }) => `not found: ${entry.name}: ${problem ?? ""}`),
    ...more(missing.length - MOST_TOLD),
  ].join("\n");
}
