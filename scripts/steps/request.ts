/** What the scripts that Pulumi runs have in common: a request as JSON on stdin, an answer as JSON on stdout. */
import { text } from "node:stream/consumers";
import * as z from "zod";
import { abortOnInterrupt } from "../interrupt";
import { exitCodeOfError, messageOfError } from "../errors";
import { EXIT, UserError } from "../outcome";
import { guardOutput, say } from "../terminal";

/** Reads the request; what is wrong in it is told field by field, without what was given: it may be a secret. */
export async function readRequest<T>(schema: z.ZodType<T>): Promise<T> {
  let json: unknown;
  try {
    json = JSON.parse(await text(process.stdin));
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
