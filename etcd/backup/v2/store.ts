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
  /** Milliseconds since 1970. */
  expires: number | undefined;
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

const folder = (index: number, expires?: number): Node => ({
  ...{ value: "", children: new Map<string, Node>(), expires },
  ...{ createdIndex: index, modifiedIndex: index },
});

/** A request that the store refuses, as it refused its client: nothing changes. */
class Refused extends Error {}

/** A store as a snapshot holds it, or an empty one. */
export function createStore(root: Node = folder(0), startIndex = 0): Store {
  let index = startIndex;

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
    parent.set(
      name,
      request.dir
        ? folder(index, expires)
        : { value, children: undefined, createdIndex: index, modifiedIndex: index, expires },
    );
  }

  function write(node: Node, request: Request): void {
    index += 1;
    if (!request.refresh) node.value = request.value;
    node.modifiedIndex = index;
    node.expires = expiry(request);
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

  function expire(node: Node, until: number): void {
    for (const [name, child] of node.children ?? []) {
      if (child.expires !== undefined && child.expires <= until) {
        index += 1;
        node.children?.delete(name);
      } else expire(child, until);
    }
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
        expire(root, milliseconds(request.time));
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
const MOST_EARLY = Date.UTC(2000);

function expiry({ expiration }: Request): number | undefined {
  const expires = milliseconds(expiration);
  return expires < MOST_EARLY ? undefined : expires;
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000n);
}
