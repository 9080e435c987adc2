// @ts-check
/** Keeps `node_modules` what `package-lock.json` says, and does nothing when it is. */
import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { run } from "./run.mjs";

/** Seconds between two lines of progress, and for the whole installation. */
const PROGRESS = 10;
const LIMIT = 1200;

/** @typedef {{ version?: string, integrity?: string, link?: boolean, resolved?: string, optional?: boolean }} Locked */

/** A text file, or undefined when there is none. @param {string} file */
const read = (file) => readFile(file, "utf8").catch(() => undefined);

/**
 * What is wrong with this Node for the project, in words; undefined when nothing is.
 * @param {string} version of Node, `20.19.0`
 * @param {string} wanted `engines.node` of package.json, `>=20.19`
 */
export function nodeProblem(version, wanted) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.replace(/^>=/, "").split(".").map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined;
  return `this needs Node ${wantedMajor}.${wantedMinor} or newer; found is ${version}. Install a newer one from https://nodejs.org`;
}

/**
 * Whether what npm noted about the installed packages (`node_modules/.package-lock.json`, written when an
 * installation is complete) holds everything that the lock file names. Optional packages are for other computers.
 * @param {string} lock text of package-lock.json
 * @param {string | undefined} installed text of npm's note
 */
export function isInstalled(lock, installed) {
  if (installed === undefined) return false;
  try {
    /** @type {Record<string, Locked>} */
    const wanted = JSON.parse(lock).packages;
    /** @type {Record<string, Locked>} */
    const found = JSON.parse(installed).packages;
    return Object.entries(wanted).every(([path, locked]) => {
      const there = found[path];
      if (path === "" || (there === undefined && locked.optional)) return true;
      return there?.version === locked.version && there?.integrity === locked.integrity;
    });
  } catch {
    return false;
  }
}

/**
 * Installs the node packages when they are missing, outdated or half installed; keeps them otherwise.
 *
 * A stamp inside `node_modules` holds the lock file's hash; npm removes it before it installs anything, so an
 * interrupted installation is done again. Rejects with npm's own last words when npm fails.
 * @param {string} root the project's folder
 * @param {{ log: (line: string) => void, signal: AbortSignal }} context
 * @returns {Promise<"kept" | "installed">}
 */
export async function ensurePackages(root, context) {
  const lock = await readFile(join(root, "package-lock.json"), "utf8");
  const hash = createHash("sha256").update(lock).digest("hex");
  const wanted = `${hash} ${process.platform}-${process.arch}\n`;
  const stamp = join(root, "node_modules", ".etcd-restore-set-up");
  if ((await read(stamp)) === wanted) return "kept";

  return withLock(join(root, ".tools", "set-up.lock"), "node packages", context, async () => {
    if ((await read(stamp)) === wanted) return "kept";
    const there = isInstalled(lock, await read(join(root, "node_modules", ".package-lock.json")));
    if (!there) await install(root, context);
    await writeFile(`${stamp}.new`, wanted);
    await rename(`${stamp}.new`, stamp);
    return there ? "kept" : "installed";
  });
}

/**
 * @param {string} root
 * @param {{ log: (line: string) => void, signal: AbortSignal }} context
 */
async function install(root, { log, signal }) {
  const started = Date.now();
  const elapsed = () => Math.round((Date.now() - started) / 1000);
  log("node packages: installing (npm ci; about a minute the first time)");
  const progress = setInterval(() => log(`  npm ci: ${elapsed()} s`), PROGRESS * 1000);
  let said = "";
  // No script of a package is needed, so none is run. Development packages are, whatever NODE_ENV says.
  const args = ["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
  try {
    const capture = (/** @type {string} */ text) => (said = (said + text).slice(-4000));
    const code = await run("npm", args, { cwd: root, limit: LIMIT, capture });
    signal.throwIfAborted();
    if (code !== 0) {
      const why = elapsed() < LIMIT ? `npm ci ended with ${code}` : `npm ci took over ${LIMIT} s`;
      throw new Error(`the node packages cannot be installed: ${why}\n${said.trim()}`);
    }
  } finally {
    clearInterval(progress);
  }
  log(`node packages: installed in ${elapsed()} s`);
}
