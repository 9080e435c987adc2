/** A program with a command line of its own, from its words to its exit code: whatever ends it becomes a message and a code. */
import { CommanderError, type Command } from "commander";
import { exitCodeOfError, messageOfError } from "./errors";
import { EXIT } from "./outcome";
import { guardOutput } from "./terminal";

/** Parses, does it, sets the exit code; never throws. @param program one whose ends are thrown (`exitOverride`) */
export async function runProgram(program: Command): Promise<void> {
  guardOutput();
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.good : EXIT.usage;
      return;
    }
    process.exitCode = exitCodeOfError(error);
    process.stderr.write(`error: ${messageOfError(error)}\n`);
  }
}
