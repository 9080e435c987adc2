// @ts-check
// Runs the Pulumi program as often as it is told to (start-kept.ts). Each run has settings, connections and a count of errors
// of its own, as Pulumi's automation API gives them to an inline program (`automation/server.js` of the SDK).
"use strict";
const { AsyncResource } = require("node:async_hooks");
const { createRequire } = require("node:module");
const { join } = require("node:path");

// For the program, which asks whether it is run by Pulumi.
const RUN_BY_PULUMI = { PULUMI_NODEJS_MONITOR: "" };
Object.assign(process.env, RUN_BY_PULUMI);
// The program's own copy of the SDK.
const requireOfProgram = createRequire(join(process.cwd(), "program.js"));
/** @type {typeof import("@pulumi/pulumi")} */
const { log, ResourceError, runtime, RunError } = requireOfProgram("@pulumi/pulumi");
/** It has no types of its own. @type {{ withLocalStorage(run: () => Promise<void>): Promise<void> }} */
const { withLocalStorage } = requireOfProgram("@pulumi/pulumi/runtime/state");
const program = join(process.cwd(), process.argv[2] ?? "");
/** Whether the program's function is at work: what fails after it comes out of an output. */
let isAtWork = false;

/** Where an error of the run is told, which may come up outside of it. @type {(tell: () => void) => void} */
let inRun = (tell) => {
  tell();
};

/** Of the last run, nothing stays: its folder for temporary files is gone. @param {NodeJS.ProcessEnv} environment */
function setEnvironment(environment) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, environment, RUN_BY_PULUMI);
}

/** @param {import("../engine").ProgramRun} run */
async function carryOut(run) {
  setEnvironment(run.environment);
  await withLocalStorage(async () => {
    inRun = AsyncResource.bind((tell) => {
      tell();
    });
    const { project, stack, parallel, address, preview, organization } = run;
    runtime.resetOptions(project, stack, parallel, address, address, preview, organization);
    runtime.setAllConfig({ ...run.config }, [...run.secretKeys]);
    isAtWork = true;
    await runtime.runInPulumiStack(() => requireOfProgram(program)());
    isAtWork = false;
    await runtime.disconnect(true);
  });
  process.send?.({ kind: "ended", rss: process.memoryUsage.rss() });
}

/** @type {Set<unknown>} */
const told = new Set();

/** As the SDK's runner tells it; the process has had its day. @param {unknown} error */
function tell(error) {
  if (told.has(error)) return;
  told.add(error);
  inRun(() => {
    void logged(error)
      .then(() => runtime.disconnect())
      .finally(() => process.exit(1));
  });
}

/** @param {unknown} error */
async function logged(error) {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (ResourceError.isInstance(error)) return await log.error(message, error.resource);
  if (RunError.isInstance(error)) return await log.error(message);
  const begin = isAtWork
    ? `Running program '${program}' failed with an unhandled exception:\n`
    : "";
  return await log.error(begin + (stack || message));
}

process.setMaxListeners(runtime.getMaximumListeners());
process.on("uncaughtException", tell);
process.on("unhandledRejection", tell);
process.on("message", (/** @type {import("../engine").ProgramRun} */ run) => {
  // As long as it runs, it ends when it has nothing left to do; between two runs it waits for the next.
  process.channel?.unref();
  carryOut(run).then(() => process.channel?.ref(), tell);
});
process.channel?.ref();
