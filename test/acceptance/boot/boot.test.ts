import { gunzipSync } from "node:zlib";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createWorkspace, snapshotBytes, type Workspace } from "../../support/kubernetes-fixtures";
import { temporaryDirectory } from "../../support/temporary";
import { booted, needsApiServer } from "./booted";

needsApiServer("1.35");
let workspace: Workspace;
let main: string;
let events: string;
let encrypted: string;

beforeAll(() => {
  workspace = createWorkspace();
  main = workspace.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
  events = workspace.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
  encrypted = workspace.write("encrypted.db", snapshotBytes("kubernetes-1.35-encrypted.db"));
});
afterAll(() => {
  workspace.remove();
});

/** How many objects the API server that wrote a fixture listed at the moment of the backup. */
function objectsListed(name: string): number {
  const file = join(__dirname, "../../fixtures", `${name}.objects.json.gz`);
  return (JSON.parse(gunzipSync(readFileSync(file)).toString()) as unknown[]).length;
}

describe("a good backup", () => {
  it("of a cluster with an etcd for its events: every object is as in the file, and the store lives", async () => {
    const base = join(await temporaryDirectory(), "clones");
    const { checks, kubernetes, isolation } = await booted(main, {
      ...{ events, kubernetes: "auto", life: true, base },
    });
    expect(checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(checks.map(({ id }) => id)).toEqual([
      ...["kubernetes-ready", "kubernetes-objects", "kubernetes-crds", "kubernetes-keys"],
      ...["kubernetes-namespaces", "life-restart", "life-put", "life-transaction", "life-watch"],
      ...["life-old-watch", "life-lease", "life-compaction", "life-defragmentation"],
      ...["life-snapshot", "life-member"],
    ]);
    const listed = objectsListed("kubernetes-1.35-main.db");
    expect(kubernetes).toMatchObject({ expected: listed, same: listed, differences: 0 });
    expect(kubernetes?.versionFrom).toBe("the nodes' kubelets");
    expect(existsSync(base)).toBe(false);
    if (process.getuid?.() === 0) expect(isolation).toEqual({ network: "namespace" });
  });

  it("of an encrypted store: with its configuration every object is as in the file", async () => {
    const config = join(
      __dirname,
      "../../fixtures/kubernetes-1.35-encrypted.encryption-config.json",
    );
    const { checks, kubernetes } = await booted(encrypted, {
      encryptionConfig: readFileSync(config, "utf8"),
    });
    expect(checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    const listed = objectsListed("kubernetes-1.35-encrypted.db");
    expect(kubernetes).toMatchObject({ expected: listed, same: listed });
  });

  it("of an encrypted store: without its configuration nothing is promised", async () => {
    const { check, kubernetes } = await booted(encrypted);
    expect(kubernetes).toBeUndefined();
    expect(check("kubernetes-ready")).toMatchObject({ verdict: "not-checked" });
    expect(check("kubernetes-ready")?.reason).toContain("8 values are encrypted at rest");
    expect(check("kubernetes-keys")).toMatchObject({ verdict: "pass" });
  });
});
