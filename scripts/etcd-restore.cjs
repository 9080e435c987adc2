#!/usr/bin/env node
// @ts-check
/** What `npx etcd-restore` runs: the command as it is, without the set-up that `npm run` does first. */
"use strict";
const { join } = require("node:path");

// The project's own compiler settings, whatever folder the command is called from.
process.env["TSX_TSCONFIG_PATH"] ??= join(__dirname, "..", "tsconfig.json");
require("tsx/cjs/api").register();
require(join(__dirname, "etcd-restore.ts"));
