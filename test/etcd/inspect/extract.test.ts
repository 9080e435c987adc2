/** Objects out of backups that real API servers wrote. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { parseEncryptionConfig } from "../../../etcd/encryption/parse-configuration";
import { openDecryptor } from "../../../etcd/encryption/decryptor";
import { extract, NothingNamedError, type ExtractRequest } from "../../../etcd/inspect/extract";
import { foldersIn, parseWanted } from "../../../etcd/inspect/kubernetes-keys";
import { cleaned, madeBy } from "../../../etcd/kubernetes/clean";
import { servedForm } from "../../../etcd/kubernetes/definition";
import type { JsonObject } from "../../../etcd/kubernetes/json";
import { toJsonText, toYamlText } from "../../../etcd/kubernetes/print";
import { parseSelector, SelectorError } from "../../../etcd/kubernetes/selector";
import { readSnapshotKeys } from "../../../etcd/snapshot/snapshot";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
const opened = [
  readSnapshotKeys(workspace.write("main.db", snapshotBytes("kubernetes-1.35-main.db"))),
  readSnapshotKeys(workspace.write("encrypted.db", snapshotBytes("kubernetes-1.35-encrypted.db"))),
] as const;
afterAll(async () => {
  for (const keys of await Promise.all(opened)) keys.close();
  workspace.remove();
});

const CONFIG = join(__dirname, "../../fixtures/kubernetes-1.35-encrypted.encryption-config.json");

async function all(which: 0 | 1, request: Partial<ExtractRequest>, withKeys = false) {
  const { live } = await opened[which];
  const decryptor = withKeys
    ? await openDecryptor(parseEncryptionConfig(readFileSync(CONFIG, "utf8")))
    : undefined;
  const objects: JsonObject[] = [];
  const problems: string[] = [];
  const leftOut: string[] = [];
  for await (const found of extract(live, { words: [], clean: false, ...request }, decryptor)) {
    if ("object" in found) objects.push(found.object);
    else if ("problem" in found) problems.push(found.problem);
    else leftOut.push(found.resource);
  }
  decryptor?.close();
  const names = objects.map((object) => {
    const { kind, metadata } = JSON.parse(toJsonText(object)) as {
      kind: string;
      metadata: { name: string; namespace?: string };
    };
    return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
  });
  return { objects, problems, leftOut, names };
}

describe("what is extracted", () => {
  it("is every object that the API server listed, with its uid and resourceVersion", async () => {
    const { gunzipSync } = await import("node:zlib");
    const fixture = join(__dirname, "../../fixtures/kubernetes-1.35-encrypted.db.objects.json.gz");
    interface Listed {
      readonly kind: string;
      readonly namespace: string | null;
      readonly name: string;
      readonly uid: string;
      readonly resourceVersion: string;
    }
    const text = gunzipSync(readFileSync(fixture)).toString();
    const parsed = JSON.parse(text) as readonly Listed[] | { readonly objects: readonly Listed[] };
    const listed = "objects" in parsed ? parsed.objects : parsed;
    const { objects, problems } = await all(1, {}, true);
    expect(problems).toEqual([]);
    const ours = new Map(
      objects.map((object) => {
        const { metadata } = JSON.parse(toJsonText(object)) as { metadata: Listed };
        return [metadata.uid, metadata.resourceVersion];
      }),
    );
    const missing = listed.filter(({ uid, resourceVersion }) => ours.get(uid) !== resourceVersion);
    // The API server's own Lease was renewed between its list and the backup.
    expect(missing.map(({ kind }) => kind)).toEqual(missing.length === 0 ? [] : ["Lease"]);
    expect(listed.length).toBe(373);
  });

  it.each([
    ["deploy", ["Deployment shop/api", "Deployment shop/web"]],
    ["Deployment", ["Deployment shop/api", "Deployment shop/web"]],
    ["deployments.apps", ["Deployment shop/api", "Deployment shop/web"]],
    ["deployments.v1.apps/web", ["Deployment shop/web"]],
    ["deploy/web", ["Deployment shop/web"]],
    ["svc/web", ["Service shop/web"]],
    ["netpol", ["NetworkPolicy shop/deny-all"]],
    ["widget/widget-0", ["Widget shop/widget-0"]],
    ["widgets.example.com/shop/widget-0", ["Widget shop/widget-0"]],
  ])("by %s is what kubectl would list in the namespace", async (word, expected) => {
    const { names } = await all(0, {
      words: [word],
      namespace: word.includes("/shop/") ? undefined : "shop",
    });
    expect(names.filter((name) => expected.includes(name)).sort()).toEqual([...expected].sort());
    expect(names.length).toBe(expected.length);
  });

  it("of a namespace begins with the namespace, and has nothing of another", async () => {
    const { names } = await all(0, { namespace: "shop" });
    expect(names[0]).toBe("Namespace shop");
    expect(names.slice(1).every((name) => name.includes(" shop/"))).toBe(true);
    expect(names.indexOf("ConfigMap shop/web-config")).toBeLessThan(
      names.indexOf("Deployment shop/web"),
    );
  });

  it("of a resource of the whole cluster does not ask for a namespace, as with kubectl", async () => {
    const { names } = await all(0, { words: ["nodes"], namespace: "shop" });
    expect(names).toEqual(["Node master", "Node node-1", "Node node-2"]);
  });

  it("by labels is what has them", async () => {
    const web = await all(0, {
      words: ["deploy,svc"],
      selector: parseSelector("app.kubernetes.io/name=web"),
    });
    expect(web.names).toEqual(["Deployment shop/web"]);
    const rest = await all(0, {
      words: ["deploy"],
      namespace: "shop",
      selector: parseSelector("app.kubernetes.io/name in (api, db)"),
    });
    expect(rest.names).toEqual(["Deployment shop/api"]);
  });

  it("names what is not there, and what there is", async () => {
    await expect(all(0, { words: ["gadgets"] })).rejects.toThrow(
      /it has no gadgets; it has .*deployments/,
    );
    await expect(all(0, { words: ["deploy/none"], namespace: "shop" })).rejects.toThrow(
      "it has no deploy none in namespace shop",
    );
    await expect(all(0, { words: ["../../etc/passwd"] })).rejects.toThrow(NothingNamedError);
  });

  it("tells what is encrypted, and how to read it", async () => {
    const { objects, problems } = await all(1, { words: ["secrets"], namespace: "shop" });
    expect(objects).toEqual([]);
    expect(problems.join("\n")).toMatch(/db-credentials.*--encryption-config FILE gives its key/);
  });
});

describe("a cleaned object", () => {
  it("has nothing that a server set, of any object of a real store", async () => {
    const { objects } = await all(1, { clean: true }, true);
    expect(objects.length).toBeGreaterThan(100);
    for (const object of objects) {
      const text = toJsonText(object);
      const { metadata, status } = JSON.parse(text) as { metadata: object; status?: unknown };
      for (const field of [
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "ownerReferences",
      ]) {
        expect(metadata).not.toHaveProperty(field);
      }
      expect(status).toBeUndefined();
      expect(text).not.toContain("last-applied-configuration");
    }
  });

  it("keeps what a person wrote: labels, data, spec, own annotations and finalizers", async () => {
    const { objects } = await all(
      1,
      { words: ["secret/db-credentials"], namespace: "shop", clean: true },
      true,
    );
    expect(parse(toYamlText(objects[0] ?? null))).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      type: "Opaque",
      metadata: { name: "db-credentials", namespace: "shop", annotations: { rotated: "true" } },
      data: { password: "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==", username: "c2hvcA==" },
    });
    const text = (await all(0, { words: ["deploy/web"], namespace: "shop", clean: true })).objects
      .map(toYamlText)
      .join("---\n");
    expect(parseAllDocuments(text).length).toBe(1);
    expect(text).toMatch(/replicas: \d/);
  });

  const object = (kind: string, rest: object): JsonObject =>
    JSON.parse(
      JSON.stringify({ apiVersion: "v1", kind, metadata: { name: "a" }, ...rest }),
    ) as JsonObject;

  it("loses addresses that were allocated, and keeps None and a port that somebody chose", () => {
    const service = (spec: object, annotations?: object) =>
      cleaned(object("Service", { spec, metadata: { name: "a", annotations } }), true).spec;
    const ports = [{ port: 80, nodePort: 30_080 }];
    expect(
      service({ clusterIP: "10.0.0.9", clusterIPs: ["10.0.0.9"], ports, type: "NodePort" }),
    ).toEqual({
      ports: [{ port: 80 }],
      type: "NodePort",
    });
    expect(service({ clusterIP: "None", clusterIPs: ["None"] })).toEqual({
      clusterIP: "None",
      clusterIPs: ["None"],
    });
    const applied = {
      "kubectl.kubernetes.io/last-applied-configuration": '{"spec":{"ports":[{"nodePort":30080}]}}',
    };
    expect(service({ ports }, applied)).toEqual({ ports });
  });

  it("of a pod has no node and no injected token, of a Job no run, of a volume no claim's uid, and a token Secret no token", () => {
    const mounts = [
      { name: "kube-api-access-x1", mountPath: "/var/run" },
      { name: "data", mountPath: "/data" },
    ];
    const pod = object("Pod", {
      spec: {
        nodeName: "node-1",
        volumes: [{ name: "kube-api-access-x1" }, { name: "data" }],
        containers: [{ name: "a", volumeMounts: mounts }],
      },
    });
    expect(cleaned(pod, true).spec).toEqual({
      volumes: [{ name: "data" }],
      containers: [{ name: "a", volumeMounts: [mounts[1]] }],
    });
    const labels = { "controller-uid": "u", "batch.kubernetes.io/controller-uid": "u", app: "x" };
    const job = object("Job", {
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: {} } },
    });
    expect(cleaned(job, true).spec).toEqual({
      template: { metadata: { labels: { app: "x" } }, spec: {} },
    });
    const volume = object("PersistentVolume", {
      spec: { claimRef: { name: "c", namespace: "n", uid: "u", resourceVersion: "1" } },
    });
    expect(cleaned(volume, true).spec).toEqual({ claimRef: { name: "c", namespace: "n" } });
    const token = object("Secret", {
      type: "kubernetes.io/service-account-token",
      data: { token: "eA==" },
    });
    expect(cleaned(token, true).data).toBeUndefined();
  });

  it("of a definition is in the version that API servers serve, with what v1beta1 said once in each version", async () => {
    const { objects } = await all(0, { words: ["crd/widgets.example.com"], clean: true });
    const { apiVersion, spec } = parse(toYamlText(objects[0] ?? null)) as {
      apiVersion: string;
      spec: { versions: readonly object[] };
    };
    expect(apiVersion).toBe("apiextensions.k8s.io/v1");
    for (const version of spec.versions) {
      expect(version).toMatchObject({ schema: { openAPIV3Schema: { type: "object" } } });
    }
    for (const old of ["version", "validation", "preserveUnknownFields"]) {
      expect(spec).not.toHaveProperty(old);
    }
    const columns = [{ name: "Age", type: "date", JSONPath: ".metadata.age" }];
    const client = { service: { name: "a", namespace: "b" } };
    const old = {
      ...object("CustomResourceDefinition", {}),
      apiVersion: "apiextensions.k8s.io/v1beta1",
      spec: {
        ...{ version: "v2", subresources: { status: {} }, additionalPrinterColumns: columns },
        conversion: {
          strategy: "Webhook",
          webhookClientConfig: client,
          conversionReviewVersions: ["v1"],
        },
      },
    };
    expect(servedForm(old).spec).toEqual({
      versions: [
        {
          ...{ name: "v2", served: true, storage: true, subresources: { status: {} } },
          additionalPrinterColumns: [{ name: "Age", type: "date", jsonPath: ".metadata.age" }],
        },
      ],
      conversion: {
        strategy: "Webhook",
        webhook: { clientConfig: client, conversionReviewVersions: ["v1"] },
      },
    });
  });

  it("keeps the status of a custom resource whose definition does not give it to the server", () => {
    const widget = object("Widget", { status: { mine: true } });
    expect(cleaned(widget, false).status).toEqual({ mine: true });
    expect(cleaned(widget, true).status).toBeUndefined();
  });

  it("is left out where its controller, node or cluster makes it again", () => {
    const owned = { name: "a", ownerReferences: [{ kind: "ReplicaSet", controller: true }] };
    expect(madeBy(object("Pod", { metadata: owned }), "pods")).toBe("its controller");
    expect(madeBy(object("Endpoints", {}), "endpoints")).toBe("the cluster");
    expect(
      madeBy(
        object("Pod", {
          metadata: { name: "a", annotations: { "kubernetes.io/config.mirror": "x" } },
        }),
        "pods",
      ),
    ).toBe("its node");
    const loose = { name: "a", ownerReferences: [{ kind: "Backup", controller: false }] };
    expect(madeBy(object("ConfigMap", { metadata: loose }), "configmaps")).toBeUndefined();
  });
});

describe("names", () => {
  it("are told from keys", () => {
    expect(parseWanted("pods/kube-system/etcd-master", undefined)).toEqual({
      type: "pods",
      namespace: "kube-system",
      name: "etcd-master",
    });
    expect(parseWanted("pod/web", "shop")).toEqual({ type: "pod", namespace: "shop", name: "web" });
    expect(parseWanted("deploy", "shop")).toEqual({ type: "deploy", namespace: "shop" });
    for (const key of ["/registry/pods", "a/b/c/d", "a//b", "base64:AAAA", "compact_rev_key", ""]) {
      expect(parseWanted(key, undefined)).toBeUndefined();
    }
  });

  it("of resources are found in a real store by their folders, custom ones too", async () => {
    const folders = foldersIn((await opened[0]).live).map(
      ({ resource, group }) => `${resource}.${group}`,
    );
    for (const one of [
      "pods.",
      "services.",
      "endpoints.",
      "nodes.",
      "ingresses.networking.k8s.io",
      "widgets.example.com",
      "customresourcedefinitions.apiextensions.k8s.io",
    ]) {
      expect(folders).toContain(one);
    }
    expect(new Set(folders).size).toBe(folders.length);
  });

  it("of labels that cannot be read are refused", () => {
    for (const text of ["a b", "=x", "a in b", "a=b=c", "(a)", ""]) {
      expect(() => parseSelector(text)).toThrow(SelectorError);
    }
    const has = (text: string, labels: object) =>
      parseSelector(text)({ metadata: { labels } } as JsonObject);
    expect(has("a=1,b!=2,!c,d,e in (x,y),f notin (z)", { a: "1", d: "", e: "y" })).toBe(true);
    expect(has("!a", { a: "1" })).toBe(false);
    expect(has("toString", {})).toBe(false);
  });
});
