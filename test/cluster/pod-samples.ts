/** Pods as the API server of each kind of cluster gives them; what nobody here reads is left out. */

interface Sample {
  readonly name: string;
  readonly namespace?: string;
  readonly node: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly container: Readonly<Record<string, unknown>> & { readonly image: string };
  readonly volumes?: readonly object[];
  readonly ready?: boolean;
}

function pod({ name, namespace = "kube-system", node, labels, container, volumes, ready }: Sample) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels, uid: "b2c2a1de-0000-4000-8000-000000000000" },
    spec: {
      nodeName: node,
      hostNetwork: true,
      containers: [{ name: "etcd", ...container }],
      volumes,
    },
    status: {
      phase: "Running",
      conditions: [
        { type: "Initialized", status: "True" },
        { type: "Ready", status: ready === false ? "False" : "True" },
      ],
    },
  };
}

const PKI = "/etc/kubernetes/pki/etcd";
const hostPath = (name: string, path: string) => ({
  name,
  hostPath: { path, type: "DirectoryOrCreate" },
});

/** kubeadm 1.35; kubespray's is the same with `etcd_deployment_type: kubeadm`. */
export const kubeadm = (node = "cp1") =>
  pod({
    name: `etcd-${node}`,
    node,
    labels: { component: "etcd", tier: "control-plane" },
    container: {
      image: "registry.k8s.io/etcd:3.6.6-0",
      command: [
        "etcd",
        "--advertise-client-urls=https://192.0.2.10:2379",
        `--cert-file=${PKI}/server.crt`,
        "--client-cert-auth=true",
        "--data-dir=/var/lib/etcd",
        "--initial-advertise-peer-urls=https://192.0.2.10:2380",
        `--key-file=${PKI}/server.key`,
        "--listen-client-urls=https://127.0.0.1:2379,https://192.0.2.10:2379",
        `--trusted-ca-file=${PKI}/ca.crt`,
      ],
      volumeMounts: [
        { mountPath: "/var/lib/etcd", name: "etcd-data" },
        { mountPath: PKI, name: "etcd-certs" },
      ],
    },
    volumes: [hostPath("etcd-certs", PKI), hostPath("etcd-data", "/var/lib/etcd")],
  });

/** kops since etcd-manager: one script of a shell. */
export const kops = (which: "main" | "events", node = "i-0a1b2c3d4e5f60718") =>
  pod({
    name: `etcd-manager-${which}-${node}`,
    node,
    labels: { "k8s-app": `etcd-manager-${which}` },
    container: {
      name: "etcd-manager",
      image: "registry.k8s.io/etcd-manager/etcd-manager-slim:v3.0.20250628",
      command: [
        "/bin/sh",
        "-c",
        "mkfifo /tmp/pipe; (tee -a /var/log/etcd.log < /tmp/pipe & ) ; exec /etcd-manager " +
          `--backup-store=s3://store/prod.example.com/backups/etcd/${which} ` +
          `--client-urls=https://__name__:${which === "main" ? 4001 : 4002} ` +
          `--cluster-name=etcd${which === "main" ? "" : "-events"} --containerized=true ` +
          "--dns-suffix=.internal.prod.example.com --grpc-port=3996 --peer-urls=https://__name__:2380 " +
          `--v=6 --volume-name-tag=k8s.io/etcd/${which} --volume-provider=aws > /tmp/pipe 2>&1`,
      ],
      volumeMounts: [
        { mountPath: "/rootfs", name: "rootfs" },
        { mountPath: "/etc/kubernetes/pki/etcd-manager", name: "pki" },
      ],
    },
    volumes: [
      { name: "rootfs", hostPath: { path: "/", type: "Directory" } },
      hostPath("pki", `/etc/kubernetes/pki/etcd-manager-${which}`),
    ],
  });

/** kops before etcd-manager, as in the exercise: settings in the environment, no TLS, the log through a pipe. */
export const exercise = (which: "main" | "events", node = "ip-172-20-32-10.ec2.internal") => {
  const name = which === "main" ? "etcd-server" : "etcd-server-events";
  const port = which === "main" ? 4001 : 4002;
  return pod({
    name: `${name}-${node}`,
    node,
    labels: { "k8s-app": name },
    container: {
      name: "etcd-container",
      image: "k8s.gcr.io/etcd:3.2.24",
      command: [
        "/bin/sh",
        "-c",
        "mkfifo /tmp/pipe; (tee -a /var/log/etcd.log < /tmp/pipe & ) ; exec /usr/local/bin/etcd > /tmp/pipe 2>&1",
      ],
      env: [
        { name: "ETCD_NAME", value: "etcd-a" },
        { name: "ETCD_DATA_DIR", value: `/var/etcd/data${which === "main" ? "" : "-events"}` },
        { name: "ETCD_LISTEN_CLIENT_URLS", value: `http://0.0.0.0:${port}` },
        { name: "ETCD_ADVERTISE_CLIENT_URLS", value: `http://etcd-a.internal.example.com:${port}` },
        {
          name: "ETCD_INITIAL_CLUSTER_TOKEN",
          value: `etcd-cluster-token-etcd${which === "main" ? "" : "-events"}`,
        },
      ],
      volumeMounts: [{ mountPath: "/var/etcd/data", name: "varetcdata" }],
    },
    volumes: [hostPath("varetcdata", "/mnt/master-vol-0abc/var/etcd/data")],
  });
};

