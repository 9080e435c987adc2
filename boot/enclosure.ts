/**
 * A place for a clone: a private folder, programs that end with this process, and no network but a loopback of its own
 * where the system allows that.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { which } from "../machine/programs/probe";
import { MachineError } from "../machine/machine-error";
import { leaveBase, listOf, makeFolder } from "./leftovers";

/** What may be done in the place; to be closed. */
export interface Enclosure {
  /** Folder of the clone, mode 0700. */
  readonly folder: string;
  /** How it is cut off, in words for people. */
  readonly isolation: Isolation;
  /** Starts a program that stays; its output goes to `NAME.log` in the folder. */
  start(name: string, argv: readonly string[]): Promise<void>;
  /** Runs a program to its end, which must be a good one; rejects with the last lines that it said. */
  run(name: string, argv: readonly string[]): Promise<void>;
  /** Ends a program: SIGTERM, after 30 s SIGKILL. Nothing to do when it does not run. */
  stop(name: string): Promise<void>;
  /** How a program ended; undefined while it runs, or when it never did. */
  ended(name: string): string | undefined;
  /** A free port of the place's loopback. */
  freePort(): Promise<number>;
  /** Path of a Unix socket that leads to a port of the place's loopback. */
  relay(port: number): Promise<string>;
  /** The last lines of a program's output. */
  lastLines(name: string, lines: number): Promise<readonly string[]>;
  /** Ends every program and removes the folder. */
  close(): Promise<void>;
}

export interface Isolation {
  readonly network: "namespace" | "loopback";
  /** Why it is not cut off better; absent when it is. */
  readonly reason?: string;
}

const KEEPER = path.join(__dirname, "keeper.cjs");
/** `ip` brings the loopback up; without it nothing could listen. */
const ENTER = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
const PROBE_LIMIT_MS = 10_000;
/** What a program of the clone is told of the environment, and no more. */
const ENVIRONMENT = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/nonexistent", LC_ALL: "C" };

/** The command that runs another one cut off from every network, or why there is none. */
async function findNamespace(): Promise<{ readonly argv: readonly string[] } | { reason: string }> {
  const unshare = await which("unshare", process.env.PATH);
  if (unshare === undefined) return { reason: "there is no program `unshare` on PATH" };
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  // With the first process of a process namespace the kernel ends all others.
  const argv = [unshare, ...user, "--net", "--pid", "--fork", "--kill-child", ...ENTER];
  return new Promise((resolve) => {
    execFile(unshare, [...argv.slice(1), "true"], { timeout: PROBE_LIMIT_MS }, (error, _, said) => {
      const why = said.trim().split("\n")[0] ?? "";
      resolve(error === null ? { argv } : { reason: why === "" ? error.message : why });
    });
  });
}

/**
 * Makes the place.
 * @param base folder for the clones of this user; what a killed run left there is removed first
 * @throws MachineError when it cannot be made
 */
export async function openEnclosure(base: string, signal: AbortSignal): Promise<Enclosure> {
  signal.throwIfAborted();
  const found = await findNamespace();
  const isolation: Isolation =
    "argv" in found ? { network: "namespace" } : { network: "loopback", reason: found.reason };
  const folder = await makeFolder(base, `${await identity()}\n`);
  const list = "argv" in found ? [] : [listOf(folder)];
  const [program = "", ...args] = [
    ...("argv" in found ? found.argv : []),
    ...[process.execPath, KEEPER, folder, ...list],
  ];
  // A session of its own: a Ctrl-C at the terminal is for us, who end it in order.
  const keeper = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  const orders = orderly(keeper);
  const remove = async () => {
    await orders.finish();
    await fs.rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    await leaveBase(base);
  };
  try {
    await orders.ready;
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder, isolation, ...programsOf(orders, folder, signal), close: remove };
}

