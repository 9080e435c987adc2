/** Runs the CLI for the Automation API, in place of the SDK's own `PulumiCommand` (`sdk/nodejs/automation/cmd.ts`). */

import { spawn } from "node:child_process";
import * as path from "node:path";

export interface CliResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** The CLI ended with another status than 0. */
export class CliError extends Error {
  constructor(readonly result: CliResult) {
    super(errorLines(result.stderr) || `the Pulumi CLI ended with exit status ${result.code}`);
  }

  /** Whether the stack does not exist. */
  get isNoStack(): boolean {
    return /no stack named.*found/.test(this.result.stderr);
  }

  /** Whether another run holds the stack. */
  get isLocked(): boolean {
    return /Another update is currently in progress|currently locked by/.test(this.result.stderr);
  }
}

function errorLines(stderr: string): string {
  return stderr
    .split("\n")
    .filter((line) => line.startsWith("error: "))
    .map((line) => line.slice("error: ".length))
    .join("\n");
}

type OnText = (text: string) => void;

/** What `LocalWorkspace` and `Stack` call; the SDK's types leave it out. */
export interface CliRunner {
  run(
    args: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string>>,
    onOutput?: OnText,
    onError?: OnText,
    signal?: AbortSignal,
  ): Promise<CliResult>;
}

/** Told of each process of the CLI, the leader of a group of its own. */
export interface ProcessWatch {
  readonly onStart?: (pid: number) => void;
  readonly onEnd?: (pid: number) => void;
}

/**
 * The SDK's own `run` starts the CLI in our process group: Ctrl-C in a terminal would reach it beside the SIGINT that
 * an abort sends, and Pulumi takes the second one for "stop at once, whatever is half done".
 *
 * @param command path of the CLI.
 * @param environment over ours; `undefined` takes a variable away.
 */
export function cliRunner(
  command: string,
  environment: Readonly<Record<string, string | undefined>> = {},
  watch: ProcessWatch = {},
): CliRunner {
  return {
    run: async (args, cwd, env, onOutput, onError, signal) => {
      const all = { ...process.env, ...env, ...environment };
      const result = await runCli(
        [command, ...withoutSelecting(args)],
        { cwd, env: all, signal },
        { ...watch, onOutput, onError },
      );
      if (result.code !== 0) throw new CliError(result);
      return result;
    },
  };
}

/** `stack select` and `stack init` would change which stack the user's own `pulumi` commands work on. */
export function withoutSelecting(args: readonly string[]): readonly string[] {
  if (args[0] !== "stack") return args;
  if (args[1] === "select") return ["stack", ...args.slice(2)];
  return args[1] === "init" ? [...args, "--no-select"] : args;
}

interface RunOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
}

interface Listeners extends ProcessWatch {
  readonly onOutput: OnText | undefined;
  readonly onError: OnText | undefined;
}

/** The CLI writes its backend's files readable for all; by this mask they are the user's own. */
const OWN_FILES = 'umask 077 && exec "$0" "$@"';

function runCli(
  [command = "", ...args]: readonly string[],
  { cwd, env, signal }: RunOptions,
  { onStart, onEnd, onOutput, onError }: Listeners,
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", OWN_FILES, command, ...args, "--non-interactive"], {
      cwd,
      env: {
        ...env,
        // The language host that came with the CLI lies beside it.
        PATH: [path.dirname(command), env.PATH ?? ""].join(path.delimiter),
        PULUMI_AUTOMATION_API: "true",
      },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { pid } = child;
    if (pid !== undefined) onStart?.(pid);
    const settle = (): void => {
      signal?.removeEventListener("abort", interrupt);
      if (pid !== undefined) onEnd?.(pid);
    };
    const interrupt = (): void => {
      child.kill("SIGINT");
    };
    signal?.addEventListener("abort", interrupt, { once: true });
    if (signal?.aborted) interrupt();
    const stdout: string[] = [];
    const stderr: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout.push(text);
      onOutput?.(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr.push(text);
      onError?.(text);
    });
    child.on("error", (error) => {
      settle();
      reject(new Error(`cannot run the Pulumi CLI ${command}: ${error.message}`));
    });
    child.on("close", (code) => {
      settle();
      resolve({ stdout: stdout.join(""), stderr: stderr.join(""), code: code ?? -1 });
    });
  });
}
