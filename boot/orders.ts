/**
 * What the keeper of a clone is told, and what it answers: a JSON on each line, here over pipes and for a clone on another
 * machine over SSH. And what is made of that: programs that are started, ended and asked for.
 */
import type { ChildProcess } from "node:child_process";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { MachineError } from "../machine/machine-error";
import type { Enclosure } from "./enclosure";

/** What a program of the clone is told of the environment, and no more. */
const ENVIRONMENT = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/nonexistent", LC_ALL: "C" };

/** Where the folder of a clone lies, and how it is looked into. */
export interface Place {
  readonly folder: string;
  /** Path on this computer of a socket that leads to one there. */
  readonly near: (socket: string) => Promise<string>;
  /** The last lines of a file there; none where there is no such file. */
  readonly tail: (file: string, lines: number) => Promise<readonly string[]>;
}

/** The programs of a clone: what its keeper does. */
export type Programs = Pick<
  Enclosure,
  "start" | "run" | "stop" | "ended" | "freePort" | "relay" | "lastLines"
>;

/** Programs by the orders that a keeper takes. */
export function programsOf(
  orders: Orders,
  { folder, near, tail }: Place,
  signal: AbortSignal,
): Programs {
  const log = (name: string) => path.posix.join(folder, `${name}.log`);
  const lastLines = (name: string, lines: number) => tail(log(name), lines);
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
      const socket = path.posix.join(folder, `${relays}.sock`);
      await orders.give({ do: "relay", socket, port });
      return near(socket);
    },
  };
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
export interface Orders {
  /** What it says first. */
  readonly ready: Promise<Answer>;
  give(order: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** How the program of that name ends that is started next. */
  endOf(name: string): Promise<string>;
  ended(name: string): string | undefined;
  /** Lets the keeper end all and remove its folder; resolves when it has gone. */
  finish(): Promise<void>;
}

type Answer = Readonly<Record<string, unknown>>;

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** The number of the order that nobody gave: to be ready. */
const READY = 0;

/** Of a message that a program has ended: which, and how. */
function endIn({ ended: name, code, signal }: Answer) {
  if (typeof name !== "string") return undefined;
  const how = typeof code === "number" ? `exit code ${code}` : `signal ${String(signal)}`;
  return { name, how };
}

/** Hands an answer to whoever waits for it. */
function settleOrder(waiting: Map<number, Waiting>, message: Answer): void {
  const id = typeof message.id === "number" ? message.id : READY;
  const { error } = message;
  const order = waiting.get(id);
  waiting.delete(id);
  if (typeof error === "string") order?.reject(new MachineError("environment", error));
  else order?.resolve(message);
}

/** Resolves when a keeper has gone, with why. */
function endOfKeeper(keeper: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    keeper.once("error", (error) => {
      resolve(error.message);
    });
    keeper.once("close", (code, signal) => {
      resolve(`exit code ${String(code ?? signal)}`);
    });
  });
}

/** Speaks with a keeper that was started. */
export function orderly(keeper: ChildProcess): Orders {
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
  const ready = new Promise<Answer>((resolve, reject) => {
    waiting.set(READY, { resolve, reject });
  });
  const gone = endOfKeeper(keeper).then((why) => {
    const reason = said.trim().split("\n").at(-1) ?? "";
    for (const { reject } of waiting.values()) {
      reject(new MachineError("environment", `the clone's keeper has ended: ${reason || why}`));
    }
    waiting.clear();
    for (const end of endings.values()) end("the clone's keeper");
  });
  createInterface({ input: stdout }).on("line", (line) => {
    const message = JSON.parse(line) as Answer;
    const end = endIn(message);
    if (end === undefined) {
      settleOrder(waiting, message);
      return;
    }
    ends.set(end.name, end.how);
    endings.get(end.name)?.(end.how);
    endings.delete(end.name);
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
