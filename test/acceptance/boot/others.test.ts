/** What real clusters have besides: other API servers, webhooks that nobody answers, an upgrade ahead. */
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

const WIDGETS = "/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.example.com";

function jsonOf(object: object): Buffer {
  return Buffer.from(JSON.stringify(object));
}

function valueOf(key: string): Buffer {
  return keys.live.value(keys.live.indexOf(Buffer.from(key)));
}

describe("a backup passes", () => {
  it("of a cluster with an aggregated API, and a webhook for everything, whose servers are not there", async () => {
    const service = { namespace: "kube-system", name: "metrics-server", port: 443 };
    const metrics = "v1beta1.metrics.k8s.io";
    const file = await planted(main, async (store) => {
      await store.put(
        `/registry/apiregistration.k8s.io/apiservices/${metrics}`,
        jsonOf({
          ...{ kind: "APIService", apiVersion: "apiregistration.k8s.io/v1" },
          metadata: { name: metrics, uid: "00000000-0000-4000-8000-000000000001" },
          spec: {
            ...{ group: "metrics.k8s.io", version: "v1beta1", service },
            ...{ groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true },
          },
        }),
      );
      const every = {
        ...{ apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"] },
      };
      await store.put(
        "/registry/validatingwebhookconfigurations/everything",
        jsonOf({
          ...{
            kind: "ValidatingWebhookConfiguration",
            apiVersion: "admissionregistration.k8s.io/v1",
          },
          metadata: { name: "everything", uid: "00000000-0000-4000-8000-000000000002" },
          webhooks: [
            {
              ...{ name: "every.example.com", failurePolicy: "Fail", sideEffects: "None" },
              ...{ admissionReviewVersions: ["v1"], clientConfig: { service }, rules: [every] },
            },
          ],
        }),
      );
    });
    const { checks, kubernetes } = await booted(file);
    expect(checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(kubernetes?.same).toBe(320);
  });

  it("on the next minor of Kubernetes and of etcd", async () => {
    const file = await planted(main, (store) =>
      store.put(
        "/registry/configmaps/kube-system/kubeadm-config",
        jsonOf({
          ...{ kind: "ConfigMap", apiVersion: "v1" },
          metadata: {
            ...{ namespace: "kube-system", name: "kubeadm-config" },
            uid: "00000000-0000-4000-8000-000000000003",
          },
          data: { ClusterConfiguration: "kubernetesVersion: v1.34.2\n" },
        }),
      ),
    );
    const { checks, kubernetes, etcdVersion } = await booted(file, { kubernetes: "next" });
    expect(checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(kubernetes?.version).toMatch(/^1\.35\./);
    expect(kubernetes?.versionFrom).toBe("the next of 1.34, by kubeadm's ConfigMap");
    expect(etcdVersion).toMatch(/^3\.7\./);
  });
});

describe("nothing is promised", () => {
  it("of custom resources that a webhook converts and that are stored in two versions", async () => {
    const definition = JSON.parse(valueOf(WIDGETS).toString()) as {
      spec: { versions: { name: string; storage: boolean }[]; conversion: object };
      status: { storedVersions: string[] };
    };
    const [first] = definition.spec.versions;
    if (first === undefined) throw new Error("the fixture has no version");
    definition.spec.versions.push({ ...first, name: "v2", storage: false });
    // As apiextensions.k8s.io/v1beta1 has it, in which definitions are stored.
    definition.spec.conversion = {
      strategy: "Webhook",
      webhookClientConfig: { url: "https://192.0.2.7/convert" },
      conversionReviewVersions: ["v1"],
    };
    const stored = async (inBoth: boolean) => {
      definition.status.storedVersions = inBoth ? ["v1", "v2"] : ["v1"];
      const file = await planted(main, async (store) => {
        await store.put(WIDGETS, jsonOf(definition));
        const widget = "/registry/example.com/widgets/shop/widget-2";
        const value = valueOf(widget).toString();
        if (inBoth) await store.put(widget, Buffer.from(value.replace("com/v1", "com/v2")));
      });
      return booted(file);
    };
    const mixed = await stored(true);
    expect(mixed.check("kubernetes-not-asked")).toMatchObject({ verdict: "not-checked" });
    expect(mixed.check("kubernetes-not-asked")?.reason).toBe(
      "widgets.example.com (6 objects): a webhook converts them",
    );
    expect(mixed.check("kubernetes-objects")).toMatchObject({ verdict: "pass" });
    const alike = await stored(false);
    expect(alike.check("kubernetes-not-asked")).toBeUndefined();
    expect(alike.check("kubernetes-objects")).toMatchObject({ verdict: "pass" });
  });
});
