/**
 * The steps that the Pulumi program runs on this computer, done in this process: what `start`, `stop` and a drill of a small
 * backup do costs less than starting Node for each of them. Every other command, and whatever is not written as we write it, gets its process.
 */
import * as path from "node:path";
import { Command } from "commander";
import type { CommandResult, GivenToCommand, RunHere } from "../engine/engine";
import { verdictLine } from "../etcd/report/verdict-line";
import { declare } from "./commands/verify/command";
import { verify } from "./commands/verify/verify";
import { exitCodeOfError, messageOfError } from "./errors";
import { EXIT } from "./outcome";
import { clientFilesStep } from "./steps/client-files";
import { localEtcdStep } from "./steps/local-etcd";
import { makePkiStep } from "./steps/make-pki";
import type { Step } from "./steps/request";

const STEPS: Readonly<Record<string, () => Step>> = {
  "scripts/steps/make-pki": () => makePkiStep,
  "scripts/steps/client-files": () => clientFilesStep,
  "scripts/steps/local-etcd": () => localEtcdStep,
  "scripts/etcd-restore": () => verifyStep,
};

/** How `components/script.ts` begins the command line of a script. */
const KIND = path.extname(__filename);
const BEGINNING = KIND === ".ts" ? ["node", "--require", "./engine/typescript.cjs"] : ["node"];

export const runHere: RunHere = (commandLine, given) => {
  const words = wordsOf(commandLine);
  const file = words?.[BEGINNING.length];
  if (words === undefined || file?.endsWith(KIND) !== true) return undefined;
  if (BEGINNING.some((word, at) => words[at] !== word)) return undefined;
  const args = words.slice(BEGINNING.length + 1);
  const script = file.slice(0, -KIND.length);
  const load = STEPS[script];
  if (load === undefined || (script === "scripts/etcd-restore" && args[0] !== "verify")) {
    return undefined;
  }
  return carryOut(load(), args, given);
};

/** The words of a line as `shellQuote` quotes them; undefined for a line with anything else that a shell would read. */
export function wordsOf(commandLine: string): readonly string[] | undefined {
  const pieces = /(?:[\w@%+=:,./-]|'[^']*'|\\')+/.source;
  if (!new RegExp(`^${pieces}( ${pieces})*$`).test(commandLine)) return undefined;
  const words = commandLine.match(new RegExp(pieces, "g")) ?? [];
  return words.map((word) =>
    word.replace(/'([^']*)'|\\(')/g, (_, quoted: string | undefined) => quoted ?? "'"),
  );
}

/** Does a step as `runScript` does it in a process. */
async function carryOut(
  step: Step,
  args: readonly string[],
  { stdin, signal, onLine }: GivenToCommand,
): Promise<CommandResult> {
  let stdout = "";
  const lines: string[] = [];
  const say = (line: string): void => {
    lines.push(line);
    onLine("stderr", line);
  };
  let status: number = EXIT.good;
  try {
    signal.throwIfAborted();
    await step(args, {
      readStdin: () => Promise.resolve(stdin),
      print: (text) => {
        stdout += text;
      },
      say,
      signal,
    });
  } catch (error) {
    status = error instanceof StepFailed ? error.exitCode : exitCodeOfError(error);
    if (!(error instanceof StepFailed)) say(`error: ${messageOfError(error)}`);
  }
  const result = { stdout, stderr: lines.map((line) => `${line}\n`).join(""), exitStatus: status };
  return status === EXIT.good ? result : { ...result, failure: `exit status ${status}` };
}

/** It has said what there is to say. */
class StepFailed extends Error {
  constructor(readonly exitCode: number) {
    super(`exit status ${exitCode}`);
  }
}

/** `etcd-restore verify --json …`: the report is what it prints, the verdict what it says. */
const verifyStep: Step = async (args, { readStdin, print, say, signal }) => {
  const program = new Command().option("--json").exitOverride();
  const command = program.command("verify").exitOverride();
  let exitCode: number = EXIT.environment;
  declare(command, async (options) => {
    exitCode = await verify(
      { ...options, quiet: true },
      {
        ...{ signal, readStdin, say },
        print: (report) => {
          print(`${JSON.stringify(report)}\n`);
          say(verdictLine(report, { color: false }));
        },
      },
    );
    // That of this process is not the step's.
    return EXIT.good;
  });
  await program.parseAsync([...args], { from: "user" });
  if (exitCode !== EXIT.good) throw new StepFailed(exitCode);
};
