// @ts-check
/**
 * What is under test is loaded as `etcd-restore` and Pulumi load it, by Node and engine/typescript.cjs: the code that users
 * run, at a third of what it costs to have vite compile and link each file for each worker. Test files stay vite's.
 */
import { createRequire, findSourceMap } from "node:module";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LOADER = join(ROOT, "engine", "typescript.cjs");
const load = createRequire(import.meta.url);

/** Whether it is a source file of ours, and no test. @param {string} file */
function isSource(file) {
  const [first] = relative(ROOT, file).split(sep);
  return file.endsWith(".ts") && !["..", "test", "node_modules"].includes(first ?? "..");
}

/**
 * Gives vite, in place of a source file, what hands its exports on.
 * @returns {import("vitest/config").Plugin}
 */
export function nativeSources() {
  process.setSourceMapsEnabled(true); // kept of what is loaded from now on
  load(LOADER);
  return {
    name: "native-sources",
    enforce: "pre",
    load(id) {
      const [file = ""] = id.split("?");
      if (!isSource(file)) return undefined;
      this.addWatchFile(file);
      /** @type {object} */
      const made = load(file);
      const names = Object.keys(made).filter((name) => name !== "default");
      return [
        'import { createRequire } from "node:module";',
        `const load = createRequire(${JSON.stringify(LOADER)});`,
        `load(${JSON.stringify(LOADER)});`,
        `const made = load(${JSON.stringify(file)});`,
        ...names.map((name) => `export const ${name} = made.${name};`),
        // Without the mark it is one value (`export =`).
        `export default made${"__esModule" in made ? ".default" : ""};`,
      ].join("\n");
    },
  };
}

/**
 * For vitest's `onStackTrace`: a place in what Node runs becomes that in the source.
 * @param {unknown} _error
 * @param {{ file: string, line: number, column: number }} frame
 */
export function toSource(_error, frame) {
  if (!isSource(frame.file)) return;
  load(frame.file);
  const entry = findSourceMap(frame.file)?.findEntry(frame.line - 1, frame.column - 1);
  if (entry === undefined || !("originalLine" in entry)) return;
  frame.line = entry.originalLine + 1;
  frame.column = entry.originalColumn + 1;
}
