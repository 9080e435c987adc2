/**
 * `command:remote:Command` and `command:remote:CopyToRemote` over real SSH, as version 1.2.1 of the command provider
 * behaves (pulumi-command `provider/pkg/provider/remote`). Both refuse a connection whose host key is not pinned.
 */
import { randomBytes } from "node:crypto";
import * as path from "node:path";
import type { SFTPWrapper } from "ssh2";
import { z } from "zod";
import type {
  ResourceType,
  ResourceTypes,
  StepContext,
} from "../../../engine/embedded/resource-type";
import { connectionInputs, openSftp, runRemote, withConnection } from "./ssh";

const commandInputs = z.object({
  connection: connectionInputs,
  create: z.string().optional(),
  update: z.string().optional(),
  delete: z.string().optional(),
  /** Needs sshd's AcceptEnv, which ours has not: the real provider fails then. */
  environment: z.record(z.string(), z.string()).optional(),
  logging: z.enum(["none", "stdout", "stderr", "stdoutAndStderr"]).default("stdoutAndStderr"),
  stdin: z.string().default(""),
  addPreviousOutputInEnv: z.boolean().default(true),
});
type CommandInputs = z.infer<typeof commandInputs>;

/** Outputs of a command. */
type Output = Readonly<Record<"stdout" | "stderr", string>>;

const remoteCommand: ResourceType = {
  outputs: ["stdout", "stderr"],
  replaceOn: ["triggers"],
  repeatable: true,
  async create(name, inputs, context) {
    const parsed = commandInputs.parse(inputs);
    const made = await run(parsed.create, parsed, context);
    return { id: idOf(name), outputs: { ...inputs, ...made } };
  },
  async update(_id, _olds, inputs, context) {
    const parsed = commandInputs.parse(inputs);
    refusePreviousOutput(parsed);
    return { ...inputs, ...(await run(parsed.update ?? parsed.create, parsed, context)) };
  },
  async delete(_id, outputs, context) {
    const parsed = commandInputs.parse(outputs);
    if (parsed.delete === undefined) return;
    refusePreviousOutput(parsed);
    await run(parsed.delete, parsed, context);
  },
};

async function run(
  command: string | undefined,
  { connection, environment, logging, stdin }: CommandInputs,
  context: StepContext,
): Promise<Output> {
  if (command === undefined) return { stdout: "", stderr: "" };
  if (Object.keys(environment ?? {}).length > 0) throw refusedEnvironment();
  const says = (stream: string) =>
    (logging === stream || logging === "stdoutAndStderr") &&
    !context.secretOutputs.includes(stream);
  const { failure, stdout, stderr } = await withConnection(connection, context.signal, (client) =>
    runRemote(client, command, stdin, (stream, text) => {
      if (says(stream)) for (const line of text.trimEnd().split("\n")) context.say(line);
    }),
  );
  if (failure !== undefined) {
    throw new Error(`${failure}: running "${command}":\n${stdout}${stderr}`.trimEnd());
  }
  return { stdout: stdout.replace(/\n$/, ""), stderr: stderr.replace(/\n$/, "") };
}

/** The previous output goes into the environment, where it was not switched off. */
function refusePreviousOutput({ addPreviousOutputInEnv }: CommandInputs): void {
  if (addPreviousOutputInEnv) throw refusedEnvironment();
}

function refusedEnvironment(): Error {
  return new Error("could not set environment variable: ssh: setenv failed");
}

const copyInputs = z.object({
  connection: connectionInputs,
  source: z.looseObject({
    path: z.string().optional(),
    text: z.string().optional(),
    hash: z.string(),
  }),
  remotePath: z.string(),
});
type CopyInputs = z.infer<typeof copyInputs>;

const copyToRemote: ResourceType = {
  outputs: [],
  replaceOn: ["triggers"],
  repeatable: true,
  async create(name, inputs, context) {
    await copy(copyInputs.parse(inputs), context);
    return { id: idOf(name), outputs: inputs };
  },
  async update(_id, olds, inputs, context) {
    const old = copyInputs.parse(olds);
    const wanted = copyInputs.parse(inputs);
    if (old.source.hash !== wanted.source.hash || old.remotePath !== wanted.remotePath) {
      await copy(wanted, context);
    }
    return inputs;
  },
  // What was copied stays: the real provider deletes nothing.
};

async function copy(inputs: CopyInputs, context: StepContext): Promise<void> {
  const { connection, source, remotePath } = inputs;
  const from =
    source.path === undefined ? undefined : path.resolve(context.projectDir, source.path);
  await withConnection(connection, context.signal, async (client) => {
    const sftp = await openSftp(client);
    const isDirectory = await remoteIsDirectory(sftp, remotePath);
    const target =
      isDirectory && from !== undefined
        ? path.posix.join(remotePath, path.basename(from))
        : remotePath;
    const lost = new Promise<never>((_resolve, reject) => {
      const fail = () => {
        reject(new Error("the connection was lost"));
      };
      client.once("close", fail);
      sftp.once("end", fail); // `fastPut` itself would wait for ever
    });
    // As pkg/sftp does, which the real provider uses: 64 packets of 32 KiB on their way at once.
    const sent = new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => {
        if (error) reject(error);
        else resolve();
      };
      if (from === undefined) sftp.writeFile(target, source.text ?? "", done);
      else sftp.fastPut(from, target, { concurrency: 64, chunkSize: 32_768 }, done);
    });
    try {
      await Promise.race([sent, lost]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`cannot copy to ${connection.host}:${target}: ${reason}`, { cause: error });
    }
  });
}

function remoteIsDirectory(sftp: SFTPWrapper, remotePath: string): Promise<boolean> {
  return new Promise((resolve) => {
    sftp.stat(remotePath, (error, stats) => {
      resolve(error === undefined && stats.isDirectory());
    });
  });
}

function idOf(name: string): string {
  return `${name}${randomBytes(4).toString("hex")}`;
}

/** To be given to the embedded engine. */
export const commandRemote: ResourceTypes = {
  resources: {
    "command:remote:Command": remoteCommand,
    "command:remote:CopyToRemote": copyToRemote,
  },
};
