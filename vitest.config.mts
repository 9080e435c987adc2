import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { nativeSources, toSource } from "./test/support/native-sources.mjs";
import { timeLimit } from "./test/support/time-limit.cjs";

/** Vitest begins with the largest files; of ours those take longest that start servers, and some of these have ten lines. */
class ServersFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => /\/(acceptance|restore)\//.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  plugins: [nativeSources()],
  test: {
    onStackTrace: toSource,
    include: ["test/**/*.test.ts"],
    // These need root, or a cloud: `npm run test:machine`, `npm run test:openstack`.
    exclude: [
      ...configDefaults.exclude,
      "test/acceptance/boot/**",
      "test/acceptance/image/**",
      "test/acceptance/kubernetes/**",
      "test/acceptance/machine/**",
      "test/acceptance/openstack/**",
    ],
    // Real servers and real files: a limit that only a hang reaches.
    testTimeout: timeLimit(120_000),
    hookTimeout: timeLimit(120_000),
    // The heaviest tests start servers of their own and wait for them: two more than there are cores keep these busy.
    maxWorkers: availableParallelism() + 2,
    // What a test file needs is loaded once for all of them; none may leave anything behind that another would see.
    isolate: false,
    sequence: { sequencer: ServersFirst },
  },
});
