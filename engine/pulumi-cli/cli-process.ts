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

/**
 * The SDK's own `run` starts the CLI in our process group: Ctrl-C in a terminal would reach it beside the SIGINT that
 * an abort sends, and Pulumi takes the second one for "stop at once, whatever is half done".
 *
 * @param command path of the CLI.
 */
export function cliRunner(command: string): CliRunner {
  return {
    run: async (args, cwd, env, onOutput, onError, signal) => {
      const result = await runCli(
        command,
        withoutSelecting(args),
        cwd,
        env,
        onOutput,
        onError,
        signal,
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

function runCli(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  onOutput: OnText | undefined,
  onError: OnText | undefined,
  signal: AbortSignal | undefined,
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args, "--non-interactive"], {
      cwd,
      env: {
        ...process.env,
        ...env,
        // The language host that came with the CLI lies beside it.
        PATH: [path.dirname(command), process.env.PATH ?? ""].join(path.delimiter),
        PULUMI_AUTOMATION_API: "true",
      },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
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
      signal?.removeEventListener("abort", interrupt);
      reject(new Error(`cannot run the Pulumi CLI ${command}: ${error.message}`));
    });
    child.on("close", (code) => {
      signal?.removeEventListener("abort", interrupt);
      resolve({ stdout: stdout.join(""), stderr: stderr.join(""), code: code ?? -1 });
    });
  });
}
