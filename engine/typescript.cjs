// @ts-check
// Lets Node run our TypeScript (`node --require engine/typescript.cjs program.ts`): tsx, which keeps what it compiled, for
// our files only. It would look at every module of every package too, which more than doubles the time that Pulumi's SDK
// takes to load; packages are JavaScript, so Node's own loader has them.
"use strict";
const Module = require("node:module");
const { join, sep } = require("node:path");

// The project's own compiler settings, whatever folder the command is called from.
process.env["TSX_TSCONFIG_PATH"] ??= join(__dirname, "..", "tsconfig.json");

const PACKAGES = `${sep}node_modules${sep}`;
const loaders = Reflect.get(Module, "_extensions");
const nodes = { resolve: Reflect.get(Module, "_resolveFilename"), js: loaders[".js"] };
require("tsx/cjs/api").register();
const tsxs = { resolve: Reflect.get(Module, "_resolveFilename"), js: loaders[".js"] };

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