/** OpenShift 4: a script that ends in nice and ionice, several containers, certificates named by node. */
export const openshift = (node = "master-0") => {
  const certs = "/etc/kubernetes/static-pod-certs/secrets/etcd-all-certs";
  const sample = pod({
    name: `etcd-${node}`,
    namespace: "openshift-etcd",
    node,
    labels: { app: "etcd", "k8s-app": "etcd", etcd: "true", revision: "7" },
    container: {
      name: "etcd",
      image: "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:0f1e2d",
      command: [
        "/bin/sh",
        "-c",
        "#!/bin/sh\nset -euo pipefail\netcdctl member list || true\n" +
          'export ETCD_NAME="${NODE_master_0_ETCD_NAME}"\nenv | grep ETCD | grep -v NODE\nset -x\n' +
          "exec nice -n -19 ionice -c2 -n0 etcd \\\n  --logger=zap \\\n" +
          `  --cert-file=${certs}/etcd-serving-${node}.crt \\\n  --key-file=${certs}/etcd-serving-${node}.key \\\n` +
          "  --trusted-ca-file=/etc/kubernetes/static-pod-certs/configmaps/etcd-serving-ca/ca-bundle.crt \\\n" +
          '  --client-cert-auth=true \\\n  --advertise-client-urls="https://192.0.2.20:2379" \\\n' +
          '  --listen-client-urls="https://0.0.0.0:2379,unixs://${NODE_IP}:0" || mv /etc/kubernetes/etcd-backup-dir/x /y\n',
      ],
      env: [
        { name: "ETCD_DATA_DIR", value: "/var/lib/etcd" },
        { name: "NODE_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
      ],
      volumeMounts: [
        { mountPath: "/etc/kubernetes/static-pod-certs", name: "cert-dir" },
        { mountPath: "/var/lib/etcd/", name: "data-dir" },
      ],
    },
    volumes: [
      hostPath("cert-dir", "/etc/kubernetes/static-pod-resources/etcd-certs"),
      hostPath("data-dir", "/var/lib/etcd"),
    ],
  });
  const beside = {
    name: "etcdctl",
    image: "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:0f1e2d",
    command: ["/bin/bash", "-c", "trap TERM INT; sleep infinity & wait"],
  };
  return { ...sample, spec: { ...sample.spec, containers: [beside, ...sample.spec.containers] } };
};

/** A control plane of k0smotron, whose etcd is a StatefulSet: a name of its own, no folder of the node. */
export const k0smotron = () =>
  pod({
    name: "kmc-lab-etcd-0",
    node: "worker-3",
    labels: { app: "k0smotron", cluster: "lab", component: "etcd" },
    container: {
      image: "quay.io/k0sproject/etcd:v3.5.13",
      args: [
        "etcd --name ${HOSTNAME} --listen-client-urls=https://0.0.0.0:2379 " +
          "--advertise-client-urls=https://kmc-lab-etcd-0.kmc-lab-etcd.default.svc:2379 --data-dir /var/lib/k0s/etcd " +
          "--cert-file=/var/lib/k0s/pki/etcd-server.crt --key-file=/var/lib/k0s/pki/etcd-server.key " +
          "--trusted-ca-file=/var/lib/k0s/pki/etcd-ca.crt",
      ],
      command: ["/bin/bash", "-c"],
      volumeMounts: [{ mountPath: "/var/lib/k0s/etcd", name: "etcd-data" }],
    },
    volumes: [
      { name: "etcd-data", persistentVolumeClaim: { claimName: "etcd-data-kmc-lab-etcd-0" } },
    ],
    ready: false,
  });

/** RKE2: settings in a file that the pod does not show. */
export const rke2 = () =>
  pod({
    name: "etcd-server-1",
    node: "server-1",
    labels: { component: "etcd", tier: "control-plane" },
    container: {
      image: "index.docker.io/rancher/hardened-etcd:v3.5.21-k3s1-build20250612",
      args: ["--config-file=/var/lib/rancher/rke2/server/db/etcd/config"],
    },
  });

/** Pods that have etcd in their name or beside them and serve none. */
export const others = [
  pod({
    name: "kube-apiserver-cp1",
    node: "cp1",
    labels: { component: "kube-apiserver" },
    container: {
      image: "registry.k8s.io/kube-apiserver:v1.35.4",
      command: ["kube-apiserver", "--etcd-servers=https://127.0.0.1:2379"],
    },
  }),
  pod({
    name: "etcd-backup-29384756-x7k2p",
    node: "cp1",
    labels: { component: "etcd-backup" },
    container: {
      image: "registry.k8s.io/etcd:3.6.6-0",
      command: [
        "etcdctl",
        "--endpoints=https://127.0.0.1:2379",
        "snapshot",
        "save",
        "/backup/x.db",
      ],
    },
  }),
  pod({
    name: "etcd-operator-6c5f9d7b8-q2w3e",
    node: "worker-1",
    container: {
      image: "quay.io/cilium/cilium-etcd-operator:v2.0.7",
      command: ["/usr/bin/cilium-etcd-operator"],
    },
  }),
  { apiVersion: "v1", kind: "Pod", metadata: { name: "broken" } },
];
