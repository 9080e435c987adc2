/** Stores that API servers of other minors wrote, read from the file alone and held against what those servers listed. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { definitionsOf } from "../../boot/definitions";
import { storedObjects } from "../../boot/objects";
import { toldVersion } from "../../boot/version";
import { decodeObject } from "../../etcd/kubernetes/decode";
import { describeKey } from "../../etcd/kubernetes/key";
import { readSnapshot, type Snapshot } from "../../etcd/snapshot/snapshot";
import {
  createWorkspace,
  readListed,
  snapshotBytes,
  type Workspace,
} from "../support/kubernetes-fixtures";

const MINORS = ["1.33", "1.37"] as const;
let workspace: Workspace;
beforeAll(() => {
  workspace = createWorkspace();
});
afterAll(() => {
  workspace.remove();
});

describe.each(MINORS)("the store of a kube-apiserver %s", (minor) => {
  const name = `kubernetes-${minor}.db` as const;
  let snapshot: Snapshot;
  beforeAll(async () => {
    snapshot = await readSnapshot(workspace.write(name, snapshotBytes(name)));
  });
  afterAll(() => {
    snapshot.close();
  });

  it("holds the objects that it listed, each with its uid and resourceVersion, and no other", async () => {
    const stored = await storedObjects(snapshot.live);
    const found = [...stored.resources.values()].flatMap(({ group, resource, objects }) =>
      [...objects].map(([path, { uid = "", modRevision }]) => {
        return `${resource}.${group} ${path} ${uid} ${modRevision}`;
      }),
    );
    const listed = readListed(name).map(
      (object) =>
        `${object.resource}.${object.group} ${object.namespace}/${object.name} ` +
        `${object.uid} ${object.resourceVersion}`,
    );
    expect(found.sort()).toEqual(listed.sort());
    expect(stored).toMatchObject({ misplaced: [], elsewhere: 0, encrypted: 0 });
  });

  it("tells its version, and its two definitions with what is stored of them", async () => {
    const stored = await storedObjects(snapshot.live);
    expect(toldVersion(snapshot.live, stored)).toEqual({
      version: minor,
      from: "kubeadm's ConfigMap",
    });
    const { resources } = definitionsOf(snapshot.live, stored);
    expect([...resources.keys()].sort()).toEqual([
      "backuppolicies.example.com",
      "widgets.example.com",
    ]);
  });

  it("decodes to its last object, and no field of it is one that we do not know", () => {
    const unknown = new Set<string>();
    let decoded = 0;
    for (let i = 0; i < snapshot.live.count; i++) {
      if (describeKey(snapshot.live.key(i).toString())?.kind !== "object") continue;
      const { kind, unknownFields } = decodeObject(snapshot.live.value(i));
      for (const field of unknownFields) unknown.add(`${kind}: ${field}`);
      decoded += 1;
    }
    expect(decoded).toBe(readListed(name).length);
    expect([...unknown]).toEqual([]);
  });
});
