// @ts-check
// The least program that does a whole preflight: what the benchmark measures, Node's start and the TypeScript
// loader included, as in the real command.
require("../../engine/typescript.cjs");

/** @type {typeof import("../../etcd/snapshot/snapshot")} */
const { readSnapshot } = require("../../etcd/snapshot/snapshot");

/** @param {string} file */
async function main(file) {
  // As the preflight reads it: digests are for a comparison with a server.
  const snapshot = await readSnapshot(file, { digests: false });
  const { sha256, trailer, revision, live } = snapshot;
  const keys = live.count;
  console.log(JSON.stringify({ sha256, trailer, revision, keys, hashKv: snapshot.hashKv() }));
}

void main(process.argv[2] ?? "");
