import * as path from "node:path";
import { defineConfig } from "vitest/config";
import { timeLimit } from "../../support/time-limit.cjs";

/** Tests with machines of their own: need root, a Debian or Ubuntu, and a minute for each file. */
export default defineConfig({
  root: path.join(import.meta.dirname, "..", "..", ".."),
  test: {
    include: ["test/acceptance/machine/*.test.ts"],
    globalSetup: ["labs/machine/set-up.ts"],
    // Each boots a machine; a limit that only a hang reaches.
    testTimeout: timeLimit(180_000),
    hookTimeout: timeLimit(180_000),
    // Each file has a machine of its own; two boot side by side.
    maxWorkers: 2,
  },
});
