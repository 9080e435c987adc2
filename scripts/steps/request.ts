/** What the scripts that Pulumi runs have in common: a request as JSON on stdin, an answer as JSON on stdout. */
import { text } from "node:stream/consumers";
import * as z from "zod";
import { abortOnInterrupt } from "../interrupt";
import { exitCodeOfError, messageOfError } from "../errors";
import { EXIT, UserError } from "../outcome";
import { guardOutput, say } from "../terminal";

/** What a step reads and says: of its process, or of whoever does it without one. */
export interface StepIo {
  readonly readStdin: () => Promise<string>;
  readonly print: (text: string) => void;
  readonly say: (line: string) => void;
  /** Breaks off when the step is interrupted. */
  readonly signal: AbortSignal;
}

/** A script of ours that can be done in a process of its own, and without one. */
export type Step = (args: readonly string[], io: StepIo) => Promise<void>;

/** Runs a step when its file is the program that was started, and not when it is only loaded. */
export function runStep(file: NodeJS.Module, step: Step): void {
  if (require.main !== file) return;
  void runScript((args, signal) =>
    step(args, {
      readStdin: () => text(process.stdin),
      print: (out) => void process.stdout.write(out),
      say: (line) => void process.stderr.write(`${line}\n`),
      signal,
    }),
  );
}

/** Reads the request; what is wrong in it is told field by field, without what was given: it may be a secret. */
export async function readRequest<T>(
  schema: z.ZodType<T>,
  readStdin: StepIo["readStdin"] = () => text(process.stdin),
): Promise<T> {
  let json: unknown;
  try {
    json = JSON.parse(await readStdin());
  } catch {
    throw new UserError(EXIT.usage, "stdin must be one JSON object");
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join(".") || "it"}: ${issue.message}`,
  );
  throw new UserError(EXIT.usage, `the JSON on stdin does not fit: ${problems.join("; ")}`);
}

/**
 * Runs a script; turns what ends it into a message and an exit code.
 *
 * @param main gets the arguments, and a signal that breaks off when the script is interrupted
 */
export async function runScript(
  main: (args: readonly string[], signal: AbortSignal) => Promise<void>,
): Promise<void> {
  guardOutput();
  try {
    await main(process.argv.slice(2), abortOnInterrupt());
  } catch (error) {
    process.exitCode = exitCodeOfError(error);
    say(`error: ${messageOfError(error)}`);
  }
}
