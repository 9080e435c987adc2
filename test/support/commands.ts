/** Our command line, run many times in one process: starting a process costs more than what most lines do. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { listen, type Sayings } from "./sayings";

/** How a line ended. */
export interface EndedLine {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A line that runs, or waits for those before it. */
export interface RunningLine extends Pick<Sayings, "said"> {
  readonly ended: Promise<EndedLine>;
}

export interface Commands {
  /** Begins the words after `etcd-restore`; lines wait for each other. */
  readonly begin: (args: readonly string[]) => RunningLine;
  /** The same, to its end. */
  readonly run: (args: readonly string[]) => Promise<EndedLine>;
  readonly close: () => Promise<void>;
}

/** What the process tells of the line that runs: a part of its stderr, or its end. */
type Told = { readonly said: string } | { readonly ended: EndedLine };

interface Waiting {
  readonly words: string;
  readonly said: (text: string) => void;
  readonly resolve: (ended: EndedLine) => void;
  readonly reject: (error: Error) => void;
}

/** @param env variables over those of the tests */
export function openCommands(env: Readonly<Record<string, string>> = {}): Commands {
  const child = spawn(process.execPath, [path.join(__dirname, "command-lines.cjs")], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  const lines: Waiting[] = [];
  createInterface({ input: child.stdout }).on("line", (text) => {
    const told = JSON.parse(text) as Told;
    if ("said" in told) lines[0]?.said(told.said);
    else lines.shift()?.resolve(told.ended);
  });
  child.once("exit", () => {
    for (const { words, reject } of lines) reject(new Error(`the commands ended at: ${words}`));
  });
  const begin: Commands["begin"] = (args) => {
    const ended = new Promise<EndedLine>((resolve, reject) => {
      const said = (text: string): void => {
        sayings.add(text);
      };
      lines.push({ words: args.join(" "), said, resolve, reject });
    });
    const sayings = listen(ended);
    child.stdin.write(`${JSON.stringify(args)}\n`);
    return { said: sayings.said, ended };
  };
  return {
    begin,
    run: (args) => begin(args).ended,
    close: async () => {
      const exit = once(child, "exit");
      child.stdin.end();
      await exit;
    },
  };
}
