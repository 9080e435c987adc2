// @ts-check
// Lets Node run our TypeScript as it is: `node --require ./engine/typescript.cjs program.ts`. A file is compiled when it
// is first loaded (types are not looked at: `npm run check` does that) and what came out is kept, named by the hash of
// what went in, so that a changed file is compiled anew and nothing old is ever run. An import is done when it is first
// used (lazy-imports.cjs).
"use strict";
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const Module = require("node:module");
const { join } = require("node:path");
const { compiledCodeFolder } = require("./compiled-code.cjs");

const PROJECT = join(__dirname, "..");
/** Part of each name: another compiler, or other options, may give other code. */
const COMPILER = `${require("typescript/package.json").version} 2`;

/** @type {string | undefined} */
let folder;
let folderIsKnown = false;

/** @param {NodeModule & { _compile(code: string, file: string): void }} module @param {string} file */
function load(module, file) {
  module._compile(compiled(fs.readFileSync(file, "utf8"), file), file);
}

/** @param {string} source @param {string} file */
function compiled(source, file) {
  if (!folderIsKnown) folder = compiledCodeFolder(PROJECT, process.env);
  folderIsKnown = true;
  if (folder === undefined) return compile(source, file);
  const name = createHash("sha256").update(COMPILER).update("\0").update(source).digest("hex");
  const kept = join(folder, `${name}.js`);
  try {
    return fs.readFileSync(kept, "utf8");
  } catch {
    const code = compile(source, file);
    keep(kept, code);
    return code;
  }
}

/** @param {string} source @param {string} file */
function compile(source, file) {
  // The compiler costs a third of a second to load: only when there is something to compile.
  const ts = require("typescript");
  const { lazyImports } = require("./lazy-imports.cjs");
  const { outputText, diagnostics = [] } = ts.transpileModule(source, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: {
      // CommonJS, in which `import()` stays what it is: packages that are ES modules are loaded by it.
      module: ts.ModuleKind.Node16,
      target: ts.ScriptTarget.ES2022,
      esModuleInterop: true,
      isolatedModules: true,
      inlineSourceMap: true,
    },
  });
  const [problem] = diagnostics;
  if (problem !== undefined)
    throw new SyntaxError(`${file}: ${ts.flattenDiagnosticMessageText(problem.messageText, "\n")}`);
  return lazyImports(outputText, ts);
}

const LANGUAGES = /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.cjs$/;

/**
 * As Node loads it, but for the fifty languages in which zod can complain: half of what it costs to load it, and asked for
 * by nobody. They are loaded when they are.
 * @param {NodeModule} module @param {string} file
 */
function withoutLanguages(module, file) {
  if (!LANGUAGES.test(file)) {
    kinds[".js"](module, file);
    return;
  }
  /** @type {object | undefined} */
  let loaded;
  module.exports = new Proxy(
    {},
    {
      get(_, key) {
        // Keeps compiled `import * as` from copying, and so loading, all of it.
        if (key === "__esModule") return true;
        if (loaded === undefined) {
          const whole = new Module(file, module);
          whole.filename = file;
          whole.paths = module.paths;
          kinds[".js"](whole, file);
          loaded = whole.exports;
        }
        return Reflect.get(loaded ?? {}, key);
      },
    },
  );
}

/**
 * Keeps code for the next run, whole or not at all: others may look for it at the same time.
 * @param {string} path @param {string} code
 */
function keep(path, code) {
  const temporary = `${path}.${process.pid}`;
  try {
    fs.writeFileSync(temporary, code, { mode: 0o600 });
    fs.renameSync(temporary, path);
  } catch {
    // A full disk, or one that may only be read: compiled again the next time.
    fs.rmSync(temporary, { force: true });
  }
}

const kinds = Reflect.get(Module, "_extensions");
kinds[".ts"] = load;
kinds[".cjs"] = withoutLanguages;
// Lines of a stack trace as they are in the source: only where somebody asked for stack traces.
if (process.argv.includes("--debug")) process.setSourceMapsEnabled(true);
