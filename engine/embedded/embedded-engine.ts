import * as fs from "node:fs";
import * as os from "node:os";
import { version } from "../../package.json";
import type { Engine, EngineOptions, EngineResult, OutputValue } from "../engine";
import { openProgress, type Progress } from "../progress/progress";
import { programConfig, readProject, StackConfigError } from "../stack-config";
import { stackFiles, type StackFiles } from "./files";
import { localCommand } from "./local-command";
import { takeLock, type Lock } from "./lock";
import { openRun, readOpened, type RunOptions } from "./open-run";
import { runProgram } from "./program";
import { dependsOn, removeAll, removeCutOff } from "./removal";
import type { ResourceTypes } from "./resource-type";
import type { Run } from "./run";
import { STACK_TYPE, titleOf } from "./urn";
import { forDisplay, holdsSecret, mapValue, secret, unwrap } from "./values";

type Verb = "preview" | "up" | "destroy";

/** As many steps at one time as Pulumi takes by default. */
const PARALLEL = 4 * os.availableParallelism();

/**
 * Runs a Pulumi program without the Pulumi CLI, over Pulumi's own protocol: for one machine, without any cloud.
 * It keeps one state file for each stack in `workDir`, of the form that `pulumi stack import` takes.
 *
 * @param resourceTypes types beside `command:local:Command`, for tests.
 */
export function embeddedEngine(options: EngineOptions, resourceTypes?: ResourceTypes): Engine {
  const types: ResourceTypes = {
    resources: { "command:local:Command": localCommand, ...resourceTypes?.resources },
    functions: resourceTypes?.functions ?? {},
  };
  const files = stackFiles(options.workDir, options.stack);
  const carryOut = (verb: Verb): Promise<EngineResult> =>
    withLock(verb, options, files, (lock, progress) =>
      runVerb(verb, {
        engine: options,
        project: readProject(options.projectDir),
        types,
        files,
        preview: verb === "preview",
        lock,
        progress,
        parallel: PARALLEL,
      }),
    );
  return {
    description: `embedded engine ${version} (one machine, no cloud)`,
    preview: () => carryOut("preview"),
    up: () => carryOut("up"),
    destroy: () => carryOut("destroy"),
    outputs: () => readOutputs(files),
  };
}

async function withLock(
  verb: Verb,
  options: EngineOptions,
  files: StackFiles,
  work: (lock: Lock | undefined, progress: Progress) => Promise<Omit<EngineResult, "seconds">>,
): Promise<EngineResult> {
  const startedAt = Date.now();
  if (verb === "up") fs.mkdirSync(options.workDir, { recursive: true, mode: 0o700 });
  // Nothing is there to destroy when the folder is not there, and that is no reason to make one.
  const writes = verb === "up" || (verb === "destroy" && fs.existsSync(options.workDir));
  const lock = writes ? await takeLock(files.lock, verb) : undefined;
  try {
    const progress = await openProgress(options.progress ?? "tree");
    const done = await work(lock, progress);
    const result = { ...done, seconds: (Date.now() - startedAt) / 1000 };
    progress.finished({ verb, ...result });
    return result;
  } finally {
    lock?.release();
  }
}

async function runVerb(verb: Verb, options: RunOptions): Promise<Omit<EngineResult, "seconds">> {
  const run = await openRun(options);
  const { steps, progress, ledger } = run;
  const interrupt = (): void => {
    const message = "interrupted: what was made is kept, and the next run goes on from there";
    progress.note(message);
    steps.fail({ message });
  };
  if (steps.signal.aborted) interrupt();
  else steps.signal.addEventListener("abort", interrupt, { once: true });
  try {
    if (verb !== "destroy" && !steps.failed()) await followProgram(run, options);
    if (!steps.failed()) await removeCutOff(run);
    if (!steps.failed()) await removeAll(run, ledger.remaining());
    await ledger.save();
  } finally {
    steps.signal.removeEventListener("abort", interrupt);
  }
  const ok = !steps.failed();
  if (!ok) tellWhatWasLeft(run);
  if (ok && verb === "preview") showOutputs(run);
  if (ok && verb === "destroy") {
    for (const file of [options.files.state, options.files.passphrase])
      fs.rmSync(file, { force: true });
  }
  return { ok, changes: steps.changes(), failures: steps.failures() };
}

async function followProgram(run: Run, options: RunOptions): Promise<void> {
  const { engine, project, parallel, lock } = options;
  try {
    const config = programConfig(engine, project);
    for (const key of config.secretKeys) run.mask.collect(secret(config.values[key] ?? ""));
    await runProgram(run, { projectDir: engine.projectDir, project, config, parallel, lock });
  } catch (error) {
    if (!(error instanceof StackConfigError)) throw error;
    run.progress.note(`error: ${error.message}`);
    run.steps.fail({ message: error.message });
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

function showOutputs({ ledger, steps, progress, mask }: Run): void {
  const changed = Object.entries(steps.changes()).some(
    ([name, count]) => name !== "same" && count > 0,
  );
  const stack = ledger.all().find(({ type }) => type === STACK_TYPE);
  const outputs = Object.entries(stack?.outputs ?? {});
  if (!changed || outputs.length === 0) return;
  progress.note("outputs:");
  for (const [name, value] of outputs) {
    progress.note(mask.hide(`    ${name}: ${JSON.stringify(forDisplay(value))}`));
  }
}

async function readOutputs(files: StackFiles): Promise<Readonly<Record<string, OutputValue>>> {
  const { resources } = await readOpened(files);
  const stack = resources.find(({ type }) => type === STACK_TYPE);
  return Object.fromEntries(
    Object.entries(stack?.outputs ?? {}).map(([name, value]) => [
      name,
      { value: mapValue(value, unwrap), secret: holdsSecret(value) },
    ]),
  );
}
