/**
 * The level `file`: a backup is fetched, read whole and judged, as `inspect` does it, and no etcd is started. What comes of it
 * is `restorable`, never `pass`: nothing was restored.
 */
import * as path from "node:path";
import { manifestOf, readBackup } from "../../etcd/backup/backup-file";
import { inspect } from "../../etcd/inspect/inspection";
import type { Check, Phase } from "../../etcd/report/report";
import { duration } from "../../etcd/wire/figures";
import { visible } from "../../etcd/wire/visible";
import { ageCheck } from "../commands/drill/age";
import { budgetChecks } from "../commands/drill/budget";
import type { Chosen } from "../commands/drill/choose";
import { encryptionConfigIn, examined } from "../encryption-config";
import { exitCodeOfError, messageOfError } from "../errors";
import { EXIT } from "../outcome";
import { homeDirectory } from "../project";
import { trustedKeyOf } from "../trusted-key";
import { failedOf, type Finding, type Sought } from "./finding";
import type { Task } from "./messages";

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
      const { reasons, backup } = await judged(chosen, task, signal);
      phases.push({ name: "preflight", seconds: secondsSince(reading) });
      checks.unshift(restorable(reasons));
      told = { backup, ...(chosen.taken && { takenAt: chosen.taken.at.toISOString() }) };
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
  const [wrong] = checks.filter(({ verdict }) => verdict === "fail");
  const [open] = checks.filter(({ verdict }) => verdict === "not-checked");
  if (wrong !== undefined) {
    const { title, expected = "", found = "" } = wrong;
    const reason = visible(`${title}: expected ${expected}, found ${found}`);
    return { verdict: "fail", exitCode: EXIT.checkFailed, reason };
  }
  if (open === undefined) return { verdict: "restorable", exitCode: EXIT.good };
  const reason = visible(`${open.title}: not checked: ${open.reason ?? ""}`);
  return { verdict: "incomplete", exitCode: EXIT.checkFailed, reason };
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

async function judged({ file, fetched }: Chosen, task: Task, signal: AbortSignal) {
  const { trustedKey, configuration, expectedCluster } = demandsOf(task);
  const { snapshot, backup } = await readBackup(file, { digests: false, signal, fetched });
  try {
    const encryption =
      configuration &&
      (await examined(snapshot.live, configuration, { signal, say: () => undefined }));
    const witness = { container: backup.container, trustedKey };
    const asked = { encryption, expectedCluster };
    const found = inspect(snapshot, manifestOf(backup), witness, asked);
    const { reasons, sha256, bytes, keys, revision, hashKv, etcd } = found;
    return {
      reasons,
      backup: { sha256, bytes, keys, revision, hashKv, etcdVersion: etcd.version },
    };
  } finally {
    snapshot.close();
  }
}

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
    configuration: encryptionConfigIn(setting("encryptionConfig")),
    expectedCluster: setting("expectedCluster"),
  };
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
