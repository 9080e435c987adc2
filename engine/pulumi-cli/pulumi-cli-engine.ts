import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import type { Stack } from "@pulumi/pulumi/automation";
import { takeLock } from "../embedded/lock";
import { giveRoom, keepRoom } from "../embedded/room";
import type { Engine, EngineOptions, EngineResult, Failure, OutputValue } from "../engine";
import { openMask, type Mask } from "../mask";
import { openProgress } from "../progress/progress";
import type { Progress } from "../progress/types";
import { readRefusal } from "../refusal";
import { StackConfigError } from "../stack-config";
import { CliError, cliRunner, type ProcessWatch } from "./cli-process";
import {
  cliEnvironment,
  cliFiles,
  hasOwnBackend,
  prepareFiles,
  type CliFiles,
} from "./environment";
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
  readonly files: CliFiles;
  /** Selects the stack; `undefined` when there is none. */
  readonly find: () => Promise<Stack | undefined>;
  readonly create: () => Promise<Stack>;
  /** Removes the stack, but not the user's settings of it. */
  readonly remove: () => Promise<void>;
  /** For every call that does something. */
  readonly flags: {
    readonly color: "never";
    readonly onEvent: (event: unknown) => void;
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
  await stack.up({ ...session.flags, showSecrets: false });
}

async function destroy(session: Session): Promise<void> {
  const stack = await session.find();
  if (stack === undefined) return;
  await stack.destroy({ ...session.flags, showSecrets: false });
  await session.remove();
  // An own backend holds other stacks, too; ours has just this one.
  if (!hasOwnBackend(process.env)) {
    fs.rmSync(session.files.folder, { recursive: true, force: true });
  }
}

async function outputs(
  cli: string,
  options: EngineOptions,
): Promise<Readonly<Record<string, OutputValue>>> {
  const files = cliFiles(options);
  if (!hasOwnBackend(process.env) && !fs.existsSync(files.backend)) return {};
  // Only reads: while another run is at work, its files are not written anew.
  if (!fs.existsSync(files.config)) prepareFiles(options, files);
  const session = await openSession(cli, options, { onEvent: () => undefined });
  return (await (await session.find())?.outputs()) ?? {};
}

async function timed(
  verb: Verb,
  cli: string,
  options: EngineOptions,
  work: (session: Session) => Promise<void>,
): Promise<EngineResult> {
  const startedAt = Date.now();
  const files = cliFiles(options);
  const mask = openMask(process.env, options.config);
  const progress = await openProgress(options, mask);
  const isNew = !fs.existsSync(files.folder);
  fs.mkdirSync(options.workDir, { recursive: true, mode: 0o700 });
  // Two of the CLI would trip over each other's files before one of them finds the stack locked.
  if (verb === "destroy") giveRoom(options.workDir);
  const lock = await takeLock(files.lock, verb);
  try {
    if (verb === "up") keepRoom(options.workDir);
    const outcome = await carryOut(verb, options, { progress, mask }, async (onEvent) => {
      prepareFiles(options, files);
      const session = await openSession(cli, options, {
        onEvent,
        onStart: (pid) => {
          lock.started(pid);
        },
        onEnd: (pid) => {
          lock.ended(pid);
        },
      });
      await unlockOwn(session);
      await work(session);
    });
    const result = { ...outcome, seconds: (Date.now() - startedAt) / 1000 };
    progress.finished({ verb, ...result });
    return result;
  } finally {
    if (isNew && verb !== "up") fs.rmSync(files.folder, { recursive: true, force: true });
    lock.release();
    removeIfEmpty(options.workDir);
  }
}

/** A preview and a `destroy` of nothing leave no folder that was not there. */
function removeIfEmpty(folder: string): void {
  if (fs.readdirSync(folder).length === 0) fs.rmdirSync(folder);
}

/** A run that was killed has left its lock in our backend, which this one holds alone. */
async function unlockOwn(session: Session): Promise<void> {
  const locks = path.join(session.files.backend, ".pulumi", "locks");
  if (hasOwnBackend(process.env) || !fs.existsSync(locks)) return;
  const left = fs.readdirSync(locks, { recursive: true, withFileTypes: true });
  if (left.some((entry) => entry.isFile())) await (await session.find())?.cancel();
}

async function carryOut(
  verb: Verb,
  options: EngineOptions,
  { progress, mask }: { readonly progress: Progress; readonly mask: Mask },
  work: (onEvent: (event: unknown) => void) => Promise<void>,
): Promise<Outcome> {
  const events = readEvents(progress, mask, verb === "preview", () =>
    readRefusal(cliFiles(options).refusal),
  );
  const fail = (failure: Failure): Outcome => {
    const message = mask.hide(failure.message);
    progress.note(`error: ${message}`);
    const failures = [...events.failures(), { ...failure, message }];
    return { ok: false, changes: events.changes(), failures };
  };
  if (options.signal?.aborted) {
    return fail({ message: "interrupted before anything was begun", kind: "interrupted" });
  }
  try {
    await work((event) => {
      events.read(event);
    });
    return outcomeOf(events);
  } catch (error) {
    if (error instanceof StackConfigError)
      return fail({ message: error.message, kind: "settings" });
    if (!(error instanceof CliError)) throw error;
    if (error.isLocked) {
      throw new Error(
        `the stack ${options.stack} is in use by another run of Pulumi: ${mask.hide(error.message)}`,
      );
    }
    if (options.signal?.aborted) {
      const message = "interrupted: what was made is kept, and the next run goes on from there";
      return fail({ message, kind: "interrupted" });
    }
    return events.failures().length > 0
      ? outcomeOf(events)
      : fail({ message: error.message, kind: "engine" });
  }
}

function outcomeOf(events: EventReader): Outcome {
  const failures = events.failures();
  return { ok: failures.length === 0, changes: events.changes(), failures };
}

async function openSession(
  cli: string,
  options: EngineOptions,
  { onEvent, ...watch }: ProcessWatch & Pick<Session["flags"], "onEvent">,
): Promise<Session> {
  // Takes a second to load, which the embedded engine need not wait for.
  const { LocalWorkspace, PulumiCommand, Stack } =
    await import("@pulumi/pulumi/automation/index.js");
  const files = cliFiles(options);
  const runner = cliRunner(cli, cliEnvironment(process.env, files), watch);
  const workspace = await LocalWorkspace.create({
    workDir: files.folder,
    pulumiCommand: Object.assign(await PulumiCommand.get(), runner),
  });
  return {
    files,
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
      onEvent,
      ...(options.signal !== undefined && { signal: options.signal }),
    },
  };
}
