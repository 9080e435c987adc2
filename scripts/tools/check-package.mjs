// @ts-check
/**
 * What publint and "are the types wrong?" have against the npm package, as who installs it gets it. Part of `npm run check`.
 *
 *     node scripts/tools/check-package.mjs     exits 1 when one of them has something against it
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packed } from "./set-up/packed.mjs";
import { run } from "./set-up/run.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const { signal } = new AbortController();
const tarball = await packed(ROOT, { log: console.error, signal });
const modules = join(ROOT, "node_modules");
for (const check of [
  [join(modules, "publint", "src", "cli.js"), "run", tarball, "--strict"],
  [join(modules, "@arethetypeswrong", "cli", "dist", "index.js"), tarball],
]) {
  let said = "";
  const capture = (/** @type {string} */ text) => {
    said += text;
  };
  if ((await run(process.execPath, check, { cwd: ROOT, capture })) === 0) continue;
  process.stdout.write(said);
  process.exitCode = 1;
}
