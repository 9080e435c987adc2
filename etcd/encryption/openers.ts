/** Who opens batches: this thread, or as many others as there are processors. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { batchOpener, type Batch } from "./batch";
import type { EncryptionConfiguration } from "./configuration";

/** Room for a batch that is used again and again: new memory costs more than the copying. */
export interface Slot {
  readonly bytes: Uint8Array;
  /** Opens what was put there; the slot is free then. */
  open(batch: Batch): Promise<Int32Array>;
}

export interface Openers {
  /** Waits for a slot that is free. */
  slot(): Promise<Slot>;
  close(): Promise<void>;
}

/** Enough that handing a batch over costs little. */
export const SLOT_BYTES = 512 * 1024;
/** A worker's threads load our TypeScript as every program of ours does. */
const LOADER = join(__dirname, "..", "..", "engine", "typescript.cjs");
/** More do not help: one thread has to read all the values. */
const MOST_THREADS = 8;

/** Opens in this thread. */
export async function openersHere(configuration: EncryptionConfiguration): Promise<Openers> {
  const open = await batchOpener(configuration);
  const slot: Slot = {
    bytes: new Uint8Array(SLOT_BYTES),
    open: (batch) => Promise.resolve(open(batch)),
  };
  return {
    async slot() {
      // So that a signal is heard between two batches.
      await new Promise(setImmediate);
      return slot;
    },
    close: () => Promise.resolve(),
  };
}

/** Opens in other threads. */
export function openersInThreads(configuration: EncryptionConfiguration): Openers {
  const count = Math.min(MOST_THREADS, Math.max(1, availableParallelism()));
  const threads = Array.from({ length: count }, () => startThread(configuration));
  const free: Slot[] = [];
  const waiting: ((slot: Slot) => void)[] = [];
  const release = (slot: Slot) => {
    const next = waiting.shift();
    if (next === undefined) free.push(slot);
    else next(slot);
  };
  // Of each thread one that is worked on and one that is filled meanwhile.
  for (const thread of [...threads, ...threads]) {
    const slot: Slot = {
      bytes: new Uint8Array(new SharedArrayBuffer(SLOT_BYTES)),
      open: (batch) =>
        thread.open(batch).finally(() => {
          release(slot);
        }),
    };
    release(slot);
  }
  return {
    slot: () => {
      const slot = free.shift();
      return slot === undefined
        ? new Promise((resolve) => waiting.push(resolve))
        : Promise.resolve(slot);
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

function startThread(configuration: EncryptionConfiguration) {
  const worker = new Worker(join(__dirname, "batch-worker.cjs"), {
    execArgv: ["--require", LOADER],
  });
  const waiting: { resolve: (results: Int32Array) => void; reject: (error: Error) => void }[] = [];
  let failed: Error | undefined;
  worker.on("message", (results: Int32Array) => waiting.shift()?.resolve(results));
  worker.on("error", (error: Error) => {
    failed = error;
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  worker.postMessage(configuration);
  return {
    open: (batch: Batch) =>
      new Promise<Int32Array>((resolve, reject) => {
        if (failed !== undefined) {
          reject(failed);
          return;
        }
        waiting.push({ resolve, reject });
        worker.postMessage(batch);
      }),
    async close() {
      await worker.terminate();
    },
  };
}
