/** What a made-up cluster has beside its workloads: namespaces, nodes, rights, definitions, webhooks, policies, storage. */
import { createHash } from "node:crypto";
import type { ApiObject } from "../kubernetes-server";

/** An object in short. */
export function object(
  apiVersion: string,
  kind: string,
  name: string,
  rest: object = {},
): ApiObject {
  const [own = name, namespace] = name.split("/").reverse();
  const { metadata, ...fields } = rest as { metadata?: object };
  return {
    ...{ apiVersion, kind },
    metadata: { name: own, ...(namespace !== undefined && { namespace }), ...metadata },
    ...fields,
  };
}

/** The same word for the same name, so that two runs write alike. */
export function wordOf(name: string, length = 10): string {
  const letters = "bcdfghjklmnpqrstvwxz2456789";
  const digest = createHash("sha512").update(name).digest();
  return Array.from(digest.subarray(0, length), (byte) => letters[byte % letters.length]).join("");
}

const OWN_NAMESPACES = ["shop", "monitoring", "ingress-nginx", "team-a", "old-project"];
export const NODES = ["master", "node-1", "node-2"];

export const NAMESPACES = OWN_NAMESPACES.map((name) =>
  object("v1", "Namespace", name, {
    metadata: { labels: { team: name, "pod-security.kubernetes.io/enforce": "privileged" } },
  }),
);

const ANY = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const SCHEMA = {
  openAPIV3Schema: {
    type: "object",
    properties: {
      spec: { ...ANY, properties: { size: { type: "integer", format: "int64" } } },
      status: ANY,
    },
  },
};

function definition(plural: string, kind: string, scope: string, versions: readonly string[]) {
  return object("apiextensions.k8s.io/v1", "CustomResourceDefinition", `${plural}.example.com`, {
    spec: {
      ...{ group: "example.com", scope, names: { plural, singular: kind.toLowerCase(), kind } },
      versions: versions.map((name, i) => ({
        ...{ name, served: true, storage: i === 0, schema: SCHEMA },
        ...(i === 0 && { subresources: { status: {} } }),
      })),
    },
  });
}

export const DEFINITIONS = [
  definition("widgets", "Widget", "Namespaced", ["v1", "v1beta1"]),
  definition("backuppolicies", "BackupPolicy", "Cluster", ["v1"]),
];

const SIZES = [1, 4503599627370497, -5, 0, 42, 7];
const COLOURS = ["red", "grün", "синий", "黄色", '<b>&"quoted"', "line1\nline2"];
export const CUSTOM_RESOURCES = [
  ...SIZES.map((size, i) =>
    object("example.com/v1", "Widget", `${i % 2 === 0 ? "shop" : "team-a"}/widget-${i}`, {
      spec: {
        size,
        colour: COLOURS[i],
        nested: { deep: [{ a: null }, { b: true }, []], "🦀": 1e21 },
      },
    }),
  ),
  object("example.com/v1", "BackupPolicy", "nightly", { spec: { size: 7, schedule: "0 3 * * *" } }),
];

export const NODE_OBJECTS = NODES.map((name, i) =>
  object("v1", "Node", name, {
    metadata: {
      labels: {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        ...(i === 0 && { "node-role.kubernetes.io/control-plane": "" }),
      },
    },
    spec: { podCIDR: `100.96.${i}.0/24`, podCIDRs: [`100.96.${i}.0/24`] },
  }),
);

/** What a kubelet of a version says of its node. */
export function nodeStatus(name: string, version: string, at: string): object {
  const condition = (type: string, status: string, reason: string) => ({
    ...{ type, status, reason, lastHeartbeatTime: at, lastTransitionTime: at },
  });
  return {
    status: {
      addresses: [{ type: "Hostname", address: name }],
      capacity: { cpu: "2", memory: "3926984Ki", pods: "110" },
      conditions: [
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        condition("Ready", "True", "KubeletReady"),
      ],
      nodeInfo: {
        ...{ machineID: wordOf(name, 32), systemUUID: "", bootID: "", kubeProxyVersion: "" },
        ...{ kernelVersion: "6.12.1", osImage: "Debian GNU/Linux 13 (trixie)" },
        ...{ containerRuntimeVersion: "containerd://2.1.4", kubeletVersion: `v${version}` },
        ...{ operatingSystem: "linux", architecture: "amd64" },
      },
    },
  };
}

