// @ts-check
/** The package as `npm pack` makes it, for whoever checks or tests it: made once for the sources that there are. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { withLock } from "./lock.mjs";
import { run } from "./run.mjs";

/** What is no part of it, and not read when it is made. */
const LEFT_OUT = new Set([
  ...[
    ".git",
    ".lab",
    ".drills",
    ".tools",
    "bench",
    "dist",
    "docs",
    "examples",
    "labs",
    "node_modules",
  ],
  "test",
]);
/** Seconds. */
const LIMIT = 600;

/**
 * Path of the tarball; it lies in `.tools/packed`, named by the hash of everything that it is made from.
 *
 * Rejects with what npm said when it cannot be made.
 * @param {string} root the checkout
 * @param {{ log: (line: string) => void, signal: AbortSignal }} context
 */
export async function packed(root, context) {
  const folder = join(root, ".tools", "packed");
  const name = `${await digest(root)}.tgz`;
  return withLock(join(root, ".tools", "packed.lock"), "npm pack", context, async () => {
    const there = await readdir(folder).catch(() => /** @type {string[]} */ ([]));
    if (there.includes(name)) return join(folder, name);
    await rm(folder, { recursive: true, force: true });
    const partial = join(folder, "partial");
    await mkdir(partial, { recursive: true, mode: 0o700 });
    let said = "";
    const code = await run(
      "npm",
      ["pack", "--ignore-scripts=false", "--pack-destination", partial],
      {
        cwd: root,
        limit: LIMIT,
        capture: (text) => {
          said += text;
        },
      },
    );
    if (code !== 0) throw new Error(`npm pack ended with ${code}:\n${said.trim()}`);
    const [tarball = ""] = await readdir(partial);
    await rename(join(partial, tarball), join(folder, name));
    await rm(partial, { recursive: true });
    return join(folder, name);
  });
}

/** @param {string} root */
async function digest(root) {
  const hash = createHash("sha256");
  for (const file of await filesIn(root)) {
    hash.update(`${relative(root, file)}\0`).update(
      createHash("sha256")
        .update(await readFile(file))
        .digest(),
    );
  }
  return hash.digest("hex").slice(0, 32);
}

/** @param {string} folder @returns {Promise<string[]>} */
async function filesIn(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  const lists = entries
    .filter((entry) => !LEFT_OUT.has(entry.name))
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesIn(path);
      return entry.isFile() ? [path] : [];
    });
  return (await Promise.all(lists)).flat().sort();
}
