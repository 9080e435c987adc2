/** Runs a Pulumi program to its end: serves it over its protocol, and ends it when it is not to go on. */

import * as grpc from "@grpc/grpc-js";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import type { StartProgram } from "../engine";
import type { ProgramConfig, Project } from "../stack-config";
import { readRefusal, REFUSAL_FILE } from "../refusal";
import type { Lock } from "./lock";
import { addServices } from "./monitor";
import { signalGroup } from "./processes";
import type { Run } from "./run";
import { startOnce } from "./start-once";

export interface ProgramOptions {
  readonly projectDir: string;
  readonly project: Project;
  readonly config: ProgramConfig;
  readonly parallel: number;
  readonly lock: Lock | undefined;
  /** @default a process of its own */
  readonly startProgram: StartProgram | undefined;
}

/** How long an interrupted program gets to end by itself. */
const GRACE_MS = 3_000;

/** How long a program gets to end after one of its resources has failed: it has nothing left to do. */
const END_MS = 15_000;

/** So much of what the program printed goes into the message when it ends for no reason that we know. */
const LAST_LINES = 10;

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
  const { project, config, projectDir, parallel, lock, startProgram = startOnce } = options;
  const { signal } = run.steps;
  const lastLines: string[] = [];
  const { pid, ending } = startProgram(
    {
      ...{ projectDir, programDir: project.programDir, entry: project.entry },
      ...{ organization: "organization", ...run.identity, address, parallel },
      preview: run.preview,
      config: config.values,
      secretKeys: config.secretKeys,
      environment: { ENGINE_SOCKET_FOLDER: folder, [REFUSAL_FILE]: refusalFile(folder) },
    },
    (line) => {
      lastLines.push(line);
      if (lastLines.length > LAST_LINES) lastLines.shift();
      run.progress.note(line);
    },
  );

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
  if (pid !== undefined) lock?.started(pid);
  try {
    return { ending: await ending, lastLines };
  } finally {
    clearInterval(watch);
    timers.forEach(clearTimeout);
    signal.removeEventListener("abort", end);
    if (pid !== undefined) lock?.ended(pid);
  }
}
