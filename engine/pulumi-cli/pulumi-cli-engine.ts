import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation";
import type { Engine, EngineOptions, EngineResult, OutputValue } from "../engine";
import { openProgress } from "../progress/progress";
import type { Progress } from "../progress/types";
import { stackFileOf, StackConfigError } from "../stack-config";
import { CliError, cliRunner } from "./cli-process";
import { cliEnvironment, cliFiles, hasOwnBackend, keepingFile, prepareFiles } from "./environment";
import { readEvents, type EventReader } from "./events";
import { findPulumiCli } from "./find-cli";

type Verb = "preview" | "up" | "destroy";
type Outcome = Omit<EngineResult, "seconds">;

/** `pulumi version` answers at once, or something is wrong. */
const VERSION_MS = 20_000;

/**
 * Runs the program with the Pulumi CLI, through the Automation API. Stacks are kept where the user's environment says;
 * where it says nothing, in a folder of ours under `workDir`, without an account. Throws when there is no CLI on PATH.
 */
export function pulumiCliEngine(options: EngineOptions): Engine {
  const cli = findPulumiCli();
  if (cli === undefined) {
    throw new Error(
      "there is no Pulumi CLI on PATH: install it (https://www.pulumi.com/docs/install/), or run with " +
        "`--engine embedded`",
    );
  }
  return {
    get description() {
      const version = execFileSync(cli, ["version"], {
        encoding: "utf8",
        env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
        timeout: VERSION_MS,
      });
      return `Pulumi CLI ${version.trim()} (${cli})`;
    },
    preview: () => timed("preview", cli, options, preview),
    up: () => timed("up", cli, options, up),
    destroy: () => timed("destroy", cli, options, destroy),
    outputs: () => outputs(cli, options),
  };
}

interface Session {
  readonly options: EngineOptions;
  /** Selects the stack; `undefined` when there is none. */
  readonly find: () => Promise<Stack | undefined>;
  readonly create: () => Promise<Stack>;
  /** Removes the stack, but not the user's settings of it. */
  readonly remove: () => Promise<void>;
  /** For every call that does something. */
  readonly flags: {
    readonly color: "never";
    readonly configFile: string;
    readonly onEvent: (event: EngineEvent) => void;
    readonly signal?: AbortSignal;
  };
}

async function preview(session: Session): Promise<void> {
  const found = await session.find();
  const stack = found ?? (await session.create());
  try {
    await stack.preview(session.flags);
  } finally {
    if (found === undefined) await session.remove();
  }
}

async function up(session: Session): Promise<void> {
  const stack = (await session.find()) ?? (await session.create());
  // Without `showSecrets: false` the SDK reads the history with secrets, for which the CLI takes the key from the
  // user's own stack file and not from our copy.
  await stack.up({ ...session.flags, showSecrets: false });
}

async function destroy(session: Session): Promise<void> {
  const stack = await session.find();
  if (stack === undefined) return;
  await stack.destroy({ ...session.flags, showSecrets: false });
  await session.remove();
  // An own backend holds other stacks, too; ours has just this one.
  if (!hasOwnBackend(process.env)) {
    fs.rmSync(cliFiles(session.options).folder, { recursive: true, force: true });
  }
}

async function outputs(
  cli: string,
  options: EngineOptions,
): Promise<Readonly<Record<string, OutputValue>>> {
  if (!hasOwnBackend(process.env) && !fs.existsSync(cliFiles(options).backend)) return {};
  return await keepingFile(stackFileOf(options), async () => {
    const session = await openSession(cli, options, () => undefined);
    return (await (await session.find())?.outputs()) ?? {};
  });
}

async function timed(
  verb: Verb,
  cli: string,
  options: EngineOptions,
  work: (session: Session) => Promise<void>,
): Promise<EngineResult> {
  const startedAt = Date.now();
  const progress = await openProgress(options.progress ?? "tree");
  const outcome = await keepingFile(stackFileOf(options), () =>
    carryOut(verb, cli, options, progress, work),
  );
  const result = { ...outcome, seconds: (Date.now() - startedAt) / 1000 };
  progress.finished({ verb, ...result });
  return result;
}

async function carryOut(
  verb: Verb,
  cli: string,
  options: EngineOptions,
  progress: Progress,
  work: (session: Session) => Promise<void>,
): Promise<Outcome> {
  const events = readEvents(progress, verb === "preview");
  const isNew = !fs.existsSync(cliFiles(options).folder);
  const fail = (message: string): Outcome => {
    progress.note(`error: ${message}`);
    return { ok: false, changes: events.changes(), failures: [...events.failures(), { message }] };
  };
  if (options.signal?.aborted) return fail("interrupted before anything was begun");
  try {
    const session = await openSession(cli, options, (event) => {
      events.read(event);
    });
    await work(session);
    return outcomeOf(events);
  } catch (error) {
    if (error instanceof StackConfigError) return fail(error.message);
    if (!(error instanceof CliError)) throw error;
    if (error.isLocked) {
      throw new Error(
        `the stack ${options.stack} is in use by another run of Pulumi: ${error.message}`,
      );
    }
    if (options.signal?.aborted) {
      return fail("interrupted: what was made is kept, and the next run goes on from there");
    }
    return events.failures().length > 0 ? outcomeOf(events) : fail(error.message);
  } finally {
    if (isNew && verb === "preview") {
      fs.rmSync(cliFiles(options).folder, { recursive: true, force: true });
    }
  }
}

function outcomeOf(events: EventReader): Outcome {
  const failures = events.failures();
  return { ok: failures.length === 0, changes: events.changes(), failures };
}

async function openSession(
  cli: string,
  options: EngineOptions,
  onEvent: (event: EngineEvent) => void,
): Promise<Session> {
  // Takes a second to load, which the embedded engine need not wait for.
  const { LocalWorkspace, PulumiCommand, Stack } =
    await import("@pulumi/pulumi/automation/index.js");
  const files = cliFiles(options);
  prepareFiles(options, files);
  const command = Object.assign(await PulumiCommand.get(), cliRunner(cli));
  const workspace = await LocalWorkspace.create({
    workDir: options.projectDir,
    envVars: { ...cliEnvironment(process.env, files) },
    pulumiCommand: command,
  });
  return {
    options,
    find: async () => {
      try {
        return await Stack.select(options.stack, workspace);
      } catch (error) {
        if (error instanceof CliError && error.isNoStack) return undefined;
        throw error;
      }
    },
    create: () => Stack.create(options.stack, workspace),
    remove: () => workspace.removeStack(options.stack, { preserveConfig: true }),
    flags: {
      color: "never",
      configFile: files.config,
      onEvent,
      ...(options.signal !== undefined && { signal: options.signal }),
    },
  };
}
