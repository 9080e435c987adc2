/**
 * The level `file`: a backup is fetched, read whole and judged, as `inspect` does it, and no etcd is started. What comes of it
 * is `restorable`, never `pass`: nothing was restored.
 */
import * as path from "node:path";
import { V2BackupError } from "../../etcd/backup/opened-backup";
import { manifestOf } from "../../etcd/backup/manifest-beside";
import { readBackup } from "../../etcd/backup/read-backup";
import { inspect } from "../../etcd/inspect/inspection";
import { inspectV2 } from "../../etcd/inspect/v2-inspection";
import type { Check, Phase } from "../../etcd/report/report";
import { overallVerdict } from "../../etcd/report/verdict";
import { duration } from "../../etcd/wire/figures";
import { ageCheck } from "../commands/drill/age";
import { budgetChecks } from "../commands/drill/budget";
import type { Chosen } from "../commands/drill/choose";
import { secondsSince } from "../durations";
import { encryptionConfigIn, examined } from "../encryption-config";
import { exitCodeOfError, messageOfError } from "../errors";
import { EXIT } from "../outcome";
import { homeDirectory } from "../project";
import { trustedKeyOf } from "../trusted-key";
import { failedOf, type Finding, type Sought } from "./finding";
import type { Task } from "./messages";
import { reasonOfChecks } from "./result";

interface Clock {
  readonly startedAt: Date;
  readonly soughtSeconds: number;
  readonly signal: AbortSignal;
}

/** Reads the backup of a task from its first byte to its last. Whatever is wrong becomes a finding. */
export async function readWhole(sought: Sought, task: Task, clock: Clock): Promise<Finding> {
  const { budget = {}, maxAge } = task.options;
  const { startedAt, soughtSeconds } = clock;
  const phases: Phase[] = [];
  const checks: Check[] = [];
  let told: Partial<Finding> = {};
  let failure: unknown;
  const limit = budget.total;
  const deadline = limit === undefined ? undefined : AbortSignal.timeout(limit * 1000);
  const signal = AbortSignal.any([clock.signal, ...(deadline === undefined ? [] : [deadline])]);
  const began = performance.now();
  try {
    if ("problem" in sought) throw sought.problem;
    const chosen = await sought.found.bring(undefined, signal);
    phases.push({ name: "fetch", seconds: soughtSeconds + secondsSince(began) });
    try {
      if (maxAge !== undefined) checks.push(ageCheck(maxAge, chosen.taken, new Date()));
      const reading = performance.now();
      const { check, backup } = await judged(chosen, task, signal);
      phases.push({ name: "preflight", seconds: secondsSince(reading) });
      checks.unshift(check);
      told = {
        ...(backup && { backup }),
        ...(chosen.taken && { takenAt: chosen.taken.at.toISOString() }),
      };
    } finally {
      chosen.dispose();
    }
  } catch (error) {
    failure = error;
  }
  const seconds = (Date.now() - startedAt.getTime()) / 1000;
  // Of what did not come to its end only what it has used up can be told.
  const limits = budgetChecks(budget, phases, seconds);
  checks.push(...limits.filter(({ verdict }) => failure === undefined || verdict === "fail"));
  const isOver = deadline?.aborted === true;
  const judgement = isOver
    ? overBudget(limit ?? 0)
    : failure === undefined
      ? judgementOf(checks)
      : judgementOfError(failure);
  return { ...told, ...judgement, failed: failedOf(checks), seconds, phases };
}

type Judgement = Pick<Finding, "verdict" | "exitCode" | "reason">;

function judgementOf(checks: readonly Check[]): Judgement {
  const verdict = overallVerdict(checks);
  if (verdict === "pass") return { verdict: "restorable", exitCode: EXIT.good };
  return { verdict, exitCode: EXIT.checkFailed, reason: reasonOfChecks(checks) };
}

function judgementOfError(error: unknown): Judgement {
  const exitCode = exitCodeOfError(error);
  const isFault = exitCode === EXIT.usage || exitCode === EXIT.checkFailed;
  return { verdict: isFault ? "fail" : "incomplete", exitCode, reason: messageOfError(error) };
}

function overBudget(limit: number): Judgement {
  const reason = `it was ended because its budget of ${duration(limit)} was used up`;
  return { verdict: "fail", exitCode: EXIT.checkFailed, reason };
}

function restorable(reasons: readonly string[]): Check {
  const check = {
    ...{ id: "restorable", title: "The backup can be restored", source: "file" },
    expected: "nothing speaks against it",
  };
  return reasons.length === 0
    ? { ...check, verdict: "pass" }
    : { ...check, verdict: "fail", found: reasons.join("; ") };
}

interface Judged extends Pick<Finding, "backup"> {
  readonly check: Check;
}

async function judged(chosen: Chosen, task: Task, signal: AbortSignal): Promise<Judged> {
  const demands = demandsOf(task);
  try {
    return await judgedV3(chosen, demands, signal);
  } catch (error) {
    if (error instanceof V2BackupError) return { check: restorableV2(demands) };
    throw error;
  }
}

async function judgedV3(
  { file, fetched }: Chosen,
  { trustedKey, encryptionConfig, expectedCluster }: Demands,
  signal: AbortSignal,
): Promise<Judged> {
  const { snapshot, backup } = await readBackup(file, { digests: false, signal, fetched });
  try {
    const say = (): void => undefined;
    const encryption =
      encryptionConfig && (await examined(snapshot.live, encryptionConfig, { signal, say }));
    const witness = { container: backup.container, trustedKey };
    const asked = { encryption, expectedCluster };
    const found = inspect(snapshot, manifestOf(backup), witness, asked);
    const { sha256, bytes, keys, revision, hashKv, etcd } = found;
    const reasonsOfV2 = backup.v2 === undefined ? [] : inspectV2(file, backup.v2, found).reasons;
    return {
      check: restorable([...found.reasons, ...reasonsOfV2]),
      backup: { sha256, bytes, keys, revision, hashKv, etcdVersion: etcd.version },
    };
  } finally {
    snapshot.close();
  }
}

/** One that holds nothing else was read to its end, or it would not be known as one; `inspect` says the same of it. */
function restorableV2(demands: Demands): Check {
  const asked = Object.entries(demands).flatMap(([name, demand]) =>
    demand === undefined ? [] : [name],
  );
  const check = restorable([]);
  if (asked.length === 0) return check;
  const reason = `it is a backup of a v2 store, of which ${asked.join(", ")} is not asked without a restore`;
  return { ...check, verdict: "not-checked", reason };
}

type Demands = ReturnType<typeof demandsOf>;

/** What the settings ask of a backup that its file alone can tell. An empty one asks nothing. */
function demandsOf({ settings: { config } }: Task) {
  const setting = (name: string): string | undefined => {
    const value = config[`etcd-restore:${name}`];
    return value === "" ? undefined : value;
  };
  const key = setting("trustedKey");
  const keyFile = key === undefined ? undefined : path.resolve(homeDirectory(), key);
  return {
    trustedKey: trustedKeyOf(keyFile, "the setting trustedKey is"),
    encryptionConfig: encryptionConfigIn(setting("encryptionConfig")),
    expectedCluster: setting("expectedCluster"),
  };
}
