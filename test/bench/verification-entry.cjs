// @ts-check
// The least program that does a whole full verification: what the benchmark measures, Node's start, the TypeScript
// loader and the reading of the file included, as in the real command.
require("../../engine/typescript.cjs");
const { readFileSync } = require("node:fs");

/** @type {typeof import("../../etcd/snapshot/snapshot")} */
const { readSnapshot } = require("../../etcd/snapshot/snapshot");
/** @type {typeof import("../../etcd/proof/hash-ahead")} */
const { hashAhead } = require("../../etcd/proof/hash-ahead");
/** @type {typeof import("../../etcd/proof/verify")} */
const { verify } = require("../../etcd/proof/verify");

/**
 * @param {string} file
 * @param {string} endpointFile JSON of an `Endpoint`
 */
async function main(file, endpointFile) {
  const endpoint = JSON.parse(readFileSync(endpointFile, "utf8"));
  const ahead = hashAhead(endpoint, new AbortController().signal);
  const snapshot = await readSnapshot(file);
  const read = performance.now();
  const report = await verify({
    snapshot,
    endpoint,
    ahead,
    level: "full",
  });
  const { verdict, differences } = report;
  const keysPerSecond = Math.round(snapshot.live.count / ((performance.now() - read) / 1000));
  console.log(JSON.stringify({ verdict, keys: snapshot.live.count, keysPerSecond, differences }));
}

void main(process.argv[2] ?? "", process.argv[3] ?? "");
