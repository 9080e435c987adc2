/** Brings the file through the ring, slot by slot, and hashes it on the way: in this thread or in a worker. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import { readFully, type SourceFile } from "./file";
import { SnapshotError } from "./snapshot-error";

/** SHA-256 in hex of the parts of a snapshot file. */
export interface Digests {
  readonly contentSha256: string;
  readonly fileSha256: string;
  /** What the 32 bytes behind the database say; of no meaning when there are not 32. */
  readonly trailerSha256: string;
}

/** The database's bytes on their way through the ring, slot by slot from the beginning. */
export interface Slots {
  /** Whether slot `i` is in the ring now; may wait for it for a moment. */
  isFilled(i: number): boolean;
  /** Gives slot `i` back, to be filled with later bytes. */
  release(i: number): void;
}

/** `Slots` that are hashed as they pass. */
export interface SlotReader extends Slots {
  /** After the last slot. */
  digests(): Promise<Digests>;
  /** Ends whatever still runs. */
  close(): Promise<void>;
}

/** What to read and where to put it. */
export interface SlotTask {
  readonly source: SourceFile;
  readonly databaseBytes: number;
  /** The 32 of the SHA-256, or pages that bbolt never used. */
  readonly bytesBehind: number;
  readonly ring: SharedArrayBuffer;
  readonly ringAddress: number;
  readonly slotBytes: number;
  readonly slots: number;
}

/** What `hash-worker.cjs` is told. `control` holds the number of slots filled, and of slots given back. */
export interface WorkerTask extends Omit<SlotTask, "source"> {
  readonly fd: number;
  readonly control: Int32Array<SharedArrayBuffer>;
}

/** Reads in this thread, one slot at a time, and hashes nothing. */
export function createPlainReader(task: Omit<SlotTask, "bytesBehind" | "slots">): Slots {
  return {
    isFilled(i) {
      fillOnlySlot(task, i);
      return true;
    },
    release() {
      // The only slot is filled again when the next one is asked for.
    },
  };
}

function fillOnlySlot(task: Omit<SlotTask, "bytesBehind" | "slots">, i: number): Uint8Array {
  const start = i * task.slotBytes;
  const length = Math.min(task.slotBytes, task.databaseBytes - start);
  const slot = new Uint8Array(task.ring, task.ringAddress, length);
  readFully(task.source, slot, start);
  return slot;
}

/** Reads and hashes in this thread, one slot at a time: the faster way for small files. */
export function createInlineReader(task: SlotTask): SlotReader {
  const { source, databaseBytes } = task;
  const hash = createHash("sha256");
  return {
    ...createPlainReader(task),
    isFilled(i) {
      hash.update(fillOnlySlot(task, i));
      return true;
    },
    digests() {
      const contentSha256 = hash.copy().digest("hex");
      const behind = Buffer.alloc(task.bytesBehind);
      readFully(source, behind, databaseBytes);
      return Promise.resolve({
        contentSha256,
        fileSha256: hash.update(behind).digest("hex"),
        trailerSha256: behind.toString("hex", 0, 32),
      });
    },
    close: () => Promise.resolve(),
  };
}

const FILLED = 0;
const RELEASED = 1;
const WAIT_MILLISECONDS = 20;

/** Reads and hashes in a worker, while this thread looks at the slots that are filled. */
export function createWorkerReader(task: SlotTask): SlotReader {
  const { source, ...rest } = task;
  const control = new Int32Array(new SharedArrayBuffer(8));
  const workerData: WorkerTask = { ...rest, fd: source.fd, control };
  // No execArgv: a TypeScript loader of the main thread would only slow the start.
  const worker = new Worker(join(__dirname, "hash-worker.cjs"), { workerData, execArgv: [] });
  let failure: Error | undefined;
  const digests = new Promise<Digests>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => {
      reject(new Error(`the reading thread ended with code ${code} before the end of the file`));
    });
  }).catch((error: unknown) => {
    failure = new SnapshotError(
      source.path,
      error instanceof Error ? error.message : String(error),
    );
    throw failure;
  });
  // Whoever asks for the digests sees the failure; who does not, sees it in isFilled.
  digests.catch(() => undefined);
  return {
    isFilled(i) {
      if (failure !== undefined) throw failure;
      const filled = Atomics.load(control, FILLED);
      if (filled > i) return true;
      Atomics.wait(control, FILLED, filled, WAIT_MILLISECONDS);
      return Atomics.load(control, FILLED) > i;
    },
    release(i) {
      Atomics.store(control, RELEASED, i + 1);
      Atomics.notify(control, RELEASED);
    },
    digests: () => digests,
    async close() {
      await worker.terminate();
    },
  };
}
