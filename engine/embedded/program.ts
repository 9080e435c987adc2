/** Runs a Pulumi program in a child process, as Pulumi's language host does (`sdk/nodejs/cmd/run`). */

import * as grpc from "@grpc/grpc-js";
import { spawn, type ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import { createRequire } from "node:module";
import * as os from "node:os";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import type { ProgramConfig, Project } from "../stack-config";
import { readRefusal, REFUSAL_FILE } from "../refusal";
import type { Lock } from "./lock";
import { addServices } from "./monitor";
import { signalGroup } from "./processes";
import type { Run } from "./run";

export interface ProgramOptions {
  readonly projectDir: string;
  readonly project: Project;
  readonly config: ProgramConfig;
  readonly parallel: number;
  readonly lock: Lock | undefined;
}

/** How long an interrupted program gets to end by itself. */
const GRACE_MS = 3_000;

/** How long a program gets to end after one of its resources has failed: it has nothing left to do. */
const END_MS = 15_000;

/** So much of what the program printed goes into the message when it ends for no reason that we know. */
const LAST_LINES = 10;

/** Where the program reads its settings. */
const CONFIG_FD = 4;

const MESSAGE_BYTES = 400 * 1024 * 1024;

/** Runs the program to its end. When it does not end well, a failure is among those of the run's steps. */
export async function runProgram(run: Run, options: ProgramOptions): Promise<void> {
  const folder = socketFolder();
  const address = `unix:${path.join(folder, "s")}`;
  const server = new grpc.Server({ "grpc.max_receive_message_length": MESSAGE_BYTES });
  const end = { signalled: false };
  addServices(server, run, {
    onEnd: () => {
      end.signalled = true;
    },
    refusal: () => readRefusal(refusalFile(folder)),
  });
  try {
    await listen(server, address);
    const { ending, lastLines } = await runChild(run, options, address, folder);
    await run.steps.idle();
    // Only this signal means that the program wants no more: after a bare `exit(0)` everything that it did not come to
    // would be taken for unwanted, and deleted.
    if ((end.signalled && ending === "exit status 0") || run.steps.failed()) return;
    const printed = lastLines.length > 0 ? `. It said last:\n${lastLines.join("\n")}` : "";
    const message = `the program ended early, with ${ending}; nothing was deleted${printed}`;
    run.progress.note(`error: ${message}`);
    run.steps.fail({ message, kind: "engine" });
  } finally {
    server.forceShutdown();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A folder for this user only (mkdtemp makes it with mode 0700), since everything goes over its socket, secrets too.
 * Not in the working folder: a socket's path has room for 100 bytes.
 */
function socketFolder(): string {
  const folder = os.tmpdir();
  return fs.mkdtempSync(path.join(folder.length > 80 ? "/tmp" : folder, "engine-"));
}

function refusalFile(folder: string): string {
  return path.join(folder, "refusal.json");
}

async function listen(server: grpc.Server, address: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

interface Ending {
  readonly ending: string;
  readonly lastLines: readonly string[];
}

async function runChild(
  run: Run,
  options: ProgramOptions,
  address: string,
  folder: string,
): Promise<Ending> {
  const child = spawnProgram(run, options, address, folder);
  const { pid } = child;
  const { signal } = run.steps;
  const lastLines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      lastLines.push(line);
      if (lastLines.length > LAST_LINES) lastLines.shift();
      run.progress.note(line);
    });
  }

  const timers: NodeJS.Timeout[] = [];
  const end = (): void => {
    if (pid === undefined) return;
    signalGroup(pid, "SIGTERM");
    timers.push(setTimeout(() => signalGroup(pid, "SIGKILL"), GRACE_MS));
  };
  const watch = setInterval(() => {
    if (!run.steps.failed()) return;
    clearInterval(watch);
    void run.steps.idle().then(() => timers.push(setTimeout(end, END_MS)));
  }, 200);
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  if (pid !== undefined) options.lock?.started(pid);
  try {
    const ending = await new Promise<string>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, by) => {
        resolve(code === null ? `signal ${String(by)}` : `exit status ${code}`);
      });
    });
    return { ending, lastLines };
  } finally {
    clearInterval(watch);
    timers.forEach(clearTimeout);
    signal.removeEventListener("abort", end);
    if (pid !== undefined) options.lock?.ended(pid);
  }
}

function spawnProgram(
  run: Run,
  options: ProgramOptions,
  address: string,
  folder: string,
): ChildProcess {
  const { project, config } = options;
  // The program's own copy of the SDK, not ours.
  const { resolve } = createRequire(path.join(project.programDir, "program.js"));
  const runner = resolve("@pulumi/pulumi/cmd/run");
  const child = spawn(
    process.execPath,
    [
      "--no-deprecation",
      "--require",
      path.join(__dirname, "preload.cjs"),
      "--require",
      path.join(__dirname, "..", "typescript.cjs"),
      runner,
      ...flagsOf(run, options, address),
      project.entry,
    ],
    {
      cwd: project.programDir,
      env: {
        ...process.env,
        // TypeScript as in our scripts (typescript.cjs), which keeps what it compiled. Pulumi's own support (ts-node) would
        // compile every file anew, which costs more than all the rest of a run that changes nothing.
        PULUMI_NODEJS_TYPESCRIPT: "false",
        ENGINE_SOCKET_FOLDER: folder,
        [REFUSAL_FILE]: refusalFile(folder),
      },
      // A group of its own: Ctrl-C reaches the engine alone, which ends the program in good order. The channel (ipc)
      // tells the program when the engine is killed.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc", "pipe"],
    },
  );
  // Settings may be secret, and an environment is seen by whoever is this user. See preload.cjs.
  const settings = child.stdio[CONFIG_FD];
  settings?.on("error", () => undefined); // it did not start, which is told elsewhere
  if (settings instanceof Writable) {
    settings.end(
      JSON.stringify({
        PULUMI_CONFIG: JSON.stringify(config.values),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(config.secretKeys),
      }),
    );
  }
  return child;
}

/** What the SDK's runner is told, as the CLI tells it. */
function flagsOf(
  run: Run,
  { projectDir, project, parallel }: ProgramOptions,
  address: string,
): readonly string[] {
  const flags: Readonly<Record<string, string>> = {
    monitor: address,
    engine: address,
    organization: "organization",
    project: run.identity.project,
    "root-directory": projectDir,
    stack: run.identity.stack,
    pwd: project.programDir,
    parallel: String(parallel),
  };
  const words = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  return run.preview ? [...words, "--dry-run"] : words;
}
