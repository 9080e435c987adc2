/** Our command line, run many times in one process: starting a process costs more than what most lines do. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as path from "node:path";
import { createInterface } from "node:readline";

/** How a line ended. */
export interface EndedLine {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Commands {
  /** Runs the words after `etcd-restore`; lines wait for each other. */
  readonly run: (args: readonly string[]) => Promise<EndedLine>;
  readonly close: () => Promise<void>;
}

/** @param env variables over those of the tests */
export function openCommands(env: Readonly<Record<string, string>> = {}): Commands {
  const child = spawn(process.execPath, [path.join(__dirname, "command-lines.cjs")], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.(line));
  let failing = (): void => undefined;
  child.once("exit", () => {
    failing();
  });
  return {
    run: async (args) => {
      const answer = new Promise<string>((resolve, reject) => {
        waiting.push(resolve);
        failing = () => {
          reject(new Error(`the commands ended at: ${args.join(" ")}`));
        };
      });
      child.stdin.write(`${JSON.stringify(args)}\n`);
      return JSON.parse(await answer) as EndedLine;
    },
    close: async () => {
      const exit = once(child, "exit");
      child.stdin.end();
      await exit;
    },
  };
}
