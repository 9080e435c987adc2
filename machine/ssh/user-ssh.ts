/** A machine that the user reaches by `ssh` already: with the settings, keys, agent and known hosts of that user. */
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { MachineError } from "../machine-error";
import { shellLine } from "../shell/quote";
import { lastLines } from "./ssh-files";
import { GET_SSH } from "./ssh-program";

/** Where `ssh` goes. */
export interface UserSsh {
  /** `HOST`, `USER@HOST`, or a name of the user's own settings. */
  readonly destination: string;
  /** A settings file instead of the user's. @default `~/.ssh/config` */
  readonly config?: string | undefined;
}

/** What is run there. */
export interface RemoteScript {
  /** A text for `sh`. */
  readonly script: string;
  readonly words: readonly string[];
  /** A file that whoever logs in must be able to read: by `sudo` where that is not so. */
  readonly reads: readonly string[];
}

/** How long it may take to end after its output was given up. */
const END_LIMIT_MS = 5_000;

/** Whether a word can be a destination of `ssh`, and no flag of it. */
export function isDestination(word: string): boolean {
  return /^[^-\s][^\s]*$/.test(word) && !/[\u0000-\u001f\u007f]/.test(word);
}

/**
 * Runs a script there and does some work with its stdout; as root by `sudo -n` where one of its files may not be read.
 * @throws MachineError with what `ssh`, `sudo` or the script said, whatever became of the work
 */
export async function runOverSsh<T>(
  { destination, config }: UserSsh,
  { script, words, reads }: RemoteScript,
  signal: AbortSignal,
  work: (stdout: Readable) => Promise<T>,
): Promise<T> {
  const own = config === undefined ? [] : ["-F", config];
  const options = ["ClearAllForwardings=yes", "ForwardAgent=no", "ServerAliveInterval=15"];
  const ssh = spawn(
    "ssh",
    [
      ...own,
      "-T",
      ...options.flatMap((option) => ["-o", option]),
      "--",
      destination,
      command(words, reads),
    ],
    { stdio: ["pipe", "pipe", "pipe"], signal },
  );
  const ended = new Promise<number | null>((resolve, reject) => {
    ssh.on("error", reject);
    ssh.on("close", resolve);
  });
  ended.catch(() => undefined); // awaited below
  ssh.stdin.on("error", () => undefined).end(script);
  const said = text(ssh.stderr);
  const [worked, code] = await Promise.allSettled([
    work(ssh.stdout).catch(async (error: unknown) => {
      // What it says of itself is told before that, if it comes to its end.
      ssh.stdout.resume();
      await Promise.race([ended.catch(() => undefined), sleep(END_LIMIT_MS)]);
      ssh.kill();
      throw error;
    }),
    ended,
  ]);
  signal.throwIfAborted();
  if (code.status === "rejected") {
    throw new MachineError("environment", `there is no program ssh on this computer; ${GET_SSH}`);
  }
  // Killed by us: it had more to say than was asked for.
  if (code.value !== 0 && code.value !== null) {
    throw failureOf(destination, code.value, await said);
  }
  if (worked.status === "rejected") throw worked.reason;
  return worked.value;
}

/** For the log-in shell, whatever that is. */
function command(words: readonly string[], reads: readonly string[]): string {
  const run = shellLine("sh", "-s", "--", ...words);
  const may = ['[ "$(id -u)" = 0 ]', ...reads.map((file) => shellLine("test", "-r", file))];
  return shellLine(
    "sh",
    "-c",
    `if ${may.join(" || ")}; then exec ${run}; else exec sudo -n ${run}; fi`,
  );
}

function failureOf(destination: string, code: number, said: string): MachineError {
  const last = lastLines(said);
  if (code === 255)
    return new MachineError("environment", `no way over SSH to ${destination}${last}`);
  if (/^sudo: /m.test(said)) {
    return new MachineError(
      "environment",
      `whoever logs in to ${destination} may not read there, and sudo does not let him${last}; log in as root, or as ` +
        "one who may use sudo without a password",
    );
  }
  return new MachineError(code === 2 ? "usage" : "environment", `on ${destination}${last}`);
}
