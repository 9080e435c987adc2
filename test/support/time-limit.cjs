// @ts-check
/** Time limits that only a hang reaches, whatever runs the program. CommonJS: the tests and their configurations read it. */
"use strict";

/**
 * A limit in milliseconds; three times as long with the real CLI (`ENGINE=pulumi`), which loads its plugins and checks with
 * them at each step.
 * @param {number} milliseconds
 */
exports.timeLimit = (milliseconds) =>
  process.env["ENGINE"] === "pulumi" ? 3 * milliseconds : milliseconds;
