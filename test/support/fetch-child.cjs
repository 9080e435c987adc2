// @ts-check
/** Fetches the newest backup of a SOURCE in a process of its own, and says how that went: `node fetch-child.cjs SOURCE`. */
"use strict";
require("../../engine/typescript.cjs");
const { fetchNewest } = /** @type {typeof import("../../sources/newest")} */ (
  require("../../sources/newest")
);
// Before the time counts: our modules are loaded when they are first used.
require("../../sources/fetch");

const { peakMegabytes } = require("./peak-memory.cjs");

const [source = "", keepIn] = process.argv.slice(2);
const started = performance.now();
/** When what is to be fetched is known, and the store's client is loaded. */
let chosen = NaN;
const say = () => {
  if (Number.isNaN(chosen)) chosen = performance.now();
};
const beforeMegabytes = peakMegabytes();
fetchNewest(source, { say, ...(keepIn !== undefined && { keepIn }) }).then(
  ({ sha256, bytes, resumed, name, isKept, dispose }) => {
    const now = performance.now();
    const times = { seconds: (now - started) / 1e3, downloadSeconds: (now - chosen) / 1e3 };
    const memory = { beforeMegabytes, peakMegabytes: peakMegabytes() };
    const end = { sha256, bytes, resumed, name, isKept, ...times, ...memory };
    console.log(JSON.stringify(end));
    dispose();
  },
  (/** @type {Error} */ error) => {
    console.log(JSON.stringify({ error: error.message }));
    process.exitCode = 1;
  },
);
