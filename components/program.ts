/**
 * How the Pulumi program ends when it refuses to go on, or something happens that nobody foresaw: the one place through
 * which every error leaves it. To be imported before all else, so that an error while the others load is one of them.
 *
 * 1. Without its stack. The SDK (`cmd/run/error.js`) prints an error that has one by `util.inspect(…, {colors: true})`, a
 *    refusal too, whose stack it does not even show; and Node 20 does not come to an end there on lines that source maps
 *    made (`node_modules/@pulumi/resource.ts`) before it has filled 3.5 GB, a minute later. Who looks for a fault finds the
 *    stack among the debug messages: `pulumi up --debug`.
 * 2. Without an end of the program's function. When that throws, the SDK (`runtime/stack.js`) registers the stack's outputs
 *    all the same, as none, and those of the last good run are lost, though nothing was changed.
 * 3. With its kind, where our own engine asks for it: it goes into the file that PROGRAM_FAILURE_FILE names. Where nobody
 *    asks, nobody else writes the reports of this run (`run-evidence.ts`).
 */

import * as fs from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import type { RefusalKind } from "./run-evidence";

/** Run by Pulumi (or by our engine, as Pulumi does), and not by a test or another program. */
const isRunByPulumi = process.env.PULUMI_NODEJS_MONITOR !== undefined;

/** Where our own engine wants to be told why the program refused; each run may have another. */
const failureFile = (): string | undefined => process.env.PROGRAM_FAILURE_FILE;

/** Loaded only here: its printers are a tenth of a second of every run of our own engine, which writes them itself. */
const evidence =
  isRunByPulumi && failureFile() === undefined
    ? // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above
      (require("./run-evidence") as typeof import("./run-evidence")).openEvidence()
    : undefined;

if (isRunByPulumi) {
  // Before the SDK's own listeners; errors out of an `apply` come this way, too.
  process.prependListener("unhandledRejection", makeReady);
  process.prependListener("uncaughtException", makeReady);
  // The SDK has read them; what the program starts, such as etcd to ask for its version, has no need of secrets.
  pulumi.runtime.allConfig();
  delete process.env.PULUMI_CONFIG;
  delete process.env.PULUMI_CONFIG_SECRET_KEYS;
}

/** The program's function for Pulumi. */
export function program<T extends pulumi.Inputs>(run: () => Promise<T>): () => Promise<T> {
  if (!isRunByPulumi) return run;
  return () =>
    new Promise((resolve) => {
      // What it throws is an unhandled rejection, which the SDK reports as it does every error.
      void run().then((outputs) => {
        evidence?.wanted(outputs);
        resolve(outputs);
      });
    });
}

function makeReady(error: unknown): void {
  if (!(error instanceof Error)) return;
  tellReason(error);
  const { name, message, stack = "" } = error;
  if (stack === "") return;
  void pulumi.log.debug(stack);
  const isTold = pulumi.RunError.isInstance(error) || pulumi.ResourceError.isInstance(error);
  // The SDK takes the message where there is no stack, and the stack begins with the name.
  if (!isTold) Reflect.set(error, "message", `${name}: ${message}`);
  Reflect.defineProperty(error, "stack", { value: "" });
}

function tellReason(error: Error): void {
  const isRefusal = pulumi.RunError.isInstance(error);
  const isNotReady = "kind" in error && error.kind === "not ready";
  const kind: RefusalKind = isRefusal && !isNotReady ? "settings" : "not ready";
  evidence?.refused(error, kind);
  const file = failureFile();
  if (isRefusal && file !== undefined) {
    fs.writeFileSync(file, JSON.stringify({ kind }), { mode: 0o600 });
  }
}
