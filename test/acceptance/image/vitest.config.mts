import * as path from "node:path";
import { defineConfig } from "vitest/config";

/** Tests of the container image, in real containers: root, buildah and crun. */
export default defineConfig({
  root: path.join(import.meta.dirname, "..", "..", ".."),
  test: {
    include: ["test/acceptance/image/*.test.ts"],
    // The image is built first: packages are fetched and compressed.
    testTimeout: 300_000,
    hookTimeout: 1_800_000,
    fileParallelism: false,
  },
});
