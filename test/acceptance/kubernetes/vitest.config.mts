import * as path from "node:path";
import { defineConfig } from "vitest/config";

/** Tests on a real cluster of one node, the lab: root and Debian 12. */
export default defineConfig({
  root: path.join(import.meta.dirname, "..", "..", ".."),
  test: {
    include: ["test/acceptance/kubernetes/*.test.ts"],
    globalSetup: ["labs/kubernetes/set-up.ts"],
    // A limit that only a hang reaches, also on a busy computer.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
