/** `command:local:Command`, as version 1.2.1 of the command provider behaves (pulumi-command `provider/pkg/provider/local`). */

import * as crypto from "node:crypto";
import * as path from "node:path";
import { z } from "zod";
import type { CommandResult, GivenToCommand } from "../engine";
import { CommandFailed, type ResourceType, type StepContext } from "./resource-type";
import { runCommand } from "./run-command";

const commandInputs = z.object({
  create: z.string().optional(),
  update: z.string().optional(),
  delete: z.string().optional(),
  dir: z.string().optional(),
  environment: z.record(z.string(), z.string()).optional(),
  interpreter: z.tuple([z.string()], z.string()).optional(),
  logging: z.enum(["none", "stdout", "stderr", "stdoutAndStderr"]).optional(),
  stdin: z.string().optional(),
  addPreviousOutputInEnv: z.boolean().optional(),
});
type CommandInputs = z.infer<typeof commandInputs>;

const output = z.object({ stdout: z.string().default(""), stderr: z.string().default("") });
type Output = z.infer<typeof output>;

/** More of a failed command's words than this is a log, not a message. */
const MOST_LINES_IN_MESSAGE = 20;

export const localCommand: ResourceType = {
  outputs: ["stdout", "stderr"],
  replaceOn: ["triggers"],
  repeatable: true,
  check(inputs, name) {
    const unsupported = ["assetPaths", "archivePaths"].filter((key) => key in inputs);
    if (unsupported.length > 0) {
      throw new Error(
        `${name}: the embedded engine does not do ${unsupported.join(" and ")} of command:local:Command; ` +
          "use the Pulumi CLI",
      );
    }
    return inputs;
  },
  async create(name, inputs, context) {
    const parsed = commandInputs.parse(inputs);
    const made = await runShell(parsed.create, parsed, undefined, context);
    return {
      id: `${name}${crypto.randomBytes(4).toString("hex")}`,
      outputs: { ...inputs, ...made },
    };
  },
  async update(_id, olds, inputs, context) {
    const parsed = commandInputs.parse(inputs);
    const previous = output.parse(olds);
    const command = parsed.update ?? parsed.create;
    const made =
      command === undefined ? previous : await runShell(command, parsed, previous, context);
    return { ...inputs, ...made };
  },
  async delete(_id, outputs, context) {
    const parsed = commandInputs.parse(outputs);
    await runShell(parsed.delete, parsed, output.parse(outputs), context);
  },
};

async function runShell(
  command: string | undefined,
  inputs: CommandInputs,
  previous: Output | undefined,
  context: StepContext,
): Promise<Output> {
  if (command === undefined) return { stdout: "", stderr: "" };
  const [program, ...args] = inputs.interpreter ?? ["/bin/sh", "-c"];
  const shown = shownStreams(inputs, context);
  const given = {
    stdin: inputs.stdin ?? "",
    signal: context.signal,
    onLine: (stream: "stdout" | "stderr", line: string) => {
      if (shown.live.has(stream)) context.say(line);
    },
  };
  const result = await (runHere(command, inputs, given, context) ??
    runCommand({
      ...given,
      argv: [program, ...args, command],
      cwd: path.resolve(context.projectDir, inputs.dir ?? "."),
      env: { ...process.env, ...inputs.environment, ...previousOutput(inputs, previous) },
      onStart: (pid) => {
        context.processStarted(pid);
      },
      onEnd: (pid) => {
        context.processEnded(pid);
      },
    }));
  if (context.signal.aborted) throw new Error("interrupted");
  if (result.failure !== undefined) {
    const said = [result.stderr, result.stdout].filter((_text, index) => shown.inError[index]);
    const message = failureMessage(result.failure, said);
    throw result.exitStatus === undefined
      ? new Error(message)
      : new CommandFailed(message, result.exitStatus);
  }
  return {
    stdout: result.stdout.replace(/\n$/, ""),
    stderr: result.stderr.replace(/\n$/, ""),
  };
}

/** Only a command that wants nothing of its surroundings can be done without them. */
function runHere(
  command: string,
  { interpreter, dir, environment }: CommandInputs,
  given: GivenToCommand,
  context: StepContext,
): Promise<CommandResult> | undefined {
  const isPlain = interpreter === undefined && dir === undefined && environment === undefined;
  return isPlain ? context.runHere?.(command, given) : undefined;
}

function previousOutput(inputs: CommandInputs, previous: Output | undefined): NodeJS.ProcessEnv {
  if (previous === undefined || inputs.addPreviousOutputInEnv === false) return {};
  return {
    ...(previous.stdout !== "" && { PULUMI_COMMAND_STDOUT: previous.stdout }),
    ...(previous.stderr !== "" && { PULUMI_COMMAND_STDERR: previous.stderr }),
  };
}

interface Shown {
  readonly live: ReadonlySet<string>;
  /** Whether an error may quote stderr, and stdout. */
  readonly inError: readonly [boolean, boolean];
}

/** Pulumi prints a secret output while it is made; this engine does not. What a command says on failing is quoted even if not logged. */
function shownStreams({ logging = "stdoutAndStderr" }: CommandInputs, context: StepContext): Shown {
  const isSecret = (stream: string): boolean => context.secretOutputs.includes(stream);
  const logged: Readonly<Record<typeof logging, readonly string[]>> = {
    stdout: ["stdout"],
    stderr: ["stderr"],
    stdoutAndStderr: ["stdout", "stderr"],
    none: [],
  };
  return {
    live: new Set(logged[logging].filter((stream) => !isSecret(stream))),
    inError: [!isSecret("stderr"), !isSecret("stdout") && logged[logging].includes("stdout")],
  };
}

/** What the command said last, and how it ended: the first of the texts that says anything. */
function failureMessage(failure: string, texts: readonly string[]): string {
  const said = texts.map((text) => text.trim()).find((text) => text !== "");
  if (said === undefined) return `the command ended with ${failure} and did not say why`;
  const lines = said.split("\n");
  const last = lines.slice(-MOST_LINES_IN_MESSAGE).join("\n");
  const cut =
    lines.length > MOST_LINES_IN_MESSAGE
      ? `(the last ${MOST_LINES_IN_MESSAGE} of ${lines.length} lines)\n`
      : "";
  return `${cut}${last}${lines.length > 1 ? "\n" : " "}(${failure})`;
}
