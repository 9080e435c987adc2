/**
 * The v2 store: a tree of files and folders, as etcd kept its keys before 3.0 and with `--enable-v2` up to 3.5.
 *
 * Follows etcd's `server/etcdserver/api/v2store/store.go` and `etcdserver/apply_v2.go`, for what becomes of the keys:
 * no watchers, no events, no history.
 */
import { posix } from "node:path";
import type { Request } from "./request";

/** A folder has children, a key has none. */
interface Node {
  value: string;
  readonly children: Map<string, Node> | undefined;
  readonly createdIndex: number;
  modifiedIndex: number;
  /** Nanoseconds since 1970. */
  expires: bigint | undefined;
}

/** A store that requests change. */
export interface Store {
  /** Counts every change. */
  readonly index: () => number;
  apply(request: Request): void;
  /** The cluster has written into its own part of the store, so many times. */
  skip(changes: number): void;
  readonly root: () => Node;
}

export type { Node };

const folder = (index: number, expires?: bigint): Node => ({
  ...{ value: "", children: new Map<string, Node>(), expires },
  ...{ createdIndex: index, modifiedIndex: index },
});

/** A request that the store refuses, as it refused its client: nothing changes. */
class Refused extends Error {}

/** A store as a snapshot holds it, or an empty one. */
export function createStore(root: Node = folder(0), startIndex = 0): Store {
  let index = startIndex;
  const clock = createClock(root);

  function find(path: string): Node {
    let node: Node | undefined = root;
    for (const name of namesOf(path)) node = node?.children?.get(name);
    if (node === undefined) throw new Refused();
    return node;
  }

  function parentOf(path: string, make: boolean): { parent: Map<string, Node>; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw new Refused();
    let { children } = root;
    for (const step of names) {
      let next = children?.get(step);
      if (next === undefined && make) {
        next = folder(index + 1);
        children?.set(step, next);
      }
      children = next?.children;
    }
    if (children === undefined) throw new Refused();
    return { parent: children, name };
  }

  function create(request: Request, path: string, replace: boolean, value: string): void {
    const { parent, name } = parentOf(path, true);
    const there = parent.get(name);
    if (there !== undefined && (!replace || there.children !== undefined)) throw new Refused();
    index += 1;
    const expires = expiry(request);
    if (there !== undefined) clock.forget(there);
    const made: Node = request.dir
      ? folder(index, expires)
      : { value, children: undefined, createdIndex: index, modifiedIndex: index, expires };
    parent.set(name, made);
    clock.watch(made, parent, name);
  }

  function write(node: Node, request: Request): void {
    index += 1;
    if (!request.refresh) node.value = request.value;
    node.modifiedIndex = index;
    node.expires = expiry(request);
    const { parent, name } = parentOf(request.path, false);
    clock.watch(node, parent, name);
  }

  function compared(request: Request): Node {
    const node = find(request.path);
    const { prevIndex, prevValue } = request;
    const isSame =
      node.children === undefined &&
      (prevIndex === 0 || prevIndex === node.modifiedIndex) &&
      (prevValue === "" || prevValue === node.value);
    if (!isSame) throw new Refused();
    return node;
  }

  function remove(path: string): void {
    const { parent, name } = parentOf(path, false);
    index += 1;
    const there = parent.get(name);
    if (there !== undefined) clock.forget(there);
    parent.delete(name);
  }

  function put(request: Request): void {
    const { path, prevExist, prevIndex, prevValue } = request;
    const compares = prevIndex > 0 || prevValue !== "";
    if (prevExist === false) create(request, path, false, request.value);
    else if (compares) write(compared(request), request);
    else if (prevExist === true) {
      const node = find(path);
      if (node.children !== undefined && request.value !== "") throw new Refused();
      write(node, request);
    } else create(request, path, true, request.refresh ? find(path).value : request.value);
  }

  function deleteKey(request: Request): void {
    const { path, dir, recursive, prevIndex, prevValue } = request;
    if (prevIndex > 0 || prevValue !== "") compared(request);
    else {
      const { children } = find(path);
      if (children !== undefined && !dir && !recursive) throw new Refused();
      if (children !== undefined && children.size > 0 && !recursive) throw new Refused();
    }
    remove(path);
  }

  function carryOut(request: Request): void {
    switch (request.method) {
      case "PUT":
        put(request);
        break;
      case "POST": {
        const name = String(index + 1).padStart(20, "0");
        create(request, posix.join(request.path, name), false, request.value);
        break;
      }
      case "DELETE":
        deleteKey(request);
        break;
      case "SYNC":
        index += clock.expire(request.time);
        break;
      default: // reads
    }
  }

  return {
    index: () => index,
    root: () => root,
    skip(changes) {
      index += changes;
    },
    apply(request) {
      try {
        carryOut(request);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
      }
    },
  };
}

function namesOf(path: string): string[] {
  return posix
    .normalize(`/${path}`)
    .split("/")
    .filter((name) => name !== "");
}

/** Before 2000 means never (`minExpireTime`). */
const MOST_EARLY = BigInt(Date.UTC(2000)) * 1_000_000n;

function expiry({ expiration }: Request): bigint | undefined {
  return expiration < MOST_EARLY ? undefined : expiration;
}

/** Which keys and folders run out: a log asks twice a second, and most keys never do (`ttl_key_heap.go`). */
function createClock(root: Node) {
  const timed = new Map<Node, { readonly siblings: Map<string, Node>; readonly name: string }>();

  function watch(node: Node, siblings: Map<string, Node>, name: string): void {
    if (node.expires === undefined) timed.delete(node);
    else timed.set(node, { siblings, name });
  }

  function forget(node: Node): void {
    timed.delete(node);
    for (const child of node.children?.values() ?? []) forget(child);
  }

  function watchBelow({ children }: Node): void {
    for (const [name, child] of children ?? []) {
      if (children !== undefined) watch(child, children, name);
      watchBelow(child);
    }
  }
  watchBelow(root);

  return {
    watch,
    forget,
    /** Removes what has run out by then, the earliest first; how many changes of the store that is. */
    expire(until: bigint): number {
      const over = [...timed].filter(([{ expires }]) => expires !== undefined && expires <= until);
      over.sort(([a], [b]) => Number((a.expires ?? 0n) - (b.expires ?? 0n)));
      let changes = 0;
      for (const [node, { siblings, name }] of over) {
        if (!timed.has(node)) continue; // gone with its folder
        forget(node);
        siblings.delete(name);
        changes += 1;
      }
      return changes;
    },
  };
}
