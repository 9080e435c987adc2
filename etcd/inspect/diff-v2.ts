/** What became of the keys of a v2 store: two backups, or one and a running etcd. Values are compared, never shown. */
import type { V2Store } from "../backup/v2/v2-backup";
import type { V2Client } from "../client/v2-client";
import type { KeyField } from "../report/report";
import { printableKey } from "../wire/keys";
import { changeLog, type Change, type KeyChange, type StoreDiff } from "./diff";

/** A key of one of the two. */
interface Node {
  readonly value: string;
  readonly createdIndex: number;
  readonly modifiedIndex: number;
  readonly expires?: bigint | undefined;
}

/** One of the two stores: its keys by their names. */
export interface V2Side {
  readonly name: string;
  /** Its count of changes, `X-Etcd-Index`. */
  readonly index: number;
  readonly keys: ReadonlyMap<string, Node>;
}

/** A backup as one of the two; its hidden keys are there as well. */
export function v2SideOf(name: string, { nodes, index }: V2Store): V2Side {
  return { name, index, keys: byName(nodes) };
}

/**
 * A running etcd as one of the two. Of its hidden keys those that the backup has can be asked for, and no others: no
 * listing has them.
 * @throws EtcdError
 */
export async function servedV2Side(
  client: V2Client,
  name: string,
  { nodes }: V2Store,
): Promise<V2Side> {
  const root = await client.read("/");
  const served = [...(root?.nodes ?? [])];
  for (const { name: hidden } of nodes.filter(({ isHidden }) => isHidden)) {
    served.push(...((await client.read(hidden))?.nodes ?? []));
  }
  return { name, index: root?.index ?? 0, keys: byName(served) };
}

function byName(
  nodes: readonly (Omit<Node, "value"> & {
    readonly name: string;
    readonly value?: string | undefined;
  })[],
): ReadonlyMap<string, Node> {
  return new Map(
    nodes.flatMap(({ name, value, ...node }) =>
      value === undefined ? [] : [[name, { ...node, value }]],
    ),
  );
}

/**
 * Compares the keys of two stores.
 * @param onChange told of each key that differs, in the order of the keys
 */
export function diffV2(a: V2Side, b: V2Side, onChange?: (change: KeyChange) => void): StoreDiff {
  const log = changeLog();
  let same = 0;
  let sameValue = 0;
  const tell = (name: string, change: Change, fields?: readonly KeyField[]) => {
    const key = Buffer.from(name);
    log.add(key, change);
    onChange?.({ key: printableKey(key), change, ...(fields && { fields }) });
  };
  const names = [...new Set([...a.keys.keys(), ...b.keys.keys()])]
    .map((name) => ({ name, bytes: Buffer.from(name) }))
    .sort((one, other) => Buffer.compare(one.bytes, other.bytes));
  for (const { name } of names) {
    const [left, right] = [a.keys.get(name), b.keys.get(name)];
    if (left === undefined) tell(name, "added");
    else if (right === undefined) tell(name, "removed");
    else {
      const fields = differingFields(left, right);
      if (fields.length === 0) same += 1;
      else {
        if (!fields.includes("value")) sameValue += 1;
        tell(name, "changed", fields);
      }
    }
  }
  const side = ({ name, index, keys }: V2Side) => ({ name, revision: index, keys: keys.size });
  return {
    ...{ schemaVersion: 1, store: "v2", a: side(a), b: side(b) },
    verdict: same === names.length ? "same" : "different",
    ...{ same, sameValue, ...log.result() },
  };
}

function differingFields(left: Node, right: Node): readonly KeyField[] {
  const fields: KeyField[] = [];
  if (left.value !== right.value) fields.push("value");
  if (left.createdIndex !== right.createdIndex) fields.push("createdIndex");
  if (left.modifiedIndex !== right.modifiedIndex) fields.push("modifiedIndex");
  if (left.expires !== right.expires) fields.push("expiration");
  return fields;
}
