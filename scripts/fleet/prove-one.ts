/** One backup of a list, from its line to its result. Runs in a process that proves one after the other. */
import { startKept } from "../../engine/embedded/start-kept";
import { wasRead } from "../../etcd/report/end";
import { TOOL } from "../../etcd/report/tool";
import { shownAddress } from "../../sources/address";
import { beginAnew } from "../began";
import { findNamed, type FoundBackup } from "../commands/drill/choose";
import { Drill } from "../commands/drill/run";
import { writeReports } from "../../etcd/report/write-all";
import { secondsSince } from "../durations";
import { abortOnInterrupt, interruptedCode } from "../interrupt";
import { failedOf, type Finding, type Sought } from "./finding";
import type { Outcome, Task } from "./messages";
import { readWhole } from "./read-whole";
import { reasonOf, type Result } from "./result";

/** One drill after the other: the program is loaded once for all of them. */
const startProgram = startKept();

/**
 * Looks for the backup, and proves it unless that was done before.
 * @param room waits until there is memory for a backup of so many bytes (NaN: nobody knows)
 */
export async function proveOne(
  task: Task,
  room: (bytes: number) => Promise<void>,
): Promise<Outcome> {
  const signal = abortOnInterrupt();
  const began = performance.now();
  const sought = await seek(task, signal);
  const soughtSeconds = secondsSince(began);
  const found = "found" in sought ? sought.found : undefined;
  try {
    const known = task.earlier.find(({ identity }) => identity === found?.identity);
    if (known !== undefined) return { kind: "known", earlier: known };
    if (found !== undefined) await room(found.bytes);
    if (signal.aborted) return { kind: "interrupted" };
    // Waiting for room is no part of it.
    const startedAt = new Date(Date.now() - soughtSeconds * 1000);
    beginAnew(startedAt);
    const finding =
      task.level === "file"
        ? await readWhole(sought, task, { startedAt, soughtSeconds, signal })
        : await drill(sought, task, { startedAt, soughtSeconds });
    if (interruptedCode() !== undefined) return { kind: "interrupted" };
    return { kind: "result", result: resultOf(task, found, startedAt, finding) };
  } finally {
    found?.close();
  }
}

async function seek({ entry: { source }, settings }: Task, signal: AbortSignal): Promise<Sought> {
  const expectedCluster = settings.config["etcd-restore:expectedCluster"];
  try {
    return { found: await findNamed(source, { expectedCluster, signal }) };
  } catch (problem) {
    return { problem };
  }
}

/** A drill as any other, with reports of its own only where somebody asked for them. */
async function drill(
  sought: Sought,
  { entry, settings, options }: Task,
  clock: { readonly startedAt: Date; readonly soughtSeconds: number },
): Promise<Finding> {
  const { report: reports } = options;
  const ended = await new Drill(
    {
      ...clock,
      ...{ source: entry.source, settings, startProgram },
      choose: async (fetchTo, signal) => {
        if ("problem" in sought) throw sought.problem;
        return await sought.found.bring(fetchTo, signal);
      },
      write: (report, directory) => {
        if (reports !== undefined) writeReports(report, directory);
      },
    },
    options,
  ).run();
  const { report, exitCode } = ended;
  const { sha256, bytes, keys, revision, hashKv, etcdVersion } = report.snapshot;
  const reason = reasonOf(report);
  return {
    ...{ verdict: report.verdict, exitCode, seconds: report.seconds, phases: [...report.phases] },
    failed: failedOf(report.checks),
    ...(reason === undefined ? {} : { reason }),
    ...(wasRead(report) ? { backup: { sha256, bytes, keys, revision, hashKv, etcdVersion } } : {}),
    ...(report.drill?.taken === undefined ? {} : { takenAt: report.drill.taken.at }),
    report,
  };
}

function resultOf(
  { entry, policy, level }: Task,
  found: FoundBackup | undefined,
  startedAt: Date,
  finding: Finding,
): Result {
  const { bytes = NaN, identity } = found ?? {};
  return {
    ...{ schemaVersion: 1, tool: TOOL, name: entry.name, source: shownAddress(entry.source) },
    ...{ policy, level },
    startedAt: startedAt.toISOString(),
    endedAt: new Date(startedAt.getTime() + finding.seconds * 1000).toISOString(),
    ...(found === undefined
      ? {}
      : {
          object: {
            name: found.name,
            ...(Number.isNaN(bytes) ? {} : { bytes }),
            ...(identity === undefined ? {} : { identity }),
          },
        }),
    ...finding,
  };
}
