/** What a script of ours printed, read by its schema. */
import * as pulumi from "@pulumi/pulumi";
import type * as z from "zod";

/**
 * Reads one JSON that a script of ours printed.
 *
 * @param script names it in the message
 * @throws RunError with what does not fit, without what was printed: it may be a secret
 */
export function printedBy<T>(script: string, schema: z.ZodType<T>, stdout: string): T {
  let json: unknown;
  try {
    json = JSON.parse(stdout);
  } catch {
    throw new pulumi.RunError(`${script} did not print one JSON`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.join(".") || "it"}: ${message}`,
  );
  throw new pulumi.RunError(
    `${script} printed something else than is expected (of another version of this program?): ${problems.join("; ")}`,
  );
}
