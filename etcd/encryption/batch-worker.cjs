// @ts-check
// Opens batches in a thread of its own. The first message is the configuration; each after it is a batch.
const { parentPort } = require("node:worker_threads");
const { batchOpener } = require("./batch");

/** @type {Promise<import("./batch").BatchOpener> | undefined} */
let opener;
parentPort?.on("message", (/** @type {any} */ message) => {
  if (opener === undefined) {
    opener = batchOpener(message);
    return;
  }
  opener.then((open) => {
    const results = open(message);
    parentPort?.postMessage(results, [results.buffer]);
  });
});
