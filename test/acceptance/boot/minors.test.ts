/** Stores that API servers of several minors wrote: each comes up on its own minor, and on the next one, where these programs are here. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createWorkspace,
  readListed,
  snapshotBytes,
  type KubernetesSnapshot,
  type Workspace,
} from "../../support/kubernetes-fixtures";
import { apiServerMissing, booted } from "./booted";

let workspace: Workspace;
beforeAll(() => {
  workspace = createWorkspace();
});
afterAll(() => {
  workspace.remove();
});

describe("every object is as in the file, and every custom resource served", () => {
  it.for([
    ["1.33", "auto", "1.33"],
    ["1.33", "next", "1.34"],
    ["1.35-main", "next", "1.36"],
    ["1.37", "auto", "1.37"],
  ] as const)(
    "of a store of %s, with --kubernetes %s (%s)",
    async ([of, kubernetes, serving], { skip }) => {
      const missing = await apiServerMissing(serving);
      skip(missing !== undefined, missing);
      const write = (name: KubernetesSnapshot) => workspace.write(name, snapshotBytes(name));
      const name = `kubernetes-${of}.db` as const;
      const events = of === "1.35-main" ? { events: write("kubernetes-1.35-events.db") } : {};
      const result = await booted(write(name), { kubernetes, ...events });
      const listed = readListed(name).length;
      expect(result.checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
      expect(result.kubernetes).toMatchObject({ expected: listed, same: listed, differences: 0 });
      expect(result.kubernetes?.version).toMatch(new RegExp(`^${serving.replace(".", "\\.")}\\.`));
    },
  );
});
