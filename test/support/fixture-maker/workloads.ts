/** What runs in the made-up cluster, and what it is configured with. Every secret in it is made up. */
import { NODES, object, wordOf } from "./cluster";
import type { ApiObject } from "../kubernetes-server";

const APPS = [
  { at: "shop/web", image: "nginx:1.29", replicas: 3, port: 80 },
  { at: "shop/api", image: "registry.example.com/shop/api:2.4.1", replicas: 2, port: 8080 },
  { at: "team-a/worker", image: "registry.example.com/team-a/worker:0.9", replicas: 2, port: 9000 },
  { at: "monitoring/prometheus", image: "quay.io/prometheus:v3.5.0", replicas: 1, port: 9090 },
  { at: "kube-system/coredns", image: "registry.k8s.io/coredns:v1.13.1", replicas: 2, port: 53 },
];

function podSpec(name: string, image: string, port: number) {
  return {
    terminationGracePeriodSeconds: 30,
    containers: [
      {
        ...{ name, image, imagePullPolicy: "IfNotPresent" },
        ports: [{ name: "main", containerPort: port }],
        resources: { requests: { cpu: "100m", memory: "100Mi" } },
        env: [
          { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          {
            name: "DB_PASSWORD",
            valueFrom: {
              secretKeyRef: { name: "db-credentials", key: "password", optional: true },
            },
          },
        ],
        readinessProbe: { httpGet: { path: "/ready", port }, periodSeconds: 10 },
        volumeMounts: [{ name: "config", mountPath: `/etc/${name}` }],
      },
    ],
    volumes: [{ name: "config", configMap: { name: `${name}-config`, optional: true } }],
  };
}

function ofApp({ at, image, replicas, port }: (typeof APPS)[number]): readonly ApiObject[] {
  const [, name = ""] = at.split("/");
  const labels = { "app.kubernetes.io/name": name };
  const hash = wordOf(at);
  const replica = { ...labels, "pod-template-hash": hash };
  const spec = podSpec(name, image, port);
  const template = (its: object) => ({ metadata: { labels: its }, spec });
  return [
    object("apps/v1", "Deployment", at, {
      metadata: { labels },
      spec: { replicas, selector: { matchLabels: labels }, template: template(labels) },
    }),
    object("apps/v1", "ReplicaSet", `${at}-${hash}`, {
      metadata: { labels: replica },
      spec: { replicas, selector: { matchLabels: replica }, template: template(replica) },
    }),
    object("v1", "Service", at, { spec: { selector: labels, ports: [{ name: "main", port }] } }),
    object("v1", "ConfigMap", `${at}-config`, {
      data: { "app.conf": `listen = 0.0.0.0:${port}\nlog_level = info\n` },
    }),
    ...Array.from({ length: replicas }, (_, i) =>
      object("v1", "Pod", `${at}-${hash}-${wordOf(`${at}${i}`, 5)}`, {
        metadata: { labels: replica, generateName: `${name}-${hash}-` },
        spec: { ...spec, nodeName: NODES[1 + (i % 2)] },
      }),
    ),
  ];
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
const template = (app: string) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: app, image: `${app}:1` }] },
});
const toDelete = [0, 1].map((i) =>
  object("v1", "Pod", `team-a/to-delete-${i}`, template("busybox")),
);

export const WORKLOADS: readonly ApiObject[] = [
  ...APPS.flatMap(ofApp),
  ...toDelete,
  object("apps/v1", "StatefulSet", "shop/postgres", {
    spec: {
      ...{ serviceName: "postgres", replicas: 2, selector: { matchLabels: { app: "postgres" } } },
      template: template("postgres"),
    },
  }),
  object("apps/v1", "DaemonSet", "monitoring/node-exporter", {
    spec: {
      selector: { matchLabels: { app: "node-exporter" } },
      template: template("node-exporter"),
    },
  }),
  object("apps/v1", "ControllerRevision", "shop/postgres-1", {
    revision: 1,
    data: { a: [1, null] },
  }),
  object("v1", "PodTemplate", "team-a/blueprint", { template: template("blueprint") }),
  object("batch/v1", "CronJob", "shop/backup", {
    spec: {
      schedule: "*/30 * * * *",
      jobTemplate: {
        spec: { template: { spec: { ...template("backup").spec, restartPolicy: "OnFailure" } } },
      },
    },
  }),
  object("batch/v1", "Job", "shop/migrate", {
    spec: { template: { spec: { ...template("migrate").spec, restartPolicy: "Never" } } },
  }),
  object("autoscaling/v2", "HorizontalPodAutoscaler", "shop/web", {
    spec: {
      ...{ minReplicas: 2, maxReplicas: 10 },
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
    },
  }),
  object("policy/v1", "PodDisruptionBudget", "shop/web", {
    spec: { minAvailable: 1, selector: { matchLabels: { "app.kubernetes.io/name": "web" } } },
  }),
  object("networking.k8s.io/v1", "IngressClass", "nginx", {
    spec: { controller: "k8s.io/ingress-nginx" },
  }),
  object("networking.k8s.io/v1", "Ingress", "shop/web", {
    spec: {
      ingressClassName: "nginx",
      tls: [{ hosts: ["shop.example.com"], secretName: "registry" }],
      defaultBackend: { service: { name: "web", port: { number: 80 } } },
    },
  }),
  object("networking.k8s.io/v1", "NetworkPolicy", "shop/deny-all", {
    spec: { podSelector: {}, policyTypes: ["Ingress"] },
  }),
  object("v1", "ResourceQuota", "team-a/quota", { spec: { hard: { "limits.memory": "16Gi" } } }),
  object("v1", "LimitRange", "team-a/defaults", {
    spec: { limits: [{ type: "Container", defaultRequest: { cpu: "50m" } }] },
  }),
  object("scheduling.k8s.io/v1", "PriorityClass", "shop-high", { value: 100_000 }),
  object("node.k8s.io/v1", "RuntimeClass", "gvisor", { handler: "runsc" }),
  object("discovery.k8s.io/v1", "EndpointSlice", "shop/web-1", {
    ...{ addressType: "IPv4", ports: [{ name: "main", port: 80, protocol: "TCP" }] },
    endpoints: [{ addresses: ["100.96.1.7"], conditions: { ready: true }, nodeName: "node-1" }],
  }),
];

