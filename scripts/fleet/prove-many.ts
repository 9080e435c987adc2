/** `drill --from LIST`: every backup of a list, or of one shard of it, each with its own drill and its own result. */
import * as os from "node:os";
import * as path from "node:path";
import { availableMemory } from "node:process";
import { duration } from "../../etcd/wire/figures";
import { TOOL } from "../../etcd/report/tool";
import { shownAddress } from "../../sources/address";
import { readSignKey } from "../commands/backup/sign-key";
import { drillSettings } from "../commands/drill/settings";
import { drillsHome, findDrills } from "../drills/home";
import { labOf, removeDrill } from "../drills/remove";
import { abortOnInterrupt } from "../interrupt";
import { EXIT } from "../outcome";
import { printJson, printText, say } from "../terminal";
import { readList, type Entry } from "./list";
import type { Task } from "./messages";
import type { FleetOptions } from "./options";
import { openNotes, type Notes } from "./note";
import { memoryFor } from "./plan/work";
import { runPool, type Ending } from "./pool";
import { fileNameOf, policyOf, worstOf, type Policy, type Result } from "./result";
import { earlierResults, openResults, type ResultsPlace } from "./results-place";
import { openRoom } from "./room";
import { entriesOfShard, shardOfEnvironment } from "./shard";
import type { Shard } from "./words";

/** One night's runs and their retries lie within it; the next night proves anew. */
const AGAIN_AFTER_SECONDS = 12 * 3600;
/** What other programs of this computer may want meanwhile. */
const SHARE_OF_MEMORY = 0.9;

/** A row of the summary. */
interface Row extends Pick<Result, "name" | "verdict" | "exitCode" | "seconds" | "reason"> {
  /** Where its result is kept. */
  readonly result: string;
  /** It was found out by a run before this one. */
  readonly known: boolean;
}

/** Proves all of a shard; returns the exit code. */
export async function proveMany(list: string, options: FleetOptions): Promise<number> {
  const signal = abortOnInterrupt();
  const shard = options.shard ?? shardOfEnvironment(process.env);
  const entries = entriesOfShard(readList(list), shard);
  // Settings that are wrong are wrong for all.
  const asked = askedOf(options);
  const home = drillsHome(options.home);
  const notes = await openNotes({
    ...{ history: options.history, signKey: readSignKey(options.signKey) },
    target: asked.target,
  });
  const place = openResults(options.results ?? path.join(home, "results"));
  const rows: Row[] = [];
  try {
    const known = await earlierResults(place, options.againAfter ?? AGAIN_AFTER_SECONDS, signal);
    const tell = progress(entries.length, options);
    await runPool(
      entries,
      async (entry) => {
        const policy = policyOf(entry, asked);
        return taskOf(entry, asked, options, { policy, earlier: await known.of(policy) });
      },
      async (entry, ending) => {
        const row = await rowOf(place, notes, { entry, ending, home, asked });
        if (row === undefined) return;
        rows.push(row);
        tell(row);
      },
      {
        workers: options.jobs ?? os.availableParallelism(),
        room: openRoom(availableMemory() * SHARE_OF_MEMORY),
        memoryFor: (bytes, task) => memoryFor(bytes, task.level),
        signal,
      },
    );
  } finally {
    notes.close();
    place.close();
  }
  const exitCode = worstOf(rows.map((row) => row.exitCode));
  show({ list, shard, place, rows, left: entries.length - rows.length, exitCode }, options);
  return exitCode;
}

/** The stack's settings with what was typed over them, read once for all. */
function askedOf({ level, maxAge, budget, target, stack, config }: FleetOptions): Policy {
  const settings = drillSettings({
    config,
    ...(target === undefined ? {} : { target }),
    ...(stack === undefined ? {} : { stack }),
  });
  return { ...settings, ...{ maxAge, budget, level: level ?? settings.level } };
}

function taskOf(
  entry: Entry,
  asked: Policy,
  { engine, home, report }: FleetOptions,
  known: Pick<Task, "policy" | "earlier">,
): Task {
  const { expectedCluster, level = asked.level, maxAge = asked.maxAge } = entry;
  const own = `${entry.name.replace(/[^A-Za-z0-9-]/g, "_")}.${known.policy}`;
  const config = {
    ...asked.config,
    ...(expectedCluster === undefined ? {} : { "etcd-restore:expectedCluster": expectedCluster }),
    ...(level === "file" ? {} : { "etcd-restore:verification": level }),
  };
  return {
    ...{ entry, level, ...known },
    settings: { target: asked.target, config, level: level === "file" ? "full" : level },
    options: {
      ...{ engine, quiet: true, budget: { ...asked.budget, ...entry.budget } },
      ...(home === undefined ? {} : { home }),
      ...(maxAge === undefined ? {} : { maxAge }),
      ...(report === undefined ? {} : { report: path.join(report, own) }),
    },
  };
}

