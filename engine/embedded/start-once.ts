/** The program in a process of its own, as Pulumi's language host runs it (`sdk/nodejs/cmd/run`). */

import { spawn, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import type { ProgramRun, StartProgram } from "../engine";

/** Where the program reads its settings. */
const CONFIG_FD = 4;

/** Starts the SDK's own runner for one run. */
export const startOnce: StartProgram = (run, onLine) => {
  // The program's own copy of the SDK, not ours.
  const { resolve } = createRequire(path.join(run.programDir, "program.js"));
  const words = [resolve("@pulumi/pulumi/cmd/run"), ...flagsOf(run), run.entry];
  const child = spawnProgram(words, run, {
    PULUMI_CONFIG: JSON.stringify(run.config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(run.secretKeys),
  });
  onEachLine(child, onLine);
  return { pid: child.pid, ending: endOf(child) };
};

/**
 * A process that the program can run in.
 * @param words what Node runs, and its arguments
 * @param settings go into its environment, though nobody else sees them there: see preload.cjs
 */
export function spawnProgram(
  words: readonly string[],
  run: ProgramRun,
  settings: Readonly<Record<string, string>>,
): ChildProcess {
  const loaders = [
    path.join(__dirname, "preload.cjs"),
    path.join(__dirname, "..", "typescript.cjs"),
  ];
  const child = spawn(
    process.execPath,
    ["--no-deprecation", ...loaders.flatMap((file) => ["--require", file]), ...words],
    {
      cwd: run.programDir,
      env: environmentOf(run),
      // A group of its own: Ctrl-C reaches the engine alone, which ends the program in good order. The channel (ipc)
      // tells the program when the engine is killed.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc", "pipe"],
    },
  );
  // Settings may be secret, and an environment is seen by whoever is this user.
  const pipe = child.stdio[CONFIG_FD];
  pipe?.on("error", () => undefined); // it did not start, which is told elsewhere
  if (pipe instanceof Writable) pipe.end(JSON.stringify(settings));
  return child;
}

/** All that the program has in its environment in a run: what this process has then, such as a folder for temporary files. */
export function environmentOf({ environment }: ProgramRun): NodeJS.ProcessEnv {
  return {
    ...process.env,
    // TypeScript as in our scripts (typescript.cjs), which keeps what it compiled. Pulumi's own support (ts-node) would
    // compile every file anew, which costs more than all the rest of a run that changes nothing.
    PULUMI_NODEJS_TYPESCRIPT: "false",
    ...environment,
  };
}

/** Gives on what a process prints, line by line. */
export function onEachLine({ stdout, stderr }: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [stdout, stderr]) {
    if (stream !== null) createInterface({ input: stream }).on("line", onLine);
  }
}

/** How a process ended, when all that it printed is read. */
export function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, by) => {
      resolve(code === null ? `signal ${String(by)}` : `exit status ${code}`);
    });
  });
}

/** What the SDK's runner is told, as the CLI tells it. */
function flagsOf(run: ProgramRun): readonly string[] {
  const { address, organization, project, projectDir, stack, programDir, parallel } = run;
  const flags: Readonly<Record<string, string>> = {
    monitor: address,
    engine: address,
    organization,
    project,
    "root-directory": projectDir,
    stack,
    pwd: programDir,
    parallel: String(parallel),
  };
  const words = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  return run.preview ? [...words, "--dry-run"] : words;
}
