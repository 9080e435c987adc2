import * as path from "node:path";
import { defineConfig } from "vitest/config";

/** Tests that start a kube-apiserver on a clone: each takes a minute on a busy computer. No root and no cloud. */
export default defineConfig({
  root: path.join(import.meta.dirname, "..", "..", ".."),
  test: {
    include: ["test/acceptance/boot/*.test.ts"],
    // A limit that only a hang reaches, also on a busy computer.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
});