const RBAC = "rbac.authorization.k8s.io/v1";
const READ = ["get", "list", "watch"];
export const RIGHTS = [
  ...["coredns", "prometheus", "deployer"].map((name) =>
    object("v1", "ServiceAccount", `${name === "coredns" ? "kube-system" : "monitoring"}/${name}`),
  ),
  object(RBAC, "Role", "shop/deployer", {
    rules: [{ apiGroups: ["apps"], resources: ["deployments"], verbs: [...READ, "patch"] }],
  }),
  object(RBAC, "RoleBinding", "shop/deployer", {
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "deployer" },
    subjects: [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "shop-devs" }],
  }),
  object(RBAC, "ClusterRole", "prometheus", {
    rules: [
      { apiGroups: [""], resources: ["nodes", "services", "pods"], verbs: READ },
      { nonResourceURLs: ["/metrics"], verbs: ["get"] },
    ],
  }),
  object(RBAC, "ClusterRoleBinding", "prometheus", {
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "prometheus" },
    subjects: [{ kind: "ServiceAccount", name: "prometheus", namespace: "monitoring" }],
  }),
];

const SERVICE = { namespace: "ingress-nginx", name: "admission", path: "/check", port: 443 };
/** For ingresses in one labelled namespace alone: nothing answers them while the store is made. */
function webhook(name: string) {
  return {
    ...{ name, failurePolicy: "Fail", sideEffects: "None", timeoutSeconds: 5 },
    admissionReviewVersions: ["v1"],
    clientConfig: { service: SERVICE },
    namespaceSelector: { matchLabels: { team: "nobody" } },
    rules: [
      {
        ...{ apiGroups: ["networking.k8s.io"], apiVersions: ["v1"], operations: ["CREATE"] },
        ...{ resources: ["ingresses"] },
      },
    ],
  };
}

const ADMISSION = "admissionregistration.k8s.io/v1";
export const WEBHOOKS_AND_POLICIES = [
  object(ADMISSION, "ValidatingWebhookConfiguration", "ingress-nginx", {
    webhooks: [webhook("validate.nginx.ingress.kubernetes.io")],
  }),
  object(ADMISSION, "MutatingWebhookConfiguration", "sidecars", {
    webhooks: [webhook("sidecars.example.com")],
  }),
  object(ADMISSION, "ValidatingAdmissionPolicy", "replicas.example.com", {
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          {
            ...{ apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"] },
            ...{ resources: ["deployments"] },
          },
        ],
      },
      validations: [{ expression: "object.spec.replicas <= 100", message: "at most 100" }],
    },
  }),
  object(ADMISSION, "ValidatingAdmissionPolicyBinding", "replicas.example.com", {
    spec: { policyName: "replicas.example.com", validationActions: ["Audit"] },
  }),
];

const STORAGE = "storage.k8s.io/v1";
export const VOLUMES = [
  object(STORAGE, "StorageClass", "gp3", {
    ...{ provisioner: "ebs.csi.aws.com", parameters: { type: "gp3" }, reclaimPolicy: "Delete" },
    volumeBindingMode: "WaitForFirstConsumer",
  }),
  object(STORAGE, "CSIDriver", "ebs.csi.aws.com", { spec: { attachRequired: true } }),
  object(STORAGE, "CSINode", "node-1", {
    spec: { drivers: [{ name: "ebs.csi.aws.com", nodeID: "i-0", topologyKeys: ["zone"] }] },
  }),
  ...[0, 1].flatMap((i) => [
    object("v1", "PersistentVolume", `pv-${i}`, {
      spec: {
        ...{ capacity: { storage: "10Gi" }, accessModes: ["ReadWriteOnce"] },
        ...{
          storageClassName: "gp3",
          csi: { driver: "ebs.csi.aws.com", volumeHandle: `vol-${i}` },
        },
      },
    }),
    object("v1", "PersistentVolumeClaim", `shop/data-postgres-${i}`, {
      spec: {
        ...{ accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Gi" } } },
        ...{ storageClassName: "gp3", volumeName: `pv-${i}` },
      },
    }),
    object(STORAGE, "VolumeAttachment", `csi-${i}`, {
      spec: {
        ...{ attacher: "ebs.csi.aws.com", nodeName: NODES[1 + i] },
        source: { persistentVolumeName: `pv-${i}` },
      },
    }),
  ]),
];
