import * as path from "node:path";
import { defineConfig } from "vitest/config";
import { timeLimit } from "../../support/time-limit.cjs";

/** Tests against a real OpenStack: the one that OS_CLOUD names, or the lab, which needs root and Debian 12. */
export default defineConfig({
  root: path.join(import.meta.dirname, "..", "..", ".."),
  test: {
    include: ["test/acceptance/openstack/*.test.ts"],
    globalSetup: ["labs/openstack/set-up.ts"],
    // An emulated machine boots in half a minute, on a busy computer in five; a limit that only a hang reaches.
    testTimeout: timeLimit(1_200_000),
    hookTimeout: timeLimit(300_000),
    fileParallelism: false,
  },
});
