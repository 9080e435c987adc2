/** Processes that prove backups beside each other: as many as there are cores, and no more than memory allows. */
import { fork, type ChildProcess } from "node:child_process";
import * as path from "node:path";
import { PROJECT_DIR } from "../project";
import type { FromWorker, Outcome, Task, ToWorker } from "./messages";
import type { Room } from "./room";

/** What became of a task: what its process found out, or that the process ended in the middle of it. */
export type Ending =
  Outcome | { readonly kind: "died"; readonly how: string; readonly pid: number };

export interface PoolOptions {
  /** Processes at the same time. */
  readonly workers: number;
  readonly room: Room;
  /** Memory for a backup of so many bytes (0: nobody knows). */
  readonly memoryFor: (bytes: number, task: Task) => number;
  /** No more is begun; what is under way cleans up. */
  readonly signal: AbortSignal;
}

/**
 * Gives out tasks until there are no more; each is made when somebody has time for it.
 * @param onEnding is waited for before its process gets the next one
 */
export async function runPool<Item>(
  items: readonly Item[],
  taskOf: (item: Item) => Promise<Task>,
  onEnding: (item: Item, ending: Ending) => Promise<void>,
  options: PoolOptions,
): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    let worker: Worker | undefined;
    try {
      for (const item of waiting) {
        if (options.signal.aborted) return;
        const task = await taskOf(item);
        if (worker?.isFit() === false) {
          await worker.end();
          worker = undefined;
        }
        worker ??= startWorker(options);
        await onEnding(item, await worker.prove(task));
      }
    } finally {
      await worker?.end();
    }
  };
  const count = Math.min(options.workers, items.length);
  await Promise.all(Array.from({ length: count }, work));
}

interface Worker {
  /** Whether it can do another one. */
  isFit(): boolean;
  prove(task: Task): Promise<Ending>;
  end(): Promise<void>;
}

/** So much of what a process said last is told when it ends in the middle. */
const LAST_CHARACTERS = 300;

function startWorker({ room, memoryFor, signal }: PoolOptions): Worker {
  const child = forkWorker();
  const { pid = 0 } = child;
  let lastSaid = "";
  let isFull = false;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    lastSaid = (lastSaid + text).slice(-LAST_CHARACTERS);
  });
  const exited = endOf(child);
  const interrupt = (): void => {
    child.kill("SIGTERM");
  };
  signal.addEventListener("abort", interrupt, { once: true });
  void exited.then(() => {
    signal.removeEventListener("abort", interrupt);
  });
  const send = (message: ToWorker): void => {
    // One that has died is found out by its end.
    if (child.connected) child.send(message, () => undefined);
  };
  return {
    isFit: () => child.connected && !isFull,
    async prove(task) {
      let isOver = false;
      let leave: (() => void) | undefined;
      const ending = await new Promise<Ending>((resolve) => {
        const listen = (message: FromWorker): void => {
          if (message.kind !== "room") {
            child.off("message", listen);
            ({ isFull } = message);
            resolve(message.outcome);
            return;
          }
          void room.take(memoryFor(message.bytes, task)).then((left) => {
            leave = left;
            // It may have ended while it waited.
            if (isOver) left();
            else send({ kind: "go" });
          });
        };
        child.on("message", listen);
        void exited.then((how) => {
          const said = lastSaid.trim().split("\n").at(-1) ?? "";
          resolve({ kind: "died", how: said === "" ? how : `${how}; it said last: ${said}`, pid });
        });
        send({ kind: "prove", task });
      });
      isOver = true;
      leave?.();
      return ending;
    },
    async end() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** How a process ended, in words. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => {
      resolve(`cannot be started: ${error.message}`);
    });
    child.once("exit", (code, by) => {
      resolve(by === null ? `ended with exit status ${String(code)}` : `was ended by ${by}`);
    });
  });
}

/** Our own program, compiled or not, as this file is. */
function forkWorker(): ChildProcess {
  const extension = path.extname(__filename);
  const loader = path.join(PROJECT_DIR, "engine", "typescript.cjs");
  return fork(path.join(__dirname, `worker${extension}`), [], {
    execArgv: extension === ".ts" ? ["--require", loader] : [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}
