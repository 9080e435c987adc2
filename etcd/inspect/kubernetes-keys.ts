/** Keys that people name as they do for kubectl: `pods/kube-system/etcd-master`, `deploy -n shop`. */
import { describeKey } from "../kubernetes/key";
import { builtInFolders, isNamed, type ResourceFolder } from "../kubernetes/resource-names";
import { firstFrom, withPrefix, type SortedKeys } from "../wire/sorted-keys";

/** What a word asks for. */
export interface Wanted {
  /** `deploy`, `deployments.apps` */
  readonly type: string;
  readonly namespace?: string;
  readonly name?: string;
}

/**
 * Reads `TYPE`, `TYPE/NAME` or `TYPE/NAMESPACE/NAME`; undefined for anything else, such as a key.
 * @param namespace of `-n`
 */
export function parseWanted(word: string, namespace: string | undefined): Wanted | undefined {
  const [type = "", ...rest] = word.split("/");
  if (!/^[A-Za-z][A-Za-z0-9.-]*$/.test(type) || rest.length > 2 || rest.includes(""))
    return undefined;
  const [first, second] = rest;
  const space = second === undefined ? namespace : first;
  const name = second ?? first;
  return {
    type,
    ...(space !== undefined && { namespace: space }),
    ...(name !== undefined && { name }),
  };
}

const SLASH = 0x2f;
/** Enough that a store without any order in it costs little. */
const MOST_FOLDERS = 10_000;

/** The resources that a store holds, each with its folder: found by jumping from one folder to the next. */
export function foldersIn(keys: SortedKeys): readonly ResourceFolder[] {
  const found: ResourceFolder[] = [];
  for (const root of ["/kubernetes.io/", "/openshift.io/", "/registry/"]) {
    const [first, end] = withPrefix(keys, Buffer.from(root));
    for (let i = first; i < end && found.length < MOST_FOLDERS;) {
      const key = keys.key(i);
      const folder = folderOf(key, root.length);
      if (folder === undefined) {
        i += 1;
        continue;
      }
      found.push(folder);
      const after = Buffer.from(folder.folder);
      after[after.length - 1] = SLASH + 1;
      i = Math.max(i + 1, firstFrom(keys, after));
    }
  }
  return found;
}

/** Where the objects of a key's resource lie: what is left of the key without namespace and name. */
function folderOf(key: Buffer, rootLength: number): ResourceFolder | undefined {
  const text = key.toString();
  const described = describeKey(text);
  if (described?.kind !== "object") return undefined;
  const { resource, group, namespace, name } = described;
  const tail = namespace === undefined ? name : `${namespace}/${name}`;
  const folder = text.slice(0, text.length - tail.length);
  return folder.length > rootLength ? { resource, group: group ?? "", folder } : undefined;
}

/** The numbers of the keys in a folder that are wanted, in order; `-n` says nothing of what has no namespace. */
export function keysWanted(
  keys: SortedKeys,
  folder: ResourceFolder,
  { namespace, name }: Pick<Wanted, "namespace" | "name">,
): readonly number[] {
  const [first, end] = withPrefix(keys, Buffer.from(folder.folder));
  const found: number[] = [];
  for (let i = first; i < end; i++) {
    const parts = keys.key(i).toString().slice(folder.folder.length).split("/");
    const [space, own] = parts.length > 1 ? parts : [undefined, parts[0]];
    if (name !== undefined && own !== name) continue;
    if (namespace !== undefined && space !== undefined && space !== namespace) continue;
    found.push(i);
  }
  return found;
}

/** The folders that a type names, out of those that are there. */
export function foldersNamed(
  type: string,
  folders: readonly ResourceFolder[],
): readonly ResourceFolder[] {
  return folders.filter((folder) => isNamed(type, folder));
}

/** A store that has to be asked for its keys. */
interface AskedStore {
  keys(prefix: Buffer): Promise<SortedKeys>;
}

/**
 * The folder that a type names: of Kubernetes' own resources it is known, for others the store is asked for all its keys.
 * @returns those that hold a key, several where resources of several groups have one name
 */
export async function findFolders(
  type: string,
  store: AskedStore,
): Promise<readonly (ResourceFolder & { readonly keys: SortedKeys })[]> {
  const found: (ResourceFolder & { readonly keys: SortedKeys })[] = [];
  for (const folder of builtInFolders(type)) {
    const keys = await store.keys(Buffer.from(folder.folder));
    const [first, end] = withPrefix(keys, Buffer.from(folder.folder));
    if (end > first) found.push({ ...folder, keys });
  }
  if (found.length > 0) return found;
  const keys = await store.keys(Buffer.from("/"));
  return foldersNamed(type, foldersIn(keys)).map((folder) => ({ ...folder, keys }));
}
