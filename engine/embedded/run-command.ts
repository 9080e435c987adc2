import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { CommandResult } from "../engine";
import { groupGone, signalGroup } from "./processes";

export interface CommandOptions {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: string;
  readonly signal: AbortSignal;
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
  readonly onStart: (pid: number) => void;
  readonly onEnd: (pid: number) => void;
}

/** How long an interrupted command gets to clean up between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000;

/**
 * Runs a program in a process group of its own, so that Ctrl-C reaches this process alone and the whole group can
 * be stopped in good order. Ends when the program has ended and its output is closed. Throws when it cannot start.
 */
export function runCommand(options: CommandOptions): Promise<CommandResult> {
  const [program, ...args] = options.argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: "pipe",
    });
    const { pid } = child;
    let sigkill: NodeJS.Timeout | undefined;
    let killed: Promise<void> | undefined;
    const stop = (): void => {
      if (pid === undefined) return;
      signalGroup(pid, "SIGTERM");
      sigkill = setTimeout(() => {
        signalGroup(pid, "SIGKILL");
        killed = groupGone(pid);
        // Whoever left the group and still holds the output must not hold us.
        child.stdout.destroy();
        child.stderr.destroy();
      }, GRACE_MS);
    };
    const settle = (): void => {
      options.signal.removeEventListener("abort", stop);
      clearTimeout(sigkill);
      if (pid !== undefined) options.onEnd(pid);
    };

    if (pid !== undefined) options.onStart(pid);
    options.signal.addEventListener("abort", stop, { once: true });
    if (options.signal.aborted) stop();

    const stdout = collect(child.stdout, (line) => {
      options.onLine("stdout", line);
    });
    const stderr = collect(child.stderr, (line) => {
      options.onLine("stderr", line);
    });
    // A program that does not read its input is free to.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.stdin);

    child.on("error", (error) => {
      settle();
      reject(new Error(`cannot run ${program} in ${options.cwd}: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      settle();
      const status = code === null ? {} : { exitStatus: code };
      const output = { stdout: stdout(), stderr: stderr(), ...status };
      const failure = code === null ? `signal ${String(signal)}` : `exit status ${code}`;
      const result = code === 0 ? output : { ...output, failure };
      // The kernel takes a moment to end the others of the group; they must not be at work when we say that it ended.
      resolve(killed === undefined ? result : killed.then(() => result));
    });
  });
}

/** Gathers a stream's text and tells its lines while they come, however long they are. */
function collect(stream: Readable, onLine: (line: string) => void): () => string {
  const chunks: string[] = [];
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => chunks.push(chunk));
  createInterface({ input: stream, crlfDelay: Infinity }).on("line", onLine);
  return () => chunks.join("");
}
