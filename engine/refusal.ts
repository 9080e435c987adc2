/**
 * Why the program refused to go on. Pulumi's protocol carries the message alone; the program (`components/program.ts`) writes
 * the kind into a file that this engine names in its environment, before it tells the message.
 */

import * as fs from "node:fs";
import { z } from "zod";
import type { FailureKind } from "./engine";

/** Name of the variable that holds the file's path. */
export const REFUSAL_FILE = "PROGRAM_FAILURE_FILE";

const refusal = z.object({ kind: z.enum(["settings", "not ready"]) });

/** What was written there; empty when nothing was, as by a program that is not ours. */
export function readRefusal(file: string): { readonly kind?: FailureKind } {
  try {
    return refusal.parse(JSON.parse(fs.readFileSync(file, "utf8")));
  } catch {
    return {};
  }
}
