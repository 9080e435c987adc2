/** The keys and folders of users in a v2 store, one by one, in the order in which etcd lists them. */
import type { Node } from "./store";

/** A key, or a folder. */
export interface V2Node {
  /** As users name it: `/registry/pods`. */
  readonly name: string;
  /** Absent: a folder. */
  readonly value: string | undefined;
  readonly createdIndex: number;
  readonly modifiedIndex: number;
  /** When it runs out, in nanoseconds since 1970; absent: never. */
  readonly expires?: bigint | undefined;
  /** When it goes, by itself or with a folder above it. */
  readonly gone?: bigint | undefined;
  /** Its own name begins with `_`: no listing of its folder has it, or anything below it. */
  readonly isHidden: boolean;
}

/** Keys of users lie under `/1`; `/0` is the cluster's own, `/2` that of the users' rights. */
export function listNodes(root: Node): readonly V2Node[] {
  const nodes: V2Node[] = [];
  function visit(node: Node, name: string, own: string, above: bigint | undefined): void {
    const { expires, createdIndex, modifiedIndex, children } = node;
    const gone = earlier(expires, above);
    nodes.push({
      ...{ name, createdIndex, modifiedIndex, isHidden: own.startsWith("_") },
      value: children === undefined ? node.value : undefined,
      ...(expires === undefined ? {} : { expires }),
      ...(gone === undefined ? {} : { gone }),
    });
    for (const [child, below] of sorted(children)) visit(below, `${name}/${child}`, child, gone);
  }
  for (const [name, node] of sorted(root.children?.get("1")?.children)) {
    visit(node, `/${name}`, name, undefined);
  }
  return nodes;
}

function sorted(children: ReadonlyMap<string, Node> | undefined): readonly [string, Node][] {
  // By bytes, as Go compares; JavaScript's own order is that of UTF-16.
  return [...(children ?? [])].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function earlier(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}
