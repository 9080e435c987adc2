/** One run from the lock to the summary. */

import * as fs from "node:fs";
import type { EngineResult } from "../engine";
import { openMask } from "../mask";
import { openProgress } from "../progress/progress";
import { takeLock } from "./lock";
import { openRun, type RunOptions } from "./open-run";
import { dependsOn, removeAll, removeCutOff } from "./removal";
import { giveRoom, keepRoom } from "./room";
import type { Run } from "./run";
import { STACK_TYPE, titleOf } from "./urn";
import { forDisplay } from "./values";

export type Verb = "preview" | "up" | "destroy";

/** Registers everything that the stack is to hold. Failures go to the run's steps. */
export type Program = (run: Run, options: RunOptions) => Promise<void>;

/**
 * Takes the lock, lets the program register its resources (not to destroy), deletes what it no longer wants, and
 * tells how it went. Throws for what is no result: a locked stack, a state that cannot be read.
 */
export async function carryOut(
  verb: Verb,
  options: Omit<RunOptions, "lock" | "mask" | "progress" | "preview">,
  program: Program,
): Promise<EngineResult> {
  const { engine, files } = options;
  const startedAt = Date.now();
  if (verb === "up") fs.mkdirSync(engine.workDir, { recursive: true, mode: 0o700 });
  // Nothing is there to destroy when the folder is not there, and that is no reason to make one.
  const writes = verb === "up" || (verb === "destroy" && fs.existsSync(engine.workDir));
  if (verb === "destroy") giveRoom(engine.workDir);
  const lock = writes ? await takeLock(files.lock, verb) : undefined;
  try {
    if (verb === "up") keepRoom(engine.workDir);
    const mask = openMask(process.env, engine.config);
    const progress = await openProgress(engine, mask);
    const done = await runVerb(
      verb,
      { ...options, preview: verb === "preview", lock, mask, progress },
      program,
    );
    const result = { ...done, seconds: (Date.now() - startedAt) / 1000 };
    progress.finished({ verb, ...result });
    return result;
  } finally {
    lock?.release();
  }
}

async function runVerb(
  verb: Verb,
  options: RunOptions,
  program: Program,
): Promise<Omit<EngineResult, "seconds">> {
  const run = await openRun(options);
  const { steps, progress, ledger } = run;
  const interrupt = (): void => {
    const message = "interrupted: what was made is kept, and the next run goes on from there";
    progress.note(message);
    steps.fail({ message, kind: "interrupted" });
  };
  if (steps.signal.aborted) interrupt();
  else steps.signal.addEventListener("abort", interrupt, { once: true });
  try {
    if (verb !== "destroy" && !steps.failed()) await program(run, options);
    if (!steps.failed()) await removeCutOff(run);
    if (!steps.failed()) await removeAll(run, ledger.remaining());
    if (!steps.failed()) settleOutputs(run);
    await ledger.save();
  } finally {
    steps.signal.removeEventListener("abort", interrupt);
  }
  const ok = !steps.failed();
  if (!ok) tellWhatWasLeft(run);
  if (ok && verb === "preview") showOutputs(run);
  if (ok && verb === "destroy") {
    const { state, key, passphrase } = options.files;
    for (const file of [state, key, passphrase]) fs.rmSync(file, { force: true });
  }
  return { ok, changes: steps.changes(), failures: steps.failures() };
}

function settleOutputs({ ledger, outputs }: Run): void {
  for (const [urn, properties] of outputs) {
    const resource = ledger.settled(urn);
    if (resource !== undefined) ledger.amend(resource, { ...resource, outputs: properties });
  }
}

/** After a failure: who was not reached, and what was left as it was because it depends on what failed. */
function tellWhatWasLeft({ steps, ledger, progress }: Run): void {
  const failed = steps.failures().flatMap(({ urn }) => (urn === undefined ? [] : [urn]));
  const broken = new Set(failed);
  const untouched = ledger.remaining().filter((resource) => {
    const isBehind =
      !broken.has(resource.urn) && [...broken].some((urn) => dependsOn(resource, urn));
    if (isBehind) broken.add(resource.urn);
    return isBehind && resource.custom;
  });
  const names = new Set([...steps.refused(), ...untouched.map(({ urn }) => titleOf(urn))]);
  for (const urn of failed) names.delete(titleOf(urn));
  if (names.size === 0) return;
  const because = failed.map(titleOf).join(", ");
  progress.note(
    `not done${because === "" ? "" : `, because ${because} failed`}: ${[...names].join(", ")}`,
  );
}

function showOutputs({ ledger, steps, progress }: Run): void {
  const changed = Object.entries(steps.changes()).some(
    ([name, count]) => name !== "same" && count > 0,
  );
  const stack = ledger.all().find(({ type }) => type === STACK_TYPE);
  const outputs = Object.entries(stack?.outputs ?? {});
  if (!changed || outputs.length === 0) return;
  progress.note("outputs:");
  for (const [name, value] of outputs) {
    progress.note(`    ${name}: ${JSON.stringify(forDisplay(value))}`);
  }
}
