#!/usr/bin/env node
// @ts-check
/** What `npx etcd-restore` runs: the command as it is, without the set-up that `npm run` does first. */
"use strict";
const { join } = require("node:path");

require("../engine/typescript.cjs");
require(join(__dirname, "etcd-restore.ts"));
