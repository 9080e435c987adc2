import * as os from "node:os";
import { version } from "../../package.json";
import type { Engine, EngineOptions, EngineResult, OutputValue } from "../engine";
import { programConfig, readProject, StackConfigError } from "../stack-config";
import { carryOut, type Verb } from "./carry-out";
import { stackFiles, type StackFiles } from "./files";
import { localCommand } from "./local-command";
import { readOpened, type RunOptions } from "./open-run";
import { runProgram } from "./program";
import type { ResourceTypes } from "./resource-type";
import type { Run } from "./run";
import { STACK_TYPE } from "./urn";
import { holdsSecret, mapValue, secret, unwrap } from "./values";

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
  const run = async (verb: Verb): Promise<EngineResult> => {
    const project = readProject(options.projectDir);
    const all = { engine: options, project, types, files, parallel: PARALLEL };
    return await carryOut(verb, all, followProgram);
  };
  return {
    description: `embedded engine ${version} (one machine, no cloud)`,
    preview: () => run("preview"),
    up: () => run("up"),
    destroy: () => run("destroy"),
    outputs: () => readOutputs(files),
  };
}

async function followProgram(run: Run, options: RunOptions): Promise<void> {
  const { engine, project, parallel, lock } = options;
  try {
    const config = programConfig(engine, project);
    for (const key of config.secretKeys) run.mask.collect(secret(config.values[key] ?? ""));
    run.progress.passing("starting the program");
    const { projectDir, startProgram } = engine;
    await runProgram(run, { projectDir, project, config, parallel, lock, startProgram });
  } catch (error) {
    if (!(error instanceof StackConfigError)) throw error;
    run.progress.note(`error: ${error.message}`);
    run.steps.fail({ message: error.message, kind: "settings" });
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
