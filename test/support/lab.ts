/** A lab of its own for an acceptance test: the `etcd-restore` command as a user runs it, in a folder and on ports of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { reach } from "../../machine/ssh/reach";
import type { EngineName } from "../../engine/choose";
import type { Report } from "../../etcd/report/report";
import { freePorts } from "./ports";
import { listen } from "./sayings";
import { timeLimit } from "./time-limit.cjs";

export const PROJECT = path.join(__dirname, "..", "..");

/** How a command ended. */
export interface Ended {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly process: ChildProcess;
  /** Resolves when a line with this text was printed on stderr; rejects when the command ends first. */
  readonly said: (text: string) => Promise<void>;
  readonly ended: Promise<Ended>;
}

export interface Lab {
  readonly directory: string;
  readonly clientPort: number;
  /** The words after `etcd-restore` of a command for this lab. */
  readonly words: (command: "start" | "stop", ...args: readonly string[]) => readonly string[];
  /** Begins `etcd-restore start FILE` or `stop` for this lab. */
  readonly begin: (command: "start" | "stop", ...args: readonly string[]) => Running;
  /** The same, to its end. */
  readonly run: (command: "start" | "stop", ...args: readonly string[]) => Promise<Ended>;
  readonly report: () => Report;
  /** Pid of the lab's etcd as recorded; it may not run any more. */
  readonly etcdPid: () => number;
  /** Ends and removes everything of the lab, whatever state it is in. */
  readonly dispose: () => Promise<void>;
}

/**
 * Runs our command line to its end or in the background.
 * @param as a user id to run it as
 * @param env what its environment has besides ours
 */
export function beginCommand(
  args: readonly string[],
  as?: number,
  env: NodeJS.ProcessEnv = {},
): Running {
  const child = spawn(
    process.execPath,
    [path.join(PROJECT, "scripts", "etcd-restore.cjs"), ...args],
    {
      cwd: PROJECT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", ...env },
      ...(as === undefined ? {} : { uid: as, gid: as }),
    },
  );
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code, stdout, stderr: sayings.all() });
    });
  });
  const sayings = listen(ended);
  child.stderr.setEncoding("utf8").on("data", sayings.add);
  return { process: child, said: sayings.said, ended };
}

/** Makes a lab; nothing is started. */
export async function openLab(): Promise<Lab> {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-lab-"));
  const directory = path.join(root, "lab");
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const settings = { labDirectory: directory, clientPort, peerPort };
  const flags = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const engine = (process.env.ENGINE ?? "embedded") as EngineName;
  const words: Lab["words"] = (command, ...args) => [
    command,
    ...flags,
    "--engine",
    engine,
    ...args,
  ];
  const begin: Lab["begin"] = (...command) => beginCommand(words(...command));
  return {
    directory,
    clientPort,
    words,
    begin,
    run: (command, ...args) => begin(command, ...args).ended,
    report: () =>
      JSON.parse(fs.readFileSync(path.join(directory, "report.json"), "utf8")) as Report,
    etcdPid: () => recordedPid(directory),
    dispose: async () => {
      for (const { pid } of processesOf(root)) killIfThere(pid);
      await waitUntil(() => processesOf(root).length === 0, "the lab's processes have ended");
      fs.rmSync(root, { recursive: true, force: true });
    },
  };
}

function recordedPid(directory: string): number {
  return Number(fs.readFileSync(path.join(directory, "etcd", "etcd.pid"), "utf8").split(" ")[1]);
}

/** Processes that have this folder on their command line or in their environment. */
export function processesOf(
  folder: string,
): readonly { readonly pid: number; readonly command: string }[] {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const command = fs.readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        if (command === "") return []; // the kernel's own
        const environment = fs.readFileSync(`/proc/${name}/environ`, "utf8");
        return command.includes(folder) || environment.includes(folder)
          ? [{ pid: Number(name), command }]
          : [];
      } catch {
        return []; // it has just ended
      }
    });
}

export function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it is gone already
  }
}

/** Waits until something holds; at most a minute (more with a slower engine). */
export async function waitUntil(
  holds: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const limit = timeLimit(60_000);
  const deadline = Date.now() + limit;
  while (!(await holds())) {
    if (Date.now() > deadline)
      throw new Error(`${limit / 1000} s have passed and still it is not so that ${what}`);
    await sleep(50);
  }
}

/** Whether something accepts connections at a port of this computer. */
export async function isListening(port: number): Promise<boolean> {
  return (await reach("127.0.0.1", port, 5000)) !== undefined;
}
