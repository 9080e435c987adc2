import { describe, expect, test } from "vitest";
import { etcdPods, pathOnNode } from "../../cluster/etcd-pods";
import { exercise, k0smotron, kops, kubeadm, openshift, others, rke2 } from "./pod-samples";

const one = (item: unknown) => {
  const [pod, ...more] = etcdPods({ items: [item] });
  expect(more).toEqual([]);
  return pod;
};

describe("the etcd pods of each kind of cluster", () => {
  test("kubeadm: everything stands in the command", () => {
    expect(one(kubeadm())).toEqual({
      name: "etcd-cp1",
      namespace: "kube-system",
      cluster: "main",
      node: "cp1",
      ready: true,
      container: "etcd",
      image: "registry.k8s.io/etcd:3.6.6-0",
      version: "3.6.6",
      endpoints: ["https://192.0.2.10:2379"],
      localUrl: "https://127.0.0.1:2379",
      tls: true,
      certificates: {
        ca: "/etc/kubernetes/pki/etcd/ca.crt",
        certificate: "/etc/kubernetes/pki/etcd/server.crt",
        key: "/etc/kubernetes/pki/etcd/server.key",
      },
      dataDir: "/var/lib/etcd",
      mounts: {
        "/var/lib/etcd": "/var/lib/etcd",
        "/etc/kubernetes/pki/etcd": "/etc/kubernetes/pki/etcd",
      },
    });
  });

  test("kops: main and events by etcd-manager, the API server's certificates on the node", () => {
    const pods = etcdPods({ items: [kops("events"), kops("main")] });
    expect(pods.map(({ cluster, localUrl }) => [cluster, localUrl])).toEqual([
      ["main", "https://127.0.0.1:4001"],
      ["events", "https://127.0.0.1:4002"],
    ]);
    const [main] = pods;
    expect(main?.container).toBe("etcd-manager");
    // Its image's tag is etcd-manager's own version.
    expect(main?.version).toBeUndefined();
    expect(main && pathOnNode(main, main.certificates?.key ?? "")).toBe(
      "/etc/kubernetes/pki/kube-apiserver/etcd-client.key",
    );
  });

  test("the exercise: settings in the environment, without TLS", () => {
    const pods = etcdPods({ items: [exercise("events"), exercise("main")] });
    expect(
      pods.map(({ cluster, tls, endpoints, version }) => ({ cluster, tls, endpoints, version })),
    ).toEqual([
      {
        cluster: "main",
        tls: false,
        endpoints: ["http://etcd-a.internal.example.com:4001"],
        version: "3.2.24",
      },
      {
        cluster: "events",
        tls: false,
        endpoints: ["http://etcd-a.internal.example.com:4002"],
        version: "3.2.24",
      },
    ]);
    expect(pods[0]).toMatchObject({ localUrl: "http://127.0.0.1:4001", dataDir: "/var/etcd/data" });
    expect(pods[0]).not.toHaveProperty("certificates");
  });

  test("OpenShift: the container that serves, of several, out of its script", () => {
    expect(one(openshift())).toMatchObject({
      namespace: "openshift-etcd",
      container: "etcd",
      endpoints: ["https://192.0.2.20:2379"],
      localUrl: "https://127.0.0.1:2379",
      certificates: {
        ca: "/etc/kubernetes/static-pod-certs/configmaps/etcd-serving-ca/ca-bundle.crt",
        certificate:
          "/etc/kubernetes/static-pod-certs/secrets/etcd-all-certs/etcd-serving-master-0.crt",
        key: "/etc/kubernetes/static-pod-certs/secrets/etcd-all-certs/etcd-serving-master-0.key",
      },
      dataDir: "/var/lib/etcd",
    });
  });

  test("k0smotron: a StatefulSet, whose data is no folder of the node", () => {
    const pod = one(k0smotron());
    expect(pod).toMatchObject({
      ready: false,
      version: "3.5.13",
      dataDir: "/var/lib/k0s/etcd",
      endpoints: ["https://kmc-lab-etcd-0.kmc-lab-etcd.default.svc:2379"],
    });
    expect(pod && pathOnNode(pod, "/var/lib/k0s/etcd")).toBeUndefined();
  });

  test("RKE2: found by its image, though its settings are in a file", () => {
    expect(one(rke2())).toMatchObject({
      name: "etcd-server-1",
      cluster: "main",
      version: "3.5.21",
    });
  });

  test("what only has etcd in its name or beside it is none", () => {
    expect(etcdPods({ items: others })).toEqual([]);
  });
});

test("a node that is called events-1 makes no etcd of the events", () => {
  expect(one(kubeadm("events-1"))).toMatchObject({ name: "etcd-events-1", cluster: "main" });
  expect(one(kops("main", "etcd-events-a"))).toMatchObject({ cluster: "main" });
  expect(one(exercise("events", "main-1"))).toMatchObject({ cluster: "events" });
});

test("a pod that is being deleted is not ready, whatever its conditions say", () => {
  const pod = kubeadm();
  const item = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-11-29T15:00:00Z" } };
  expect(one(item)?.ready).toBe(false);
});

test("the innermost mount says where a file lies on the node", () => {
  const mounts = { "/": "/host", "/data": "/srv/etcd", "/data/wal": "/fast/wal" };
  expect(pathOnNode({ mounts }, "/data/wal/0.wal")).toBe("/fast/wal/0.wal");
  expect(pathOnNode({ mounts }, "/data/x.db")).toBe("/srv/etcd/x.db");
  expect(pathOnNode({ mounts }, "/data")).toBe("/srv/etcd");
  expect(pathOnNode({ mounts }, "/database")).toBe("/host/database");
  expect(pathOnNode({ mounts: { "/data": "/srv" } }, "/database")).toBeUndefined();
});
