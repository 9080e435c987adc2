/** What the servers themselves say of a store, for the files beside a fixture. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { EtcdServer } from "../etcd-server";
import { basePath, resourcesOf, type KubernetesServer } from "../kubernetes-server";

interface Header {
  readonly revision: number;
  readonly cluster_id: string;
  readonly member_id: string | number;
  readonly raft_term: number;
}
interface Stored {
  readonly key: string;
  readonly create_revision: number;
  readonly mod_revision: number;
  readonly version: number;
  readonly lease?: string | number;
  readonly value?: string;
}

/** etcdctl's JSON; numbers that may pass 2^53 come as strings. */
async function asked(etcd: EtcdServer, ...args: readonly string[]): Promise<unknown> {
  const text = await etcd.etcdctl(...args, "-w", "json");
  return JSON.parse(text.replace(/:(\d{16,})(?=[,}\]])/g, ':"$1"'));
}

/** Saves a snapshot of a store that nobody writes to, and tells what its server says of it. */
export async function saveWithTruth(
  etcd: EtcdServer,
  file: string,
  of: { readonly name: string; readonly kubernetes: string },
): Promise<object> {
  const revision = await revisionOf(etcd);
  await etcd.saveSnapshot(file);
  const bytes = readFileSync(file);
  const [status] = (await asked(etcd, "endpoint", "status")) as [
    { Status: Record<string, unknown> & { header: Header } },
  ];
  const { hash, compactRevision: told } = await etcd.hashKv(revision);
  // etcd says -1 of a store that was never compacted.
  const compacted = Math.max(0, told);
  const { kvs } = (await asked(etcd, "get", "", "--prefix")) as { kvs: readonly Stored[] };
  const { leases = [] } = (await asked(etcd, "lease", "list")) as {
    leases?: readonly { id: string | number }[];
  };
  const granted = await Promise.all(
    leases.map(async ({ id }) => {
      const hex = BigInt(id).toString(16);
      const told = (await asked(etcd, "lease", "timetolive", hex)) as { "granted-ttl": number };
      return { id: String(id), granted_ttl: told["granted-ttl"] };
    }),
  );
  const { Status: said } = status;
  if ((await revisionOf(etcd)) !== revision) throw new Error("the store was written to meanwhile");
  return {
    ...{ file: of.name, file_size: bytes.length, file_sha256: sha256(bytes) },
    db_sha256_trailer: bytes.subarray(-32).toString("hex"),
    ...{ etcd_version: said.version, etcd_storage_version: said.storageVersion },
    kubernetes_version: `v${of.kubernetes}`,
    ...{ revision, compact_revision: compacted, raft_term: said.raftTerm },
    member_id: String(said.header.member_id),
    hashkv: { hash, compact_revision: compacted },
    ...{ live_keys: kvs.length, leases: granted },
    keys: kvs.map(({ value = "", lease = 0, ...kv }) => ({
      ...{ key: kv.key, create_revision: kv.create_revision, mod_revision: kv.mod_revision },
      ...{ version: kv.version, lease: lease === 0 ? 0 : String(lease) },
      value_size: Buffer.from(value, "base64").length,
      value_sha256: sha256(Buffer.from(value, "base64")),
    })),
  };
}

export async function revisionOf(etcd: EtcdServer): Promise<number> {
  const [{ Status }] = (await asked(etcd, "endpoint", "status")) as [
    { Status: { header: Header } },
  ];
  return Status.header.revision;
}

/** Of a key, the revision that wrote it last; 0 where it is not there. */
export async function modRevisionOf(etcd: EtcdServer, key: string): Promise<number> {
  const { kvs = [] } = (await asked(etcd, "get", key, "--prefix", "--keys-only")) as {
    kvs?: readonly Stored[];
  };
  return Math.max(0, ...kvs.map(({ mod_revision }) => mod_revision));
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

interface Group {
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly { readonly version: string }[];
}
interface List {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly namespace?: string;
      readonly uid?: string;
      readonly resourceVersion?: string;
    };
  }[];
}

/** Every object that the API server lists, each once, in the version that it prefers. */
export async function listedObjects({ ask }: KubernetesServer): Promise<readonly object[]> {
  const { groups } = (await ask("GET", "/apis")) as { groups: readonly Group[] };
  const objects: object[] = [];
  const seen = new Set<string>();
  for (const { name: group, versions } of [
    { name: "", versions: [{ version: "v1" }] },
    ...groups,
  ]) {
    // That group lists what `events` of the core group does.
    if (group === "events.k8s.io") continue;
    for (const { version } of versions) {
      const apiVersion = group === "" ? version : `${group}/${version}`;
      for (const { name: resource, kind, verbs } of await resourcesOf(ask, apiVersion)) {
        // Component statuses are computed when they are asked for.
        if (!verbs.includes("list") || resource === "componentstatuses") continue;
        if (seen.has(`${resource}.${group}`)) continue;
        seen.add(`${resource}.${group}`);
        const { items } = (await ask("GET", `${basePath(apiVersion)}/${resource}`)) as List;
        for (const { metadata } of items) {
          const { namespace = "", name, uid = "", resourceVersion = "" } = metadata;
          const called = { group, version, resource, kind, namespace, name };
          objects.push({ ...called, uid, resourceVersion });
        }
      }
    }
  }
  return objects;
}
