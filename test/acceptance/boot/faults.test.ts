import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBackupKeys } from "../../../etcd/backup/read-backup";
import type { SnapshotKeys } from "../../../etcd/snapshot/types";
import { createWorkspace, snapshotBytes, type Workspace } from "../../support/kubernetes-fixtures";
import { booted, needsApiServer, planted } from "./booted";

needsApiServer("1.35");
let workspace: Workspace;
let main: string;
let keys: SnapshotKeys;

beforeAll(async () => {
  workspace = createWorkspace();
  main = workspace.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
  keys = await readBackupKeys(main);
});
afterAll(() => {
  keys.close();
  workspace.remove();
});

/** The value of a key of the backup. */
function valueOf(key: string): Buffer {
  return keys.live.value(keys.live.indexOf(Buffer.from(key)));
}

const WIDGETS = "/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.example.com";

describe("a fault is found and named", () => {
  it("a definition that is lost while its resources stay", async () => {
    const file = await planted(main, (store) => store.remove(WIDGETS));
    const { check, kubernetes } = await booted(file);
    expect(check("kubernetes-objects")).toMatchObject({ verdict: "fail" });
    expect(check("kubernetes-objects")?.reason).toContain("no API serves widgets.example.com");
    expect(check("kubernetes-crds")).toMatchObject({
      ...{ verdict: "fail", reason: "widgets.example.com has no definition" },
    });
    expect(kubernetes?.details.every(({ resource }) => resource === "widgets.example.com")).toBe(
      true,
    );
  });

  it("a namespace that is lost while its objects stay", async () => {
    const file = await planted(main, (store) => store.remove("/registry/namespaces/shop"));
    const { check } = await booted(file);
    expect(check("kubernetes-namespaces")).toMatchObject({ verdict: "fail" });
    expect(check("kubernetes-namespaces")?.reason).toMatch(/^missing: shop \(\d+ objects\)$/);
    expect(check("kubernetes-objects")).toMatchObject({ verdict: "pass" });
  });

  it("an object under another's key, and two Secrets that were swapped", async () => {
    const [one, other] = ["shop/db-credentials", "team-a/binary-key"].map(
      (name) => `/registry/secrets/${name}`,
    ) as [string, string];
    const file = await planted(main, async (store) => {
      await store.put(
        "/registry/configmaps/team-a/counter",
        valueOf("/registry/configmaps/team-a/reborn"),
      );
      await store.put(one, valueOf(other));
      await store.put(other, valueOf(one));
    });
    const { check, kubernetes } = await booted(file);
    expect(check("kubernetes-keys")).toMatchObject({ verdict: "fail" });
    expect(check("kubernetes-keys")?.reason).toBe(
      "configmaps team-a/counter: under its key lies the object team-a/reborn; " +
        "secrets shop/db-credentials: under its key lies the object team-a/binary-key; " +
        "secrets team-a/binary-key: under its key lies the object shop/db-credentials",
    );
    expect(check("kubernetes-objects")).toMatchObject({ verdict: "fail" });
    expect(kubernetes?.details).toContainEqual({
      ...{ resource: "configmaps", name: "team-a/counter", difference: "missing" },
    });
  });

  it("a storage version that is not served", async () => {
    const definition = valueOf(WIDGETS).toString();
    const stored = definition.replace(
      /"storedVersions":\["v1"\]/,
      '"storedVersions":["v1alpha1","v1"]',
    );
    expect(stored).not.toBe(definition);
    const widget = "/registry/example.com/widgets/shop/widget-2";
    const file = await planted(main, async (store) => {
      await store.put(WIDGETS, Buffer.from(stored));
      const old = valueOf(widget).toString().replace("example.com/v1", "example.com/v1alpha1");
      await store.put(widget, Buffer.from(old));
    });
    const { check } = await booted(file);
    expect(check("kubernetes-crds")).toMatchObject({ verdict: "fail" });
    expect(check("kubernetes-crds")?.reason).toContain(
      "widgets.example.com: storage version v1alpha1 is not defined any more (shop/widget-2)",
    );
  });

  it("a custom resource whose JSON is broken", async () => {
    const widget = "/registry/example.com/widgets/shop/widget-2";
    const file = await planted(main, (store) => {
      const value = valueOf(widget);
      return store.put(widget, value.subarray(0, value.length - 9));
    });
    const { check, kubernetes } = await booted(file);
    expect(check("kubernetes-objects")).toMatchObject({ verdict: "fail" });
    expect(check("kubernetes-keys")?.reason).toBe(
      "widgets.example.com shop/widget-2: the value is damaged",
    );
    expect(kubernetes?.details).toEqual([
      { resource: "widgets.example.com", name: "shop/widget-2", difference: "unreadable" },
    ]);
  });
});
