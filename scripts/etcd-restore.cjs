#!/usr/bin/env node
// @ts-check
/**
 * What `npx etcd-restore` runs: the command as it is. In a checkout that is TypeScript, and without its packages, as in a
 * fresh clone, the set-up that `npm start` does comes first; in an installed package it is what was compiled from it.
 */
"use strict";
const { existsSync, writeSync } = require("node:fs");
const { join } = require("node:path");

/** What a computer can have too little of before any code of ours runs. @type {Record<string, string>} */
const LACKING = {
  EMFILE: "this process may not open more files (ulimit -n)",
  ENFILE: "this computer cannot open more files",
  ENOMEM: "there is not enough memory",
  ENOSPC: "no space is left on the device",
  EACCES: "no permission to read the program's own files",
};

/** Ends at once: what is half loaded would fail in its turn. @param {unknown} error */
function fail(error) {
  const { code, path, message } = /** @type {NodeJS.ErrnoException} */ (error);
  const lacking = code === undefined ? undefined : LACKING[code];
  const words = lacking ?? (error instanceof RangeError ? LACKING["ENOMEM"] : undefined);
  if (process.argv.includes("--debug") && error instanceof Error) writeSync(2, `${error.stack}\n`);
  // Of an error that a command ended with, the command has told.
  else if (!process.exitCode)
    writeSync(2, `error: ${path === undefined ? "" : `${path}: `}${words ?? message}\n`);
  process.exit(process.exitCode || 3);
}
process.on("uncaughtException", fail);

try {
  const program = join(__dirname, "etcd-restore.ts");
  if (!existsSync(program)) {
    require(join(__dirname, "..", "dist", "scripts", "etcd-restore.js"));
  } else if (!hasPackages()) {
    // Its packages installed, it runs this file again.
    delete require.cache[__filename];
    void import("./tools/set-up.mjs");
  } else {
    require("../engine/typescript.cjs");
    require(program);
  }
} catch (error) {
  fail(error);
}

function hasPackages() {
  return existsSync(join(__dirname, "..", "node_modules", "commander"));
}
