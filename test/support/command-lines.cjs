// @ts-check
/**
 * Runs command lines one after another in one process: stdin has the words of each as JSON, stdout what each says on its
 * stderr as it says it, and how it ended.
 */
"use strict";
const { join } = require("node:path");
const { createInterface } = require("node:readline");

const SCRIPTS = join(__dirname, "..", "..", "scripts");
require("../../engine/typescript.cjs");
/** @type {typeof import("../../scripts/run")} */
const { run } = require(join(SCRIPTS, "run.ts"));

// The program, too, has one process for all lines, as it has for the drills of a list.
/** @type {{ startOnce: import("../../engine/engine").StartProgram }} */
const starting = require("../../engine/embedded/start-once");
const { startOnce } = starting;
/** @type {import("../../engine/engine").StartProgram} */
const startKept = require("../../engine/embedded/start-kept").startKept();
let isAsked = false;
starting.startOnce = (run, onLine) => {
  if (isAsked) return startOnce(run, onLine); // the kept one is at work
  isAsked = true;
  try {
    return startKept(run, onLine);
  } finally {
    isAsked = false;
  }
};

/** @param {readonly string[]} args */
async function runOne(args) {
  const written = { stdout: "", stderr: "" };
  const real = { stdout: process.stdout.write, stderr: process.stderr.write };
  /** @param {object} told */
  const tell = (told) => real.stdout.call(process.stdout, `${JSON.stringify(told)}\n`);
  for (const name of /** @type {const} */ (["stdout", "stderr"])) {
    Reflect.set(process[name], "write", (/** @type {string | Uint8Array} */ text) => {
      const said = Buffer.from(text).toString();
      written[name] += said;
      if (name === "stderr") tell({ said });
      return true;
    });
  }
  try {
    return { code: await run(args), ...written };
  } finally {
    for (const name of /** @type {const} */ (["stdout", "stderr"])) {
      Reflect.set(process[name], "write", real[name]);
    }
  }
}

/** @type {Promise<unknown>} */
let last = Promise.resolve();
createInterface({ input: process.stdin }).on("line", (line) => {
  last = last.then(async () => {
    const ended = await runOne(JSON.parse(line));
    process.stdout.write(`${JSON.stringify({ ended })}\n`);
  });
});
