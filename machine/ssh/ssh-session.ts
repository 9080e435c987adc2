/** Commands on a machine, one after the other over one connection of the `ssh` program. */
import { spawn, type ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { MachineError } from "../machine-error";
import { backgroundSsh } from "./ssh-background";
import { controlSocket, lastLines, MACHINE, writeSshFiles, type SshRoute } from "./ssh-files";

/** What came of a command. */
export interface RemoteResult {
  /** Its exit code; 255 also when the connection was lost. */
  readonly code: number;
  readonly stdout: string;
}

export interface RunOptions {
  readonly input?: string | Readable | number;
  readonly onStderr?: (text: string) => void;
}

export interface SshSession {
  /**
   * Runs a shell command there; `input` is its stdin: a text, a stream, or the descriptor of an open file, which is read
   * from where it stands. What it says on stderr goes to `onStderr` as it comes.
   */
  run(command: string, options?: RunOptions): Promise<RemoteResult>;
  /** Begins a shell command there that is spoken with: stdin and stdout are those of the process that is returned. */
  begin(command: string, onStderr: (text: string) => void): ChildProcess;
  /** Makes a Unix socket of this user alone that leads to one there, as long as the connection stands. */
  forward(here: string, there: string): Promise<void>;
  /** Whether the connection still stands. */
  stands(): boolean;
  /** Ends it; nothing of it is left. */
  close(): Promise<void>;
}

const OPEN_LIMIT_MS = 60_000;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;

/**
 * Connects, trying again for a minute: a machine may be on its way up.
 *
 * Keys lie in a folder of this user alone, and only until the connection stands.
 * @throws MachineError with what `ssh` said
 */
export async function openSession(route: SshRoute, signal: AbortSignal): Promise<SshSession> {
  const deadline = Date.now() + OPEN_LIMIT_MS;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    try {
      return await connect(route, deadline, signal);
    } catch (error) {
      if (!(error instanceof MachineError) || Date.now() + wait > deadline) throw error;
      // Another key will be another one next time too.
      if (/host key verification failed|no program ssh/i.test(error.message)) throw error;
    }
    await sleep(wait, undefined, { signal });
  }
}

async function connect(
  route: SshRoute,
  deadline: number,
  signal: AbortSignal,
): Promise<SshSession> {
  const files = writeSshFiles(route, true);
  const master = backgroundSsh(["-F", files.config, "-M", "-N", MACHINE]);
  const close = async (): Promise<void> => {
    await master.end();
    files.remove();
  };
  try {
    while (!fs.existsSync(controlSocket(files.directory))) {
      signal.throwIfAborted();
      const ended = master.ended();
      if (ended !== undefined || Date.now() > deadline) {
        const reason = ended ?? `no answer in ${OPEN_LIMIT_MS / 1000} s`;
        const behind = route.proxy === undefined ? "" : ` behind ${route.proxy.host}`;
        throw new MachineError(
          "environment",
          `no way over SSH to ${route.host}${behind}: ${reason}${lastLines(master.said())}`,
        );
      }
      await sleep(20);
    }
  } catch (error) {
    await close();
    throw error;
  }
  files.forgetKeys();
  return {
    stands: () => master.ended() === undefined,
    close,
    run: (command, options = {}) => runIn(files.config, command, options, signal),
    async forward(here, there) {
      const words = ["-F", files.config, "-O", "forward", "-L", `${here}:${there}`, MACHINE];
      const ssh = spawn("ssh", words, { stdio: ["ignore", "ignore", "pipe"] });
      let said = "";
      ssh.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
      if ((await endOf(ssh)) === 0) return;
      throw new MachineError(
        "environment",
        `no way to ${there} of ${route.host}${lastLines(said)}`,
      );
    },
    begin(command, onStderr) {
      const ssh = spawn("ssh", [...sshWords(files.config), command]);
      ssh.stderr.setEncoding("utf8").on("data", onStderr);
      return ssh;
    },
  };
}

/** A command over the connection that stands. */
function sshWords(config: string): readonly string[] {
  return ["-F", config, "-o", "ControlMaster=no", MACHINE];
}

async function runIn(
  config: string,
  command: string,
  { input = "", onStderr }: RunOptions,
  signal: AbortSignal,
): Promise<RemoteResult> {
  signal.throwIfAborted();
  const ssh = spawn("ssh", [...sshWords(config), command], {
    stdio: [typeof input === "number" ? input : "pipe", "pipe", "pipe"],
    signal,
  });
  let stdout = "";
  ssh.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  ssh.stderr?.setEncoding("utf8").on("data", (text: string) => onStderr?.(text));
  const ended = endOf(ssh);
  const sent = ssh.stdin === null ? undefined : feed(ssh.stdin, input);
  const code = await ended;
  if (input instanceof Readable) input.destroy();
  await sent;
  return { code, stdout };
}

/** A command that does not read to the end, or a lost connection, is told by the exit code. */
function feed(stdin: Writable, input: string | Readable | number): Promise<void> {
  if (input instanceof Readable) return pipeline(input, stdin).catch(() => undefined);
  return new Promise((resolve) => {
    stdin.once("error", () => {
      resolve();
    });
    stdin.end(String(input), resolve);
  });
}

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      resolve(code ?? 255);
    });
  });
}
