/** The objects of a backup as an API server should list them: read by our own reader, from the file alone. */
import { ROOTS } from "../etcd/kubernetes/cluster-identity";
import { describeKey } from "../etcd/kubernetes/key";
import { objectMeta, type NoMeta, type ObjectMeta } from "../etcd/kubernetes/object-meta";
import { classify } from "../etcd/kubernetes/storage";
import type { KeyReader } from "../etcd/snapshot/types";
import { withPrefix } from "../etcd/wire/sorted-keys";

/** One object of the file. */
export interface StoredObject {
  /** Number of its key. */
  readonly index: number;
  /** Undefined where the value does not tell: it is encrypted, or damaged. */
  readonly uid: string | undefined;
  readonly modRevision: number;
  /** `apps/v1`, empty where the value does not tell. */
  readonly apiVersion: string;
}

/** The objects of one resource, by `NAMESPACE/NAME` (`/NAME` without a namespace). */
export interface StoredResource {
  readonly group: string;
  readonly resource: string;
  readonly objects: ReadonlyMap<string, StoredObject>;
}

/** An object that is not what its key says, or that cannot be read at all. */
export interface MisplacedObject {
  readonly resource: string;
  /** `NAMESPACE/NAME` of the key. */
  readonly name: string;
  readonly problem: string;
}

export interface StoredObjects {
  /** By `resource.group`, `pods` for the core group. */
  readonly resources: ReadonlyMap<string, StoredResource>;
  readonly count: number;
  readonly misplaced: readonly MisplacedObject[];
  /** Root of the keys that an API server reads: `/registry`. Empty when there is no object. */
  readonly root: string;
  /** Objects under another root: of an aggregated API server with a prefix of its own. */
  readonly elsewhere: number;
  readonly encrypted: number;
}

/** Gives the plain value of an encrypted one; undefined when it cannot be opened. */
export type Decrypt = (key: Buffer, value: Buffer) => Promise<Buffer | undefined>;

const PROBLEMS: Readonly<Record<NoMeta, string | undefined>> = {
  damaged: "the value is damaged",
  "not-an-object": "the value is no object",
  encrypted: undefined,
};

type MutableResource = StoredResource & { readonly objects: Map<string, StoredObject> };

/** Reads every object of a store once, in the order of its keys. */
export async function storedObjects(live: KeyReader, decrypt?: Decrypt): Promise<StoredObjects> {
  const root = rootOf(live);
  const resources = new Map<string, MutableResource>();
  const misplaced: MisplacedObject[] = [];
  let [count, elsewhere, encrypted] = [0, 0, 0];
  for (let index = 0; index < live.count; index++) {
    const key = live.key(index);
    const described = describeKey(key.toString());
    if (described?.kind !== "object") continue;
    let value = live.value(index);
    if (classify(value).kind === "encrypted") {
      encrypted += 1;
      value = (await decrypt?.(key, value)) ?? value;
    }
    const meta = objectMeta(value);
    // A key that looks like Kubernetes' with something else behind it is somebody else's, unless the resource is known.
    if (meta === "not-an-object" && described.group === undefined) continue;
    if (described.root !== root) {
      elsewhere += 1;
      continue;
    }
    const [found, unread] = typeof meta === "string" ? [undefined, meta] : [meta, undefined];
    const group = described.group ?? groupOf(found?.apiVersion) ?? "";
    const resource = resourceName(described.resource, group);
    const name = `${described.namespace ?? ""}/${described.name}`;
    let entry = resources.get(resource);
    if (entry === undefined) {
      entry = { group, resource: described.resource, objects: new Map() };
      resources.set(resource, entry);
    }
    const { modRevision } = live.metadata(index);
    const { uid, apiVersion = "" } = found ?? {};
    entry.objects.set(name, { index, uid: uid === "" ? undefined : uid, modRevision, apiVersion });
    count += 1;
    const problem = unread === undefined ? misplacement(name, found) : PROBLEMS[unread];
    if (problem !== undefined) misplaced.push({ resource, name, problem });
  }
  return { resources, count, misplaced, root, elsewhere, encrypted };
}

/** `deployments.apps`, `pods`. */
export function resourceName(resource: string, group: string): string {
  return group === "" ? resource : `${resource}.${group}`;
}

/** What an object says of itself when that is not what its key says. */
function misplacement(name: string, { namespace, name: own }: ObjectMeta): string | undefined {
  const said = `${namespace}/${own}`;
  return said === name ? undefined : `under its key lies the object ${shown(said)}`;
}

/** `shop/web`; without a namespace the name alone. */
export function shown(name: string): string {
  return name.startsWith("/") ? name.slice(1) : name;
}

function groupOf(apiVersion: string | undefined): string | undefined {
  return apiVersion?.includes("/") === true ? apiVersion.split("/")[0] : undefined;
}

function rootOf(live: KeyReader): string {
  const isThere = (root: string): boolean => {
    const [first, end] = withPrefix(live, Buffer.from(`${root}/`));
    return end > first;
  };
  return ROOTS.find(isThere) ?? "";
}
