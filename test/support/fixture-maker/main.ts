/**
 * Makes the fixtures `kubernetes-MINOR.db` and the truth beside it: a real kube-apiserver of that minor writes a small
 * made-up cluster into a real etcd 3.6, changes it, lets it be compacted, changes it again, and is killed.
 *
 *     node --require ./engine/typescript.cjs test/support/fixture-maker/main.ts 1.33 [FOLDER]
 *
 * kube-apiserver is found or built (machine/programs). Two runs differ in uids, times and ids, and in nothing else.
 */
import { join } from "node:path";
import { startEtcdServer, type EtcdServer } from "../etcd-server";
import { startKubernetesServer, type ApiObject, type KubernetesServer } from "../kubernetes-server";
import {
  CUSTOM_RESOURCES,
  DEFINITIONS,
  NAMESPACES,
  NODE_OBJECTS,
  NODES,
  nodeStatus,
  object,
  RIGHTS,
  VOLUMES,
  WEBHOOKS_AND_POLICIES,
} from "./cluster";
import { NEWER } from "./newer";
import { saveFixture, until } from "./save";
import { revisionOf } from "./truth";
import { CONFIGURATION, EVENTS, LEASES, WORKLOADS } from "./workloads";

const MERGE = "application/merge-patch+json";
/** The API server compacts what is older than one such interval. */
const COMPACTION_SECONDS = 15;

/** What everybody changes and deletes all day. */
function changesOn(api: KubernetesServer) {
  const pathOf = (apiVersion: string, kind: string, name: string) =>
    api.pathOf(object(apiVersion, kind, name));
  return {
    patch: async (apiVersion: string, kind: string, name: string, patch: object, part = "") => {
      await api.ask("PATCH", `${await pathOf(apiVersion, kind, name)}${part}`, patch, MERGE);
    },
    remove: async (apiVersion: string, kind: string, name: string, now = false) => {
      const body = now ? { gracePeriodSeconds: 0 } : undefined;
      await api.ask("DELETE", await pathOf(apiVersion, kind, name), body);
    },
  };
}

async function createAll(api: KubernetesServer, objects: readonly ApiObject[]): Promise<void> {
  for (const one of objects) {
    const data = JSON.stringify(one).replace("vVERSION", `v${api.version}`);
    await api.create(JSON.parse(data) as ApiObject);
  }
}

/** Kinds of which this server has no version are left out. */
async function createNewer(api: KubernetesServer): Promise<void> {
  for (const { apiVersions, make } of NEWER) {
    for (const apiVersion of apiVersions) {
      const one = make(apiVersion);
      const served = await api.pathOf(one).then(
        () => true,
        () => false,
      );
      if (!served) continue;
      await api.create(one);
      break;
    }
  }
}

/** Before the compaction. */
async function firstLife(api: KubernetesServer, etcd: EtcdServer): Promise<void> {
  const { patch, remove } = changesOn(api);
  // The API server makes its own namespaces and priority classes some seconds after it is ready.
  await until("kube-node-lease is there", async () => {
    const path = await api.pathOf(object("v1", "Namespace", "kube-node-lease"));
    return api.ask("GET", path).then(Boolean, () => false);
  });
  await createAll(api, [...NAMESPACES, ...DEFINITIONS, ...NODE_OBJECTS, ...RIGHTS]);
  await createAll(api, [...CONFIGURATION, ...VOLUMES, ...WEBHOOKS_AND_POLICIES, ...LEASES]);
  await createAll(api, WORKLOADS);
  await createNewer(api);
  await until("widgets are served", async () =>
    api.ask("GET", "/apis/example.com/v1/widgets").then(Boolean, () => false),
  );
  await createAll(api, [...CUSTOM_RESOURCES, ...EVENTS.slice(0, EVENTS.length / 2)]);
  for (const name of NODES) {
    const status = nodeStatus(name, api.version, "2026-11-22T19:00:00Z");
    await patch("v1", "Node", name, status, "/status");
  }
  for (const n of ["1", "2"]) await patch("v1", "ConfigMap", "team-a/counter", { data: { n } });
  await remove("v1", "Pod", "team-a/to-delete-0", true);
  for (const i of [0, 1, 2]) await remove("v1", "ConfigMap", `old-project/tmp-0${i}`);
  // What is none of Kubernetes' own, and no text.
  await etcd.etcdctl("put", "/binary/\u0001\u007fkey", "\u0002");
  await etcd.etcdctl("put", "/other/program", "not Kubernetes'");
}

/** After it. */
async function secondLife(api: KubernetesServer): Promise<void> {
  const { patch, remove } = changesOn(api);
  await patch("apps/v1", "Deployment", "shop/web", { spec: { replicas: 5 } });
  await patch("example.com/v1", "Widget", "shop/widget-2", { spec: { size: 99 } });
  for (const n of ["3", "4"]) await patch("v1", "ConfigMap", "team-a/counter", { data: { n } });
  for (const name of NODES) {
    const renewTime = "2026-11-22T18:01:40.000000Z";
    await patch("coordination.k8s.io/v1", "Lease", `kube-node-lease/${name}`, {
      spec: { renewTime },
    });
  }
  await createAll(api, EVENTS.slice(EVENTS.length / 2));
  await createAll(api, [
    object("v1", "Secret", "team-a/late", { stringData: { token: "late-token-not-real" } }),
  ]);
  await remove("v1", "Pod", "team-a/to-delete-1", true);
  await remove("v1", "ConfigMap", "team-a/reborn");
  await createAll(api, [object("v1", "ConfigMap", "team-a/reborn", { data: { life: "2" } })]);
  // Stays under deletion: there is no controller that would empty it.
  await remove("v1", "Namespace", "old-project");
}

async function make(minor: string, folder: string): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const etcd = await startEtcdServer({ version: "3.6" });
  let api: KubernetesServer | undefined;
  try {
    const flags = [
      `--etcd-compaction-interval=${COMPACTION_SECONDS}s`,
      "--runtime-config=api/beta=true",
    ];
    api = await startKubernetesServer({ version: minor, etcd: etcd.url, flags });
    say(`kube-apiserver ${api.version} serves`);
    await firstLife(api, etcd);
    const first = await revisionOf(etcd);
    say(`revision ${first}; waiting for the API server's own compaction`);
    await until("compaction", async () => {
      const { compactRevision } = await etcd.hashKv(0);
      return compactRevision >= first - 5;
    });
    await secondLife(api);
    say(await saveFixture(folder, `kubernetes-${minor}.db`, api, etcd));
  } finally {
    await api?.stop("SIGKILL");
    await etcd.stop();
  }
}

const [minor, folder = join(__dirname, "..", "..", "fixtures")] = process.argv.slice(2);
if (minor === undefined || !/^1\.\d+$/.test(minor)) {
  process.stderr.write(
    "usage: main.ts MINOR [FOLDER]\nMINOR is a minor version of Kubernetes: 1.33\n",
  );
  process.exitCode = 2;
} else {
  make(minor, folder).catch((error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 3;
  });
}