export const CONFIGURATION: readonly ApiObject[] = [
  object("v1", "ConfigMap", "kube-system/kubeadm-config", {
    data: { ClusterConfiguration: "kubernetesVersion: vVERSION\nclusterName: synthetic\n" },
  }),
  object("v1", "ConfigMap", "team-a/binary-data", {
    binaryData: { blob: Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("base64") },
    data: { empty: "", unicode: "žluťoučký kůň — 漢字 🦀", lines: "a\r\nb\r\n\t" },
  }),
  object("v1", "ConfigMap", "monitoring/dashboards", {
    data: {
      "dashboard.json": Array.from({ length: 6000 }, (_, i) => wordOf(String(i % 500), 9)).join(
        " ",
      ),
    },
  }),
  object("v1", "ConfigMap", "team-a/counter", { data: { n: "0" } }),
  object("v1", "ConfigMap", "team-a/reborn", { data: { life: "1" } }),
  ...Array.from({ length: 12 }, (_, i) =>
    object("v1", "ConfigMap", `old-project/tmp-${String(i).padStart(2, "0")}`, {
      data: { k: wordOf(String(i), 60) },
    }),
  ),
  object("v1", "Secret", "shop/db-credentials", {
    data: { username: base64("shop"), password: base64("correct-horse-battery-staple") },
  }),
  object("v1", "Secret", "team-a/binary-key", { data: { key: base64("\u0000\u0001not a key") } }),
  object("v1", "Secret", "monitoring/registry", {
    type: "kubernetes.io/dockerconfigjson",
    data: {
      ".dockerconfigjson": base64('{"auths":{"registry.example.com":{"auth":"bm90OnJlYWw="}}}'),
    },
  }),
  object("v1", "Secret", "kube-system/bootstrap-token-07401b", {
    type: "bootstrap.kubernetes.io/token",
    stringData: { "token-id": "07401b", "token-secret": "f395accd246ae52d" },
  }),
];

export const LEASES: readonly ApiObject[] = [
  ...NODES.map((name) => `kube-node-lease/${name}`),
  ...["kube-scheduler", "kube-controller-manager"].map((name) => `kube-system/${name}`),
].map((name) =>
  object("coordination.k8s.io/v1", "Lease", name, {
    spec: {
      ...{ holderIdentity: name.split("/")[1], leaseDurationSeconds: 40 },
      renewTime: "2026-11-22T18:00:00.000000Z",
    },
  }),
);

const REASONS = ["Scheduled", "Pulled", "Created", "Started", "BackOff"];
export const EVENTS: readonly ApiObject[] = Array.from({ length: 80 }, (_, i) => {
  const [app = APPS[0]] = APPS.slice(i % APPS.length);
  const [namespace = "", name = ""] = (app?.at ?? "").split("/");
  const at = `2026-11-22T18:${String(i % 60).padStart(2, "0")}:00Z`;
  return object("v1", "Event", `${namespace}/${name}.18b3c0de${i.toString(16).padStart(8, "0")}`, {
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace, name },
    ...{ reason: REASONS[i % REASONS.length], message: `what happened to ${name}, ${i}` },
    ...{ type: i % 5 === 4 ? "Warning" : "Normal", source: { component: "kubelet" } },
    ...{ firstTimestamp: at, lastTimestamp: at, count: 1 },
  });
});
