// @ts-check
"use strict";
const fs = require("node:fs");

/**
 * The most memory that a process has had, in MiB, since its program began. What `getrusage` tells is no less than what
 * whoever started it had at that moment, and that is a test run of hundreds of megabytes.
 * @param {number | "self"} process
 */
function peakMegabytes(process = "self") {
  const status = fs.readFileSync(`/proc/${process}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

module.exports = { peakMegabytes };
