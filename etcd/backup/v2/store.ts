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
  index(): number;
  apply(request: Request): void;
  /** The cluster has written into its own part of the store, so many times. */
  skip(changes: number): void;
  root(): Node;
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
  return new Tree(root, startIndex);
}

class Tree implements Store {
  private readonly clock: ReturnType<typeof createClock>;

  constructor(
    private readonly tree: Node,
    private changes: number,
  ) {
    this.clock = createClock(tree);
  }

  index(): number {
    return this.changes;
  }

  root(): Node {
    return this.tree;
  }

  skip(changes: number): void {
    this.changes += changes;
  }

  apply(request: Request): void {
    try {
      this.carryOut(request);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }

  private find(path: string): Node {
    let node: Node | undefined = this.tree;
    for (const name of namesOf(path)) node = node?.children?.get(name);
    if (node === undefined) throw new Refused();
    return node;
  }

  private parentOf(path: string, make: boolean): { parent: Map<string, Node>; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw new Refused();
    let { children } = this.tree;
    for (const step of names) {
      let next = children?.get(step);
      if (next === undefined && make) {
        next = folder(this.changes + 1);
        children?.set(step, next);
      }
      children = next?.children;
    }
    if (children === undefined) throw new Refused();
    return { parent: children, name };
  }

  private create(request: Request, path: string, replace: boolean, value: string): void {
    const { parent, name } = this.parentOf(path, true);
    const there = parent.get(name);
    if (there !== undefined && (!replace || there.children !== undefined)) throw new Refused();
    this.changes += 1;
    const expires = expiry(request);
    if (there !== undefined) this.clock.forget(there);
    const made: Node = request.dir
      ? folder(this.changes, expires)
      : {
          value,
          children: undefined,
          createdIndex: this.changes,
          modifiedIndex: this.changes,
          expires,
        };
    parent.set(name, made);
    this.clock.watch(made, parent, name);
  }

  private write(node: Node, request: Request): void {
    this.changes += 1;
    if (!request.refresh) node.value = request.value;
    node.modifiedIndex = this.changes;
    node.expires = expiry(request);
    const { parent, name } = this.parentOf(request.path, false);
    this.clock.watch(node, parent, name);
  }

  private compared(request: Request): Node {
    const node = this.find(request.path);
    const { prevIndex, prevValue } = request;
    const isSame =
      node.children === undefined &&
      (prevIndex === 0 || prevIndex === node.modifiedIndex) &&
      (prevValue === "" || prevValue === node.value);
    if (!isSame) throw new Refused();
    return node;
  }

  private remove(path: string): void {
    const { parent, name } = this.parentOf(path, false);
    this.changes += 1;
    const there = parent.get(name);
    if (there !== undefined) this.clock.forget(there);
    parent.delete(name);
  }

  private put(request: Request): void {
    const { path, prevExist, prevIndex, prevValue } = request;
    const compares = prevIndex > 0 || prevValue !== "";
    if (prevExist === false) this.create(request, path, false, request.value);
    else if (compares) this.write(this.compared(request), request);
    else if (prevExist === true) {
      const node = this.find(path);
      if (node.children !== undefined && request.value !== "") throw new Refused();
      this.write(node, request);
    } else
      this.create(request, path, true, request.refresh ? this.find(path).value : request.value);
  }

  private deleteKey(request: Request): void {
    const { path, dir, recursive, prevIndex, prevValue } = request;
    if (prevIndex > 0 || prevValue !== "") this.compared(request);
    else {
      const { children } = this.find(path);
      if (children !== undefined && !dir && !recursive) throw new Refused();
      if (children !== undefined && children.size > 0 && !recursive) throw new Refused();
    }
    this.remove(path);
  }

  private carryOut(request: Request): void {
    switch (request.method) {
      case "PUT":
        this.put(request);
        break;
      case "POST": {
        const name = String(this.changes + 1).padStart(20, "0");
        this.create(request, posix.join(request.path, name), false, request.value);
        break;
      }
      case "DELETE":
        this.deleteKey(request);
        break;
      case "SYNC":
        this.changes += this.clock.expire(request.time);
        break;
      default: // reads
    }
  }
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
