/** One command line from its words to its exit code: whatever ends it becomes a message and a code. */
import { CommanderError } from "commander";
import { commandLine } from "./command-line";
import { interruptedCode } from "./interrupt";
import type { GlobalOptions } from "./options";
import { EXIT } from "./outcome";
import { programTyped } from "./project";
import { beginOutput, hasPrinted, print, printJson, say } from "./terminal";
import { exitCodeOfError, messageOfError } from "./errors";

/**
 * Runs what was typed after `etcd-restore`; returns the exit code and never throws.
 * @param args without the program's own name
 */
export async function run(args: readonly string[]): Promise<number> {
  beginOutput(args);
  process.exitCode = EXIT.good;
  const program = commandLine(args);
  // What commander says, help and wrong use, goes the way of everything that is said.
  let usage = "";
  const output = {
    // Its examples are written as for a project.
    writeOut: (text: string) => {
      print(text.replaceAll("npx etcd-restore", programTyped()));
    },
    writeErr: (text: string) => {
      usage += text;
    },
  };
  for (const command of [program, ...program.commands]) command.configureOutput(output);
  try {
    await program.parseAsync(args, { from: "user" });
    return interruptedCode() ?? process.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return ended(error, program.opts<GlobalOptions>());
    if (usage !== "") say(usage.trimEnd());
    if (error.exitCode === 0) return EXIT.good;
    printError(error.message.replace(/^error: /, ""), EXIT.usage, args.includes("--json"));
    return EXIT.usage;
  }
}

/** Says what ended a command; returns its exit code. */
function ended(error: unknown, { json = false, debug = false }: GlobalOptions): number {
  const code = interruptedCode() ?? exitCodeOfError(error);
  const message = messageOfError(error);
  const stack = debug && error instanceof Error ? (error.stack ?? message) : message;
  say(`error: ${stack}`);
  printError(message, code, json);
  return code;
}

/** With --json there is one JSON at every end. */
function printError(error: string, exitCode: number, json: boolean): void {
  if (json && !hasPrinted()) printJson({ error, exitCode });
}
