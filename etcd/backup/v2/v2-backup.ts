/** A backup of the v2 store, as `etcdctl backup` makes it: a snapshot of the tree, and the log since then. */
import * as fs from "node:fs";
import { z } from "zod";
import { crc32c } from "../../wire/crc32c";
import { bytesField, readFields, unsignedField } from "../../wire/protobuf";
import { SnapshotError } from "../../snapshot/snapshot-error";
import type { MemberFile, MemberFiles } from "../member-files";
import { parseRequest } from "./request";
import { createStore, type Node, type Store } from "./store";
import { readLog } from "./wal";

/** A key of a v2 store. */
export interface V2Key {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createdIndex: number;
  readonly modifiedIndex: number;
  /** When it runs out, ISO 8601; absent: never. */
  readonly expires?: string;
}

/** What a v2 store holds. */
export interface V2Store {
  /** In the order of their bytes, as users name them. */
  readonly keys: readonly V2Key[];
  readonly folders: number;
  /** The store's own count of changes, `X-Etcd-Index`. */
  readonly index: number;
  /** Raft index of the snapshot, 0 without one, and how many entries of the log came after it. */
  readonly snapshotIndex: number;
  readonly logEntries: number;
}

/** What `store.go` writes as JSON (`Save`); a folder's children are by name. */
interface SavedNode {
  readonly Value: string;
  readonly CreatedIndex: number;
  readonly ModifiedIndex: number;
  readonly ExpireTime: string;
  readonly Children: Readonly<Record<string, SavedNode>> | null;
}

const savedNode: z.ZodType<SavedNode> = z.object({
  Value: z.string(),
  CreatedIndex: z.number(),
  ModifiedIndex: z.number(),
  ExpireTime: z.string(),
  get Children() {
    return z.record(z.string(), savedNode).nullable();
  },
});
const savedStore = z.object({ Root: savedNode, CurrentIndex: z.number() });

/**
 * Reads the v2 store out of the files of a member, or of a backup of one; undefined when they hold no v2 key.
 * @throws SnapshotError when its log or its newest snapshot is damaged
 */
export function readV2Store({ snapshots, logs }: MemberFiles): V2Store | undefined {
  if (logs.length === 0) return undefined;
  const newest = snapshots.at(-1);
  const saved = newest === undefined ? undefined : readSaved(newest);
  const log = readLog(logs);
  const snapshotIndex = saved?.raftIndex ?? 0;
  const since = log.filter(({ index }) => index > snapshotIndex);
  const store = saved?.store ?? createStore();
  for (const { type, data } of since) {
    if (type !== 0) store.skip(changesOfMembership(data));
    else {
      const request = parseRequest(data);
      if (request === "cluster") store.skip(1);
      else if (request !== undefined) store.apply(request);
    }
  }
  const { keys, folders } = listUsers(store.root());
  if (keys.length === 0) return undefined;
  return { keys, folders, index: store.index(), snapshotIndex, logEntries: since.length };
}

/** Raft's `ConfChange`: a member that goes is removed and remembered, any other change is one write. */
function changesOfMembership(data: Buffer): number {
  return Number(unsignedField([...readFields(data)], 2)) === 1 ? 2 : 1;
}

function readSaved({ name, path }: MemberFile): { raftIndex: number; store: Store } {
  // snappb.Snapshot {crc 1, data 2} around raftpb.Snapshot {data 1, metadata 2 {index 2}}.
  try {
    const outer = [...readFields(fs.readFileSync(path))];
    const data = bytesField(outer, 2);
    if (crc32c(data) !== Number(unsignedField(outer, 1))) throw new RangeError("wrong checksum");
    const snapshot = [...readFields(data)];
    const metadata = [...readFields(bytesField(snapshot, 2))];
    const parsed = savedStore.parse(JSON.parse(bytesField(snapshot, 1).toString("utf8")));
    const store = createStore(restored(parsed.Root), parsed.CurrentIndex);
    return { raftIndex: Number(unsignedField(metadata, 2)), store };
  } catch (error) {
    const why =
      error instanceof z.ZodError ? "its tree has another form" : (error as Error).message;
    throw new SnapshotError(name, `this snapshot of a v2 store cannot be read: ${why}`);
  }
}

function restored(saved: SavedNode): Node {
  const children = Object.entries(saved.Children ?? {}).map(
    ([name, child]) => [name, restored(child)] as const,
  );
  const expires = Date.parse(saved.ExpireTime);
  return {
    value: saved.Value,
    children: saved.Children === null ? undefined : new Map(children),
    createdIndex: saved.CreatedIndex,
    modifiedIndex: saved.ModifiedIndex,
    expires: expires > 0 ? expires : undefined,
  };
}

/** Keys of users lie under `/1`; `/0` is the cluster's own. */
function listUsers(root: Node): { keys: readonly V2Key[]; folders: number } {
  const keys: V2Key[] = [];
  let folders = 0;
  function visit(node: Node, name: string): void {
    if (node.children === undefined) {
      const { value, createdIndex, modifiedIndex, expires } = node;
      keys.push({
        key: Buffer.from(name),
        value: Buffer.from(value),
        createdIndex,
        modifiedIndex,
        ...(expires === undefined ? {} : { expires: new Date(expires).toISOString() }),
      });
      return;
    }
    folders += 1;
    for (const [child, below] of node.children) visit(below, `${name}/${child}`);
  }
  for (const [name, node] of root.children?.get("1")?.children ?? []) visit(node, `/${name}`);
  keys.sort((a, b) => Buffer.compare(a.key, b.key));
  return { keys, folders };
}
