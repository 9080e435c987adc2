// @ts-check
/** `npm run check`: everything that can be said of the sources without running them. */
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { run } from "./run.mjs";

/** Folders that hold nothing of ours. */
const FOREIGN = new Set(["node_modules", ".git", ".lab", ".tools", "dist"]);

/**
 * Every shell script of the project, sorted: `*.sh` and `.ci/run`.
 * @param {string} root
 * @param {string} [directory]
 * @returns {Promise<string[]>}
 */
export async function shellScripts(root, directory = root) {
  /** @type {string[]} */
  const found = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (!FOREIGN.has(entry.name)) found.push(...(await shellScripts(root, path)));
    } else if (entry.name.endsWith(".sh") || relative(root, path) === join(".ci", "run")) {
      found.push(relative(root, path));
    }
  }
  return found.sort();
}

/**
 * Runs every check, also after one failed, and says at the end which did.
 * @param {string} root the project's folder
 * @param {{ print: (line: string) => void, signal: AbortSignal }} context
 * @returns {Promise<number>} 0 when all is well, 1 when a check failed, 3 when one could not be run
 */
export async function check(root, { print, signal }) {
  const packages = join(root, "node_modules");
  /** @param {string[]} path @param {string[]} args */
  const node = (path, args) => [process.execPath, join(packages, ...path), ...args];
  /** @type {[string, string[]][]} */
  const checks = [
    ["types", node(["typescript", "bin", "tsc"], ["-p", "."])],
    ["lint", node(["eslint", "bin", "eslint.js"], ["--max-warnings", "0", "."])],
    [
      "rooms",
      node(["dependency-cruiser", "bin", "dependency-cruise.mjs"], ["--output-type", "err", "."]),
    ],
    ["format", node(["prettier", "bin", "prettier.cjs"], ["--check", "--log-level", "warn", "."])],
    [
      "tables",
      [
        process.execPath,
        "--require",
        "./engine/typescript.cjs",
        "scripts/tools/settings-table.ts",
        "--check",
      ],
    ],
    ["package", [process.execPath, join("scripts", "tools", "check-package.mjs")]],
    ["shell", ["shellcheck", ...(await shellScripts(root))]],
  ];
  /** @type {string[]} */
  const results = [];
  let worst = 0;
  for (const [name, [command = "", ...args]] of checks) {
    const started = Date.now();
    let code;
    try {
      code = await run(command, args, { cwd: root });
    } catch (error) {
      if (command !== "shellcheck") throw error;
      print(
        "shell: shellcheck is not installed (Debian, Ubuntu: apt install shellcheck; macOS: brew install shellcheck)",
      );
      code = undefined;
    }
    signal.throwIfAborted();
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    const verdict = code === undefined ? "not run" : code === 0 ? "good" : "FAILED";
    results.push(`  ${name.padEnd(8)}${verdict.padEnd(9)}${seconds.padStart(5)} s`);
    worst = Math.max(worst, code === undefined ? 3 : code === 0 ? 0 : 1);
  }
  print(results.join("\n"));
  return worst;
}
