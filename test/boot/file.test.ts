import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { definitionsOf } from "../../boot/definitions";
import { storedObjects } from "../../boot/objects";
import { nextSteps } from "../../boot/outlook";
import { rangesOf } from "../../boot/ranges";
import { nextMinor, toldVersion } from "../../boot/version";
import { readBackupKeys } from "../../etcd/backup/read-backup";
import type { KeyReader, SnapshotKeys } from "../../etcd/snapshot/types";
import {
  createWorkspace,
  readListed,
  snapshotBytes,
  type Workspace,
} from "../support/kubernetes-fixtures";
import { temporaryDirectory } from "../support/temporary";

let workspace: Workspace;
let main: SnapshotKeys;
let events: SnapshotKeys;

beforeAll(async () => {
  workspace = createWorkspace();
  const open = (name: "kubernetes-1.35-main.db" | "kubernetes-1.35-events.db") =>
    readBackupKeys(workspace.write(name, snapshotBytes(name)));
  main = await open("kubernetes-1.35-main.db");
  events = await open("kubernetes-1.35-events.db");
});
afterAll(() => {
  main.close();
  events.close();
  workspace.remove();
});

/** A store of these keys, whose values are JSON. */
function storeOf(objects: Readonly<Record<string, object | string>>): KeyReader {
  const keys = Object.keys(objects).sort();
  const value = (i: number) => {
    const object = objects[keys[i] ?? ""];
    return Buffer.from(typeof object === "string" ? object : JSON.stringify(object));
  };
  return {
    count: keys.length,
    key: (i) => Buffer.from(keys[i] ?? ""),
    value,
    modRevision: (i) => i + 1,
    metadata: (i) => ({
      ...{ createRevision: 1, modRevision: i + 1, version: 1, lease: 0n },
      ...{ valueBytes: value(i).length, storedBytes: 0 },
    }),
    indexOf(key) {
      const name = Buffer.from(key).toString();
      const at = keys.findIndex((each) => each >= name);
      if (at < 0) return -1 - keys.length;
      return keys[at] === name ? at : -1 - at;
    },
  };
}

function configMap(namespace: string, name: string, metadata: object = {}) {
  const uid = `uid-of-${name}`;
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name, uid, ...metadata } };
}

describe("the objects of a file", () => {
  it("are those that the API server listed, each with its uid and resourceVersion", async () => {
    const stores = [await storedObjects(main.live), await storedObjects(events.live)];
    const found = stores.flatMap((stored) =>
      [...stored.resources.values()].flatMap(({ group, resource, objects }) =>
        [...objects].map(([path, { uid, modRevision }]) => {
          const [namespace = "", name = ""] = path.split("/");
          return { group, resource, namespace, name, uid: uid ?? "", rv: String(modRevision) };
        }),
      ),
    );
    const text = (each: object) => JSON.stringify(each);
    const expected = readListed("kubernetes-1.35-main.db").map(
      ({ group, resource, namespace, name, uid, resourceVersion }) => ({
        ...{ group, resource, namespace, name, uid, rv: resourceVersion },
      }),
    );
    expect(found.map(text).sort()).toEqual(expected.map(text).sort());
    expect(stores[0]).toMatchObject({ root: "/registry", misplaced: [] });
  });

  it("are named when they are not what their keys say", async () => {
    const live = storeOf({
      "/registry/configmaps/shop/a": configMap("shop", "a"),
      "/registry/configmaps/shop/b": configMap("shop", "a"),
      "/registry/configmaps/shop/c": '{"apiVersion":"v1","kind":"ConfigMap","metad',
      "/registry/configmaps/shop/d": "\u0001\u0002",
      "/registry/somebody/else": "what ever",
    });
    const { count, misplaced } = await storedObjects(live);
    expect(count).toBe(4);
    expect(misplaced).toEqual([
      { resource: "configmaps", name: "shop/b", problem: "under its key lies the object shop/a" },
      { resource: "configmaps", name: "shop/c", problem: "the value is damaged" },
      { resource: "configmaps", name: "shop/d", problem: "the value is no object" },
    ]);
  });
});

