#!/usr/bin/env node
// @ts-check
/**
 * What every `npm run` goes through: does whatever set-up is missing, says so on stderr, and hands over.
 *
 *     node scripts/tools/set-up.mjs COMMAND [ARGS…]
 *
 * `test`, `test:machine`, `test:openstack`, `test:kubernetes`, `test:boot`, `test:image`, `lab:openstack`, `lab:kubernetes`, `check`, `bench`,
 * `mutation`, `random-stores` and `image` are run here; every other command is one of `etcd-restore`. Works from a bare clone,
 * with Node and npm and nothing else; when nothing is missing it costs a few milliseconds.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePackages, nodeProblem } from "./set-up/packages.mjs";
import { ENDING, exitCodeOf, run } from "./set-up/run.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
/** The minor versions of etcd that the tests run. */
const TESTED = ["3.5", "3.6", "3.7"];

/** @param {string} line */
const log = (line) => process.stderr.write(`${line}\n`);

/** Programs of the tests that take minutes: each says in its head what it does. @type {Record<string, string[]>} */
const LONG = {
  bench: ["test", "bench", "bench.ts"],
  mutation: ["test", "mutation", "main.ts"],
  "random-stores": ["test", "random-stores", "main.ts"],
  image: ["scripts", "tools", "image", "image.ts"],
  "lab:openstack": ["labs", "openstack", "lab.ts"],
  "lab:kubernetes": ["labs", "kubernetes", "lab.ts"],
};

/** @param {string[]} program @param {readonly string[]} args */
function runLong(program, args) {
  const typescript = join(ROOT, "engine", "typescript.cjs");
  const argv = ["--require", typescript, join(...program), ...args];
  return run(process.execPath, argv, { cwd: ROOT });
}

/**
 * Runs tests with real etcd programs of every tested version.
 * @param {readonly string[]} args for vitest, whose own settings choose every test that needs no root and no cloud
 * @param {AbortSignal} signal
 */
async function test(args, signal) {
  const require = createRequire(import.meta.url);
  require("../../engine/typescript.cjs");
  /** @type {typeof import("../../machine/programs/programs.js")} */
  const { ensureEtcd } = require(join(ROOT, "machine", "programs", "programs.ts"));
  for (const minor of TESTED) await ensureEtcd(minor, { log, signal });
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  return run(process.execPath, [vitest, "run", ...args], { cwd: ROOT });
}

/** The folder where the user stands. */
function takeHome() {
  // npm runs us in the project's folder; paths are meant from where the user stands. Only npm's word to us counts,
  // and nobody whom we start takes it for his own.
  const { INIT_CWD, ...env } = process.env;
  const byNpm = env["npm_lifecycle_script"]?.includes("scripts/tools/set-up.mjs");
  process.env = env;
  return (byNpm ? INIT_CWD : undefined) ?? process.cwd();
}

/** @param {string | undefined} command @param {readonly string[]} args */
async function main(command, args) {
  const { engines } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const problem = nodeProblem(process.versions.node, engines.node);
  if (problem !== undefined) {
    log(`error: ${problem}`);
    process.exitCode = 3;
    return;
  }
  const home = takeHome();
  const stop = new AbortController();
  /** @type {NodeJS.Signals | undefined} */
  let ended;
  /** @param {NodeJS.Signals} signal */
  const end = (signal) => {
    ended = signal;
    stop.abort(new Error(`ended by ${signal}`));
  };
  for (const signal of ENDING) process.on(signal, end);
  try {
    await ensurePackages(ROOT, { log, signal: stop.signal });
    if (command === "test") {
      process.exitCode = await test(args, stop.signal);
      return;
    }
    const [kind, folder = ""] = command?.split(":") ?? [];
    if (
      kind === "test" &&
      ["machine", "openstack", "kubernetes", "boot", "image"].includes(folder)
    ) {
      const config = ["--config", join("test", "acceptance", folder, "vitest.config.mts")];
      process.exitCode = await test([...config, ...args], stop.signal);
      return;
    }
    const long = command === undefined ? undefined : LONG[command];
    if (long !== undefined) {
      process.exitCode = await runLong(long, args);
      return;
    }
    if (command === "check") {
      const { check } = await import("./set-up/check.mjs");
      process.exitCode = await check(ROOT, { print: console.log, signal: stop.signal });
      return;
    }
  } catch (error) {
    if (ended === undefined)
      log(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = ended === undefined ? 3 : exitCodeOf(ended);
    return;
  } finally {
    for (const signal of ENDING) process.off(signal, end);
  }
  process.chdir(home);
  becomeProgram(command === undefined ? args : [command, ...args]);
}

/**
 * In this very process: its signals, its terminal and its exit code are the command's own.
 * @param {readonly string[]} args
 */
function becomeProgram(args) {
  const program = join(ROOT, "scripts", "etcd-restore.cjs");
  process.argv.splice(1, process.argv.length, program, ...args);
  createRequire(import.meta.url)(program);
}

const [command, ...args] = process.argv.slice(2);
await main(command, args);
