// @ts-check
// Reads a file into a ring of slots in shared memory and hashes it, while the other thread looks at the slots.
// Plain CommonJS: a worker is started without the TypeScript loader of whoever runs the program.
const { createHash } = require("node:crypto");
const { readSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");

/** @type {import("./slot-reader").WorkerTask} */
const { fd, databaseBytes, bytesBehind, ring, ringAddress, slotBytes, slots, control } = workerData;
const FILLED = 0;
const RELEASED = 1;

/**
 * @param {Uint8Array} target
 * @param {number} offset
 */
function readFully(target, offset) {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, target.length - done, offset + done);
    if (count === 0) throw new Error(`the file ends at byte ${offset + done} while it is read`);
    done += count;
  }
}

const hash = createHash("sha256");
const count = Math.ceil(databaseBytes / slotBytes);
for (let i = 0; i < count; i++) {
  for (;;) {
    const released = Atomics.load(control, RELEASED);
    if (i - released < slots) break;
    Atomics.wait(control, RELEASED, released);
  }
  const start = i * slotBytes;
  const length = Math.min(slotBytes, databaseBytes - start);
  const slot = new Uint8Array(ring, ringAddress + (i % slots) * slotBytes, length);
  readFully(slot, start);
  Atomics.store(control, FILLED, i + 1);
  Atomics.notify(control, FILLED);
  hash.update(slot);
}
const contentSha256 = hash.copy().digest("hex");
const behind = Buffer.alloc(bytesBehind);
readFully(behind, databaseBytes);
parentPort?.postMessage({
  contentSha256,
  fileSha256: hash.update(behind).digest("hex"),
  trailerSha256: behind.toString("hex", 0, 32),
});
