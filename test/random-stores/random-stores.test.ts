/** A sample of `npm run random-stores`: one random store of each version. */
import { expect, it } from "vitest";

import { judgeBatch, STORES_A_SOURCE, type StoreResult } from "./stores";

it.each([
  [0, "3.5"],
  [1, "3.6"],
  [2, "3.7"],
])("random store %i, of etcd %s, passes while its source moves on", async (batch, version) => {
  const results: StoreResult[] = [];
  await judgeBatch(7, batch, 1, (result) => results.push(result));
  expect(results).toMatchObject([{ store: batch * STORES_A_SOURCE, version, problems: [] }]);
});
