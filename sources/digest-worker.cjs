// @ts-check
// Hashes what another thread receives, where it lies in shared memory. Plain CommonJS: a worker is started without the
// TypeScript loader of whoever runs the program.
"use strict";
const { createHash } = require("node:crypto");
const { parentPort, workerData } = require("node:worker_threads");

/** @type {{ readonly memory: SharedArrayBuffer }} */
const { memory } = workerData;
const hash = createHash("sha256");

parentPort?.on("message", (/** @type {import("./digest").Order} */ order) => {
  if (order === "digest") {
    parentPort?.postMessage(hash.copy().digest("hex"));
    return;
  }
  const { from, length } = order;
  hash.update(new Uint8Array(memory, from, length));
  parentPort?.postMessage("hashed");
});