function programsOf(
  orders: Orders,
  folder: string,
  signal: AbortSignal,
): Omit<Enclosure, "folder" | "isolation" | "close"> {
  const log = (name: string) => path.join(folder, `${name}.log`);
  const lastLines = async (name: string, lines: number) => {
    const text = await fs.readFile(log(name), "utf8").catch(() => "");
    return text.trimEnd().split("\n").slice(-lines);
  };
  const start = async (name: string, argv: readonly string[]) => {
    signal.throwIfAborted();
    await orders.give({ do: "start", name, argv, env: ENVIRONMENT, log: log(name) });
  };
  let relays = 0;
  return {
    start,
    lastLines,
    async run(name, argv) {
      const end = orders.endOf(name);
      await start(name, argv);
      const how = await withSignal(end, signal);
      if (how === "exit code 0") return;
      const said = (await lastLines(name, 5)).join("; ");
      throw new MachineError(
        "environment",
        `${name} ended with ${how}: ${said || "it said nothing"}`,
      );
    },
    async stop(name) {
      await orders.give({ do: "stop", name });
    },
    ended: (name) => orders.ended(name),
    async freePort() {
      const { port } = await orders.give({ do: "port" });
      if (typeof port !== "number") throw new MachineError("environment", "no free port was found");
      return port;
    },
    async relay(port) {
      relays += 1;
      const socket = path.join(folder, `${relays}.sock`);
      await orders.give({ do: "relay", socket, port });
      return socket;
    },
  };
}

/** Who made a folder: this boot of the system, and this process. */
async function identity(): Promise<string> {
  const boot = (await fs.readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const stat = await fs.readFile(`/proc/${process.pid}/stat`, "utf8");
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  return `${boot} ${process.pid} ${started}`;
}

async function withSignal<T>(wait: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason instanceof Error ? signal.reason : new Error("interrupted"));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    wait.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", onAbort);
    });
  });
}

/** What the keeper is told, and what it answers. */
interface Orders {
  readonly ready: Promise<void>;
  give(order: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>;
  /** How the program of that name ends that is started next. */
  endOf(name: string): Promise<string>;
  ended(name: string): string | undefined;
  /** Lets the keeper end all and remove its folder; resolves when it has gone. */
  finish(): Promise<void>;
}

interface Waiting {
  readonly resolve: (answer: Readonly<Record<string, unknown>>) => void;
  readonly reject: (error: Error) => void;
}

function orderly(keeper: ChildProcess): Orders {
  const { stdin, stdout, stderr } = keeper;
  if (stdin === null || stdout === null || stderr === null) throw new Error("no pipes");
  const waiting = new Map<number, Waiting>();
  const ends = new Map<string, string>();
  const endings = new Map<string, (how: string) => void>();
  let said = "";
  let last = 0;
  stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)));
  // Writing to a keeper that has gone fails there too; its end says why.
  stdin.on("error", () => undefined);
  const READY = 0;
  const ready = new Promise<void>((resolve, reject) => {
    waiting.set(READY, {
      resolve: () => {
        resolve();
      },
      reject,
    });
  });
  const gone = new Promise<void>((resolve) => {
    const settle = (why: string) => {
      const reason = said.trim().split("\n").at(-1) ?? "";
      for (const { reject } of waiting.values()) {
        reject(new MachineError("environment", `the clone's keeper has ended: ${reason || why}`));
      }
      waiting.clear();
      for (const end of endings.values()) end("the clone's keeper");
      resolve();
    };
    keeper.once("error", (error) => {
      settle(error.message);
    });
    keeper.once("close", (code, signal) => {
      settle(`exit code ${String(code ?? signal)}`);
    });
  });
  createInterface({ input: stdout }).on("line", (line) => {
    const message = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (typeof message.ended === "string") {
      const { ended: name, code, signal } = message;
      const how = typeof code === "number" ? `exit code ${code}` : `signal ${String(signal)}`;
      ends.set(name, how);
      endings.get(name)?.(how);
      endings.delete(name);
      return;
    }
    const id = typeof message.id === "number" ? message.id : READY;
    const { error } = message;
    const order = waiting.get(id);
    waiting.delete(id);
    if (typeof error === "string") order?.reject(new MachineError("environment", error));
    else order?.resolve(message);
  });
  return {
    ready,
    give(order) {
      last += 1;
      const id = last;
      if (order.do === "start") ends.delete(String(order.name));
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        if (keeper.exitCode !== null || keeper.signalCode !== null) {
          reject(new MachineError("environment", "the clone's keeper has ended"));
        } else stdin.write(`${JSON.stringify({ id, ...order })}\n`);
      });
    },
    endOf: (name) =>
      new Promise((resolve) => {
        endings.set(name, resolve);
      }),
    ended: (name) => ends.get(name),
    async finish() {
      stdin.end();
      await gone;
    },
  };
}
