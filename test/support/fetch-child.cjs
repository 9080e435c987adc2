// @ts-check
/** Fetches the newest backup of a SOURCE in a process of its own, and says how that went: `node fetch-child.cjs SOURCE`. */
"use strict";
require("../../engine/typescript.cjs");
const { fetchNewest } = /** @type {typeof import("../../sources/newest")} */ (
  require("../../sources/newest")
);

const [source = "", keepIn] = process.argv.slice(2);
const started = process.hrtime.bigint();
const beforeMegabytes = process.resourceUsage().maxRSS / 1024;
fetchNewest(source, keepIn === undefined ? {} : { keepIn }).then(
  ({ sha256, bytes, resumed, name, isKept, dispose }) => {
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    const peakMegabytes = process.resourceUsage().maxRSS / 1024;
    const end = { sha256, bytes, resumed, name, isKept, seconds, beforeMegabytes, peakMegabytes };
    console.log(JSON.stringify(end));
    dispose();
  },
  (/** @type {Error} */ error) => {
    console.log(JSON.stringify({ error: error.message }));
    process.exitCode = 1;
  },
);