describe("what an API server must be told", () => {
  it("is read from the file", () => {
    expect(rangesOf(main.live, "/registry")).toEqual({
      ...{ clusterIps: "10.0.0.0/24", nodePorts: "30000-32767" },
    });
    const old = storeOf({
      "/registry/ranges/serviceips": {
        ...{ apiVersion: "v1", kind: "RangeAllocation", range: "10.96.0.0/12", data: "" },
      },
      "/registry/ranges/servicenodeports": {
        ...{ apiVersion: "v1", kind: "RangeAllocation", range: "20000-22000", data: "" },
      },
    });
    expect(rangesOf(old, "/registry")).toEqual({
      ...{ clusterIps: "10.96.0.0/12", nodePorts: "20000-22000" },
    });
    const service = { apiVersion: "v1", kind: "Service", metadata: { name: "kubernetes" } };
    const bare = storeOf({
      "/registry/services/specs/default/kubernetes": {
        ...{ ...service, spec: { clusterIP: "172.20.0.1" } },
      },
    });
    expect(rangesOf(bare, "/registry").clusterIps).toBe("172.20.0.0/24");
  });

  it("is the version that kubeadm noted, else that of the kubelets, else that of the types", async () => {
    const told = async (live: KeyReader) => toldVersion(live, await storedObjects(live));
    expect(await told(main.live)).toEqual({ version: "1.35", from: "the nodes' kubelets" });
    const kubeadm = {
      ...configMap("kube-system", "kubeadm-config"),
      data: { ClusterConfiguration: "apiServer: {}\nkubernetesVersion: v1.34.2\n" },
    };
    const noted = storeOf({ "/registry/configmaps/kube-system/kubeadm-config": kubeadm });
    expect(await told(noted)).toEqual({ version: "1.34", from: "kubeadm's ConfigMap" });
    const cidr = { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR" };
    const typed = storeOf({
      "/registry/servicecidrs/kubernetes": { ...cidr, metadata: { name: "kubernetes" } },
    });
    expect((await told(typed))?.version).toBe("1.33");
    expect(
      await told(storeOf({ "/registry/configmaps/a/b": configMap("a", "b") })),
    ).toBeUndefined();
    expect(nextMinor("1.35")).toBe("1.36");
  });

  it("is which custom resources there are, and whose other APIs", async () => {
    const { resources, aggregated } = definitionsOf(main.live, await storedObjects(main.live));
    expect([...resources.keys()]).toEqual(["backuppolicies.example.com", "widgets.example.com"]);
    expect(resources.get("widgets.example.com")).toMatchObject({
      ...{ storedVersions: ["v1"], needsWebhook: false },
    });
    expect(aggregated).toEqual([]);
    const service = { namespace: "kube-system", name: "metrics-server" };
    const metrics = storeOf({
      "/registry/apiregistration.k8s.io/apiservices/v1beta1.metrics.k8s.io": {
        ...{ apiVersion: "apiregistration.k8s.io/v1", kind: "APIService" },
        ...{ metadata: { name: "v1beta1.metrics.k8s.io" } },
        spec: { group: "metrics.k8s.io", service },
      },
    });
    expect(definitionsOf(metrics, await storedObjects(metrics)).aggregated).toEqual([
      { name: "v1beta1.metrics.k8s.io", group: "metrics.k8s.io" },
    ]);
  });
});

/** A certificate that runs out after so many days. */
async function certificate(days: number): Promise<string> {
  const folder = await temporaryDirectory();
  const [key, out] = [join(folder, "key"), join(folder, "crt")];
  const request = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    key,
    "-out",
    out,
  ];
  execFileSync("openssl", [...request, "-days", String(days), "-subj", "/CN=test"], {
    stdio: "ignore",
  });
  return readFileSync(out, "utf8");
}

describe("what would happen next", () => {
  it("is told by names and dates, without a value", async () => {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const secret = (name: string, type: string, data: object) => ({
      ...{ apiVersion: "v1", kind: "Secret", type, metadata: { namespace: "shop", name }, data },
    });
    const pod = { apiVersion: "v1", kind: "Pod", spec: { nodeName: "gone" } };
    const soon = await certificate(10);
    const later = await certificate(400);
    const notes = nextSteps(
      storeOf({
        "/registry/configmaps/shop/orphan": configMap("shop", "orphan", {
          ownerReferences: [{ uid: "nobody" }],
        }),
        "/registry/configmaps/shop/owned": configMap("shop", "owned", {
          ownerReferences: [{ uid: "uid-of-orphan" }],
        }),
        "/registry/configmaps/shop/stuck": configMap("shop", "stuck", {
          ...{ deletionTimestamp: "2026-11-01T00:00:00Z", finalizers: ["example.com/gone"] },
        }),
        "/registry/minions/here": {
          ...{ apiVersion: "v1", kind: "Node", metadata: { name: "here", uid: "n" } },
        },
        "/registry/pods/shop/a": { ...pod, metadata: { namespace: "shop", name: "a" } },
        "/registry/secrets/shop/later": secret("later", "kubernetes.io/tls", {
          "tls.crt": base64(later),
        }),
        "/registry/secrets/shop/soon": secret("soon", "kubernetes.io/tls", {
          ...{ "tls.crt": base64(soon), "tls.key": base64("canary-of-a-key") },
        }),
        "/registry/secrets/shop/token": secret("token", "bootstrap.kubernetes.io/token", {
          ...{ "token-secret": base64("canary-of-a-token"), "token-id": base64("abcdef") },
          expiration: base64("2026-01-01T00:00:00Z"),
        }),
      }),
    );
    const text = notes.join("\n");
    expect(text).toContain("1 object would be collected as garbage");
    expect(text).toContain("configmaps shop/orphan");
    expect(text).not.toContain("shop/owned");
    expect(text).toContain("1 object under deletion, held by a finalizer: configmaps shop/stuck");
    expect(text).toMatch(/1 pod would be evicted.*: gone/);
    expect(text).toMatch(/1 certificate in Secrets.*: shop\/soon tls\.crt \(runs out \d{4}-/);
    expect(text).not.toContain("shop/later");
    expect(text).toContain("1 bootstrap token: shop/token (until 2026-01-01, ran out)");
    expect(text).not.toMatch(/canary|BEGIN/);
  });

  it("is told of many pods on one node in time that grows with them: 60,000 in under 3 s of a processor", () => {
    const pod = (i: number) => ({
      ...{ apiVersion: "v1", kind: "Pod", metadata: { namespace: "a", name: `p${i}` } },
      spec: { nodeName: "gone" },
    });
    const live = {
      ...storeOf({}),
      count: 60_000,
      key: (i: number) => Buffer.from(`/registry/pods/a/p${i}`),
      value: (i: number) => Buffer.from(JSON.stringify(pod(i))),
    };
    const before = process.cpuUsage();
    expect(nextSteps(live).join()).toContain("60,000 pods would be evicted");
    expect(process.cpuUsage(before).user).toBeLessThan(3_000_000);
  });
});
