import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // These need root: `npm run test:machine`.
    exclude: [...configDefaults.exclude, "test/machine/**"],
    // Real servers and real files: a limit that only a hang reaches.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The heaviest tests start etcd servers of their own; two at a time suit a small machine.
    maxWorkers: 2,
  },
});
