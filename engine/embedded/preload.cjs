// @ts-check
// Loaded into the Pulumi program before anything else (`node --require`).
const fs = require("node:fs");
const Module = require("node:module");
const util = require("node:util");

// The program's settings come by a pipe, since whoever is this user can read what a process got as its environment. The
// SDK looks for them in `process.env`, as it loads.
Object.assign(process.env, JSON.parse(fs.readFileSync(4, "utf8")));

// Pulumi's SDK loads these as it starts and uses them only for its automation API, and to turn a function into text (dynamic
// providers, serverless handlers). Loading them when they are first used halves the time that a program needs to start.
// So are those that send traces, which the engine never asks for: a fifth of what is left of the time.
const LAZY = new Set([
  ...["typescript", "@npmcli/arborist", "normalize-package-data", "execa", "js-yaml"],
  ...["@opentelemetry/exporter-zipkin", "@opentelemetry/instrumentation"],
  ...["@opentelemetry/instrumentation-grpc", "@opentelemetry/resources"],
  ...["@opentelemetry/sdk-trace-base", "@opentelemetry/sdk-trace-node"],
]);
/** Parts of the SDK itself that a program need not have; another file of such a name is loaded as ever. */
const LAZY_PARTS = new Set(["./automation", "./dynamic", "./provider"]);
const SDK = /[\\/]@pulumi[\\/]pulumi[\\/]index\.js$/;

/** @param {string} request @param {NodeModule | null | undefined} by */
function mayWait(request, by) {
  return LAZY.has(request) || (LAZY_PARTS.has(request) && SDK.test(by?.filename ?? ""));
}

/** @type {(request: string, by?: NodeModule | null, ...rest: unknown[]) => object} */
const load = Reflect.get(Module, "_load");
Reflect.set(
  Module,
  "_load",
  /**
   * @this {unknown}
   * @param {string} request
   * @param {NodeModule | null} [by]
   * @param {unknown[]} rest
   */
  function (request, by, ...rest) {
    // Stack lines are for developers, and mapping them to TypeScript costs a tenth of a second at every start.
    if (request === "source-map-support/register") return {};
    if (!mayWait(request, by)) return load.call(this, request, by, ...rest);
    /** @type {object | undefined} */
    let loaded;
    return new Proxy(
      {},
      {
        get: (_, key) => {
          // Keeps compiled `import * as` from copying, and so loading, all of it.
          if (key === "__esModule") return true;
          loaded ??= load.call(this, request, by, ...rest);
          return key === "default" ? loaded : Reflect.get(loaded, key);
        },
      },
    );
  },
);

// Node 20 never ends colouring stack lines like `/node_modules/@scope/file.ts:1:1`, and Pulumi's SDK prints every
// unhandled error of a program in colour: it would hang for a minute instead of telling what is wrong.
const inspect = util.inspect;
util.inspect = Object.assign(
  /**
   * @param {unknown} object
   * @param {any[]} rest
   */
  (object, ...rest) => {
    const [options] = rest;
    if (options && typeof options === "object") rest[0] = { ...options, colors: false };
    return inspect(object, .../** @type {[]} */ (rest));
  },
  inspect,
);

// The engine was killed: nobody listens any more, and the folder of its socket is nobody's.
process.on("disconnect", () => {
  const folder = process.env["ENGINE_SOCKET_FOLDER"];
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
  process.exit(1);
});
process.channel?.unref();
