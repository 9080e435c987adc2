/** What a server has of a v2 store, held against what the backup has: every key and folder, one by one. */
import type { V2Node } from "../../backup/v2/nodes";
import type { V2Store } from "../../backup/v2/v2-backup";
import type { ServedNode, ServedTree, V2Client } from "../../client/v2-client";
import type { KeyField } from "../../report/report";
import { differenceLog, type DifferenceLog } from "../differences";

/** What came of it. */
export interface V2Comparison {
  readonly differences: DifferenceLog;
  /** Of the backup: found as they were. */
  readonly sameKeys: number;
  readonly sameFolders: number;
  readonly sameHidden: number;
  /** Not there, because they have run out by the server's clock; and how many of these are hidden. */
  readonly gone: number;
  readonly goneHidden: number;
  /** Written after the backup, in a store that is in use. */
  readonly since: number;
  /** Their time to live is right by the server's clock, or is not. */
  readonly rightTtls: number;
  readonly wrongTtls: number;
  /** Not in the order in which the backup has them. */
  readonly isOrdered: boolean;
  /** The store's count of changes, `X-Etcd-Index`. */
  readonly index: number;
}

/** By which the clock of an answer may be behind: it tells whole seconds, and was written after the store was read. */
const CLOCK_SECONDS = 2;

/** How it is compared. */
interface CompareOptions {
  /** The store was written to since: what has a later index than the backup is not held against it. */
  readonly inUse: boolean;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Reads the whole store, and each hidden key or folder by itself, for no listing has those. */
export async function compareV2(
  client: V2Client,
  { nodes, index }: Pick<V2Store, "nodes" | "index">,
  { inUse, onProgress }: CompareOptions,
): Promise<V2Comparison> {
  const comparison = createComparison(nodes, inUse ? index : Infinity);
  const root = await client.read("/");
  if (root !== undefined) comparison.take({ ...root, nodes: root.nodes.slice(1) });
  const hidden = nodes.filter(({ isHidden }) => isHidden);
  for (const [at, { name }] of hidden.entries()) {
    const tree = await client.read(name);
    if (tree !== undefined) comparison.take(tree);
    onProgress?.(nodes.length - hidden.length + at + 1, nodes.length);
  }
  return comparison.end(root?.at ?? Date.now());
}

/** @param latest index after which a change is none of the backup's */
function createComparison(nodes: readonly V2Node[], latest: number) {
  const expected = new Map(nodes.map((node, at) => [node.name, { ...node, at }]));
  const differences = differenceLog();
  const found = new Set<string>();
  const counts = { keys: 0, folders: 0, hidden: 0, rightTtls: 0, wrongTtls: 0, since: 0 };
  let isOrdered = true;
  let index = 0;

  function takeNode(served: ServedNode, at: number): void {
    const { name } = served;
    const node = expected.get(name);
    found.add(name);
    if (served.modifiedIndex > latest) {
      counts.since += 1;
      return;
    }
    if (node === undefined) {
      differences.extra(Buffer.from(name));
      return;
    }
    const fields = differingFields(node, served);
    if (fields.length > 0) differences.changed(Buffer.from(name), fields);
    else {
      counts[node.value === undefined ? "folders" : "keys"] += 1;
      if (node.isHidden) counts.hidden += 1;
    }
    if (served.expires === undefined) return;
    counts[isRightTtl(served.expires, served.ttl, at) ? "rightTtls" : "wrongTtls"] += 1;
  }

  return {
    take(tree: ServedTree): void {
      index = Math.max(index, tree.index);
      let before = -1;
      for (const served of tree.nodes) {
        takeNode(served, tree.at);
        const place = expected.get(served.name)?.at ?? before;
        isOrdered &&= place >= before;
        before = place;
      }
    },
    end(at: number): V2Comparison {
      let gone = 0;
      let goneHidden = 0;
      for (const node of nodes) {
        if (found.has(node.name)) continue;
        if (!hasRunOut(node, at)) differences.missing(Buffer.from(node.name));
        else {
          gone += 1;
          if (node.isHidden) goneHidden += 1;
        }
      }
      return {
        ...{ differences, gone, goneHidden, isOrdered, index, since: counts.since },
        ...{ sameKeys: counts.keys, sameFolders: counts.folders, sameHidden: counts.hidden },
        ...{ rightTtls: counts.rightTtls, wrongTtls: counts.wrongTtls },
      };
    },
  };
}

/** By the server's clock; etcd looks twice a second for what has run out. */
function hasRunOut({ gone }: V2Node, at: number): boolean {
  return gone !== undefined && Number(gone / 1_000_000n) <= at + CLOCK_SECONDS * 1000;
}

function differingFields(node: V2Node, served: ServedNode): readonly KeyField[] {
  const fields: KeyField[] = [];
  if (node.value !== served.value) fields.push("value");
  if (node.createdIndex !== served.createdIndex) fields.push("createdIndex");
  if (node.modifiedIndex !== served.modifiedIndex) fields.push("modifiedIndex");
  if (node.expires !== served.expires) fields.push("expiration");
  return fields;
}

/** It is rounded up, and what has run out is not removed at once. */
function isRightTtl(expires: bigint, ttl: number | undefined, at: number): boolean {
  const left = Number(expires / 1_000_000n) / 1000 - at / 1000;
  return ttl !== undefined && Math.abs(ttl - left) <= CLOCK_SECONDS;
}
