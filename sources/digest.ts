/** The SHA-256 of what comes in, computed in this thread, or in another one while this one receives more. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

/** What `digest-worker.cjs` is told: a stretch of the memory, or to say the digest of all until now. */
export type Order = { readonly from: number; readonly length: number } | "digest";

export interface Digest {
  /**
   * Takes a stretch of the memory, which must stay as it is until the promise is kept. Undefined: it was hashed at once.
   */
  update(part: Uint8Array): Promise<void> | undefined;
  /** Of all until now, in hex. */
  soFar(): Promise<string>;
  close(): Promise<void>;
}

export function digestHere(): Digest {
  const hash = createHash("sha256");
  return {
    update(part) {
      hash.update(part);
      return undefined;
    },
    soFar: () => Promise.resolve(hash.copy().digest("hex")),
    close: () => Promise.resolve(),
  };
}

/** As much as the thread needs; Node would let it grow. */
const RESOURCES = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, codeRangeSizeMb: 8 };

export function digestBeside(memory: SharedArrayBuffer): Digest {
  const worker = new Worker(join(__dirname, "digest-worker.cjs"), {
    workerData: { memory },
    resourceLimits: RESOURCES,
    // A TypeScript loader of the main thread would only slow its start.
    execArgv: [],
  });
  /** Answers come in the order of the orders. */
  const waiting: { readonly keep: (said: string) => void; readonly fail: (e: Error) => void }[] =
    [];
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { fail } of waiting.splice(0)) fail(failure);
  };
  worker.on("message", (said: string) => waiting.shift()?.keep(said));
  worker.on("error", fail).on("exit", () => {
    fail(new Error("the hashing thread ended before the download"));
  });
  const ask = (order: Order): Promise<string> =>
    new Promise((keep, reject) => {
      if (failure !== undefined) {
        reject(failure);
        return;
      }
      waiting.push({ keep, fail: reject });
      worker.postMessage(order);
    });
  return {
    async update({ byteOffset: from, length }) {
      await ask({ from, length });
    },
    soFar: () => ask("digest"),
    async close() {
      await worker.terminate();
    },
  };
}
