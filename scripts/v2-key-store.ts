/** The old v2 store of a running etcd, as `ls` and `get` look into it: through its HTTP interface. */
import type { Endpoint } from "../etcd/client/endpoint";
import { EtcdError } from "../etcd/client/etcd-error";
import { openV2, type ServedNode, type ServedTree, type V2Client } from "../etcd/client/v2-client";
import { sortedKeys } from "../etcd/inspect/keys";
import type { SortedKeys } from "../etcd/wire/sorted-keys";
import type { KeyStore, Served } from "./opened-store";

/** Its indexes stand where a v3 store has revisions. Hidden keys are in no listing, and can be named. */
export function servedV2Store(endpoint: Endpoint, { name, signal, release }: Served): KeyStore {
  const client = openV2(endpoint, signal);
  return {
    name,
    keys: async (prefix) => keysOf(await below(client, nameOf(prefix))),
    async get(key) {
      const [node] = (await client.read(nameOf(key), "one"))?.nodes ?? [];
      if (node?.value === undefined) return undefined;
      const { value, createdIndex, modifiedIndex } = node;
      const metadata = {
        ...{ createRevision: createdIndex, modRevision: modifiedIndex },
        ...{ version: 0, lease: 0n },
      };
      return { key, value: Buffer.from(value), metadata };
    },
    near: async (key) => keysOf(await nearest(client, nameOf(key))),
    close: () => {
      client.close();
      release?.();
    },
  };
}

/** What to say of an etcd whose v3 store has not what was asked for, where it serves a v2 store that has keys. */
export async function v2Hint(endpoint: Endpoint, signal: AbortSignal): Promise<string | undefined> {
  const client = openV2(endpoint, signal);
  try {
    const tree = await client.read("/", "one");
    return tree === undefined || tree.nodes.length < 2
      ? undefined
      : `etcd at ${endpoint.url} serves a v2 store as well, which has keys: --v2 looks into that`;
  } catch (error) {
    if (error instanceof EtcdError) return undefined;
    throw error;
  } finally {
    client.close();
  }
}

/** As the interface names it: without a slash at its end. */
function nameOf(key: Buffer): string {
  return `/${key.toString("utf8").replace(/^\/+|\/+$/g, "")}`;
}

/** What has a name, and what is below it; where there is nothing of that name, all whose names begin so. */
async function below(client: V2Client, name: string): Promise<readonly ServedNode[]> {
  const tree = await client.read(name);
  if (tree !== undefined) return tree.nodes;
  const folder = await client.read(parentOf(name), "one");
  const alike = childrenOf(folder).filter((child) => child.name.startsWith(name));
  const trees = [];
  for (const child of alike) trees.push(...((await client.read(child.name))?.nodes ?? []));
  return trees;
}

/** What lies in the nearest folder that is there: keys, and folders with a slash at their end. */
async function nearest(client: V2Client, name: string): Promise<readonly ServedNode[]> {
  for (let folder = parentOf(name); ; folder = parentOf(folder)) {
    const children = childrenOf(await client.read(folder, "one"));
    if (children.length > 0 || folder === "/") {
      return children.map((child) =>
        child.value === undefined ? { ...child, name: `${child.name}/`, value: "" } : child,
      );
    }
  }
}

function childrenOf(tree: ServedTree | undefined): readonly ServedNode[] {
  return tree?.nodes.slice(1) ?? [];
}

function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("/"))) || "/";
}

function keysOf(nodes: readonly ServedNode[]): SortedKeys {
  const keys = nodes.flatMap(({ name, value }) => (value === undefined ? [] : Buffer.from(name)));
  return sortedKeys(keys.sort((a, b) => Buffer.compare(a, b)));
}
