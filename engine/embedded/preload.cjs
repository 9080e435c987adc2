// @ts-check
// Loaded into the Pulumi program before anything else (`node --require`).
const fs = require("node:fs");
const util = require("node:util");

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
