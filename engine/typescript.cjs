// @ts-check
// Lets Node run our TypeScript (`node --require engine/typescript.cjs program.ts`): tsx, which keeps what it compiled, for
// our files only. It would look at every module of every package too, which more than doubles the time that Pulumi's SDK
// takes to load; packages are JavaScript, so Node's own loader has them.
"use strict";
const Module = require("node:module");
const { join, sep } = require("node:path");
const { compiledCodeFolder } = require("./compiled-code.cjs");

const PROJECT = join(__dirname, "..");
// The project's own compiler settings, whatever folder the command is called from.
process.env["TSX_TSCONFIG_PATH"] ??= join(PROJECT, "tsconfig.json");

const PACKAGES = `${sep}node_modules${sep}`;
const loaders = Reflect.get(Module, "_extensions");
const nodes = { resolve: Reflect.get(Module, "_resolveFilename"), js: loaders[".js"] };
loadTsx();
const tsxs = { resolve: Reflect.get(Module, "_resolveFilename"), js: loaders[".js"] };

/** Loads tsx, which takes its cache's place from TMPDIR, and the socket of its watcher besides. */
function loadTsx() {
  const { TMPDIR, TSX_DISABLE_CACHE } = process.env;
  const folder = compiledCodeFolder(PROJECT, process.env);
  process.env["TMPDIR"] = folder ?? __dirname;
  if (folder === undefined) process.env["TSX_DISABLE_CACHE"] = "1";
  try {
    require("tsx/cjs/api").register();
  } finally {
    restore("TMPDIR", TMPDIR);
    restore("TSX_DISABLE_CACHE", TSX_DISABLE_CACHE);
  }
}

/** @param {string} name @param {string | undefined} value */
function restore(name, value) {
  if (value === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = value;
}

/** @type {(this: unknown, request: string, parent: { filename?: string | null } | undefined, ...rest: unknown[]) => string} */
function resolve(request, parent, ...rest) {
  const { resolve: by } = parent?.filename?.includes(PACKAGES) ? nodes : tsxs;
  return by.call(this, request, parent, ...rest);
}

/** @type {(this: unknown, module: object, file: string) => void} */
function load(module, file) {
  (file.includes(PACKAGES) ? nodes : tsxs).js.call(this, module, file);
}

Reflect.set(Module, "_resolveFilename", resolve);
loaders[".js"] = load;