interface Ended {
  readonly entry: Entry;
  readonly ending: Ending;
  readonly home: string;
  readonly asked: Policy;
}

/** Keeps the result of an entry; undefined for one that is to be done again. */
async function rowOf(place: ResultsPlace, notes: Notes, ended: Ended): Promise<Row | undefined> {
  const { entry, ending } = ended;
  if (ending.kind === "interrupted") return undefined;
  if (ending.kind === "known") {
    const { file, verdict, exitCode, seconds, reason } = ending.earlier;
    return {
      ...{ name: entry.name, verdict, exitCode, seconds, reason },
      result: file,
      known: true,
    };
  }
  if (ending.kind === "died") {
    await sweepAfter(ending.pid, ended.home);
    if (abortOnInterrupt().aborted) return undefined;
  }
  const result = ending.kind === "died" ? resultOfDeath(ended, ending.how) : ending.result;
  const { name, verdict, exitCode, seconds, reason } = result;
  const file = await place.write(fileNameOf(result), await notes.textOf(result));
  return { ...{ name, verdict, exitCode, seconds, reason }, result: file, known: false };
}

/** The process of a drill has ended in the middle of it, as for want of memory: that is no verdict on the backup. */
function resultOfDeath({ entry, asked }: Ended, how: string): Result {
  const at = new Date().toISOString();
  return {
    ...{ schemaVersion: 1, tool: TOOL, name: entry.name, source: shownAddress(entry.source) },
    ...{ policy: policyOf(entry, asked), level: entry.level ?? asked.level },
    ...{ verdict: "incomplete", exitCode: EXIT.environment, failed: [], phases: [] },
    reason: `its process ${how}; was there enough memory?`,
    ...{ startedAt: at, endedAt: at, seconds: 0 },
  };
}

/** Takes away what a process left that was ended from outside. */
async function sweepAfter(pid: number, home: string): Promise<void> {
  for (const { directory, mark, state } of findDrills(home)) {
    if (mark?.process.pid !== pid || state !== "left") continue;
    const config = { ...mark.config, "etcd-restore:labDirectory": labOf(directory) };
    const left = await removeDrill(directory, { ...mark, config }, true);
    if (left !== undefined) say(`warning: something is left in ${directory}: ${left}`);
  }
}

function progress(total: number, { quiet }: FleetOptions): (row: Row) => void {
  let done = 0;
  return ({ name, verdict, seconds, reason, known }) => {
    done += 1;
    if (quiet === true) return;
    const when = known ? "known" : duration(seconds);
    const why = reason === undefined ? "" : `: ${reason}`;
    say(`${done}/${total} ${verdict} ${name} (${when})${why}`);
  };
}

interface Summary {
  readonly list: string;
  readonly shard: Shard;
  readonly place: ResultsPlace;
  readonly rows: readonly Row[];
  /** How many were not come to. */
  readonly left: number;
  readonly exitCode: number;
}

function show({ list, shard, place, rows, left, exitCode }: Summary, options: FleetOptions): void {
  const count = (wanted: Row["verdict"]): number =>
    rows.filter(({ verdict }) => verdict === wanted).length;
  const [pass, restorable] = [count("pass"), count("restorable")];
  const [fail, incomplete] = [count("fail"), count("incomplete")];
  const known = rows.filter((row) => row.known).length;
  if (options.json === true) {
    printJson({
      ...{ schemaVersion: 1, list: path.resolve(list), shard, results: place.name },
      ...{ backups: rows.length + left, pass, restorable, fail, incomplete, left, known },
      rows,
      exitCode,
    });
    return;
  }
  const told = [
    ...(pass > 0 ? [`${pass} proved`] : []),
    ...(restorable > 0 ? [`${restorable} read whole and restorable`] : []),
    ...(fail > 0 ? [`${fail} failed`] : []),
    ...(incomplete > 0 ? [`${incomplete} not found out`] : []),
    ...(left > 0 ? [`${left} not come to`] : []),
  ];
  const word = fail > 0 ? "FAIL" : left + incomplete > 0 ? "INCOMPLETE" : "PASS";
  const which = shard.count === 1 ? "" : ` in shard ${shard.index} of ${shard.count}`;
  const before = known === 0 ? "" : `, ${known} of them by a run before`;
  printText(
    rows.length + left === 0
      ? `There is nothing${which}.`
      : `${word}: of ${rows.length + left} backups${which} ${told.join(", ")}${before}`,
  );
  if (options.quiet !== true) say(`The results are in ${place.name}`);
}
