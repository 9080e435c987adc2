/** A backup of the v2 store, as `etcdctl backup` makes it: a snapshot of the tree, and the log since then. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { z as zod } from "zod";
import { crc32c } from "../../wire/crc32c";
import { bytesField, readFields, unsignedField } from "../../wire/protobuf";
import { SnapshotError } from "../../snapshot/snapshot-error";
import type { MemberFile, MemberFiles } from "../member-files";
import { isoOf, nanoseconds } from "../../wire/go-time";
import { lazily } from "../../wire/lazily";
import { libraries } from "../libraries";
import { parseRequest } from "./request";
import { createStore, type Node, type Store } from "./store";
import { membersOf, type Members } from "./members";
import { listNodes, type V2Node } from "./nodes";
import { readLog, type Log } from "./wal";

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
  /** Keys and folders, in the order in which etcd lists them; not the root. */
  readonly nodes: readonly V2Node[];
  /** The store's own count of changes, `X-Etcd-Index`. */
  readonly index: number;
  /** The cluster's version as its own part of the store says, `3.4.0`; absent before it was agreed upon. */
  readonly clusterVersion?: string;
  /** Raft index of the snapshot, 0 without one, and how many entries of the log came after it. */
  readonly snapshotIndex: number;
  readonly logEntries: number;
  /** Requests to the v3 store in the log, by their raft index. */
  readonly v3Writes: readonly number[];
}

/** What `store.go` writes as JSON (`Save`); a folder's children are by name. */
interface SavedNode {
  readonly Value: string;
  readonly CreatedIndex: number;
  readonly ModifiedIndex: number;
  readonly ExpireTime: string;
  readonly Children: Readonly<Record<string, SavedNode>> | null;
}

const savedStore = lazily(() => {
  const z = libraries.zod();
  const savedNode: zod.ZodType<SavedNode> = z.object({
    Value: z.string(),
    CreatedIndex: z.number(),
    ModifiedIndex: z.number(),
    ExpireTime: z.string(),
    get Children() {
      return z.record(z.string(), savedNode).nullable();
    },
  });
  return z.object({ Root: savedNode, CurrentIndex: z.number() });
});

/**
 * Reads the v2 store out of the files of a member, or of a backup of one; undefined when they hold no v2 key.
 * @throws SnapshotError when its log or its newest snapshot is damaged, or they do not belong together
 */
export function readV2Store(files: MemberFiles): V2Store | undefined {
  return files.logs.length === 0 ? undefined : readMember(files).store;
}

/** The store, and what it was read from. */
export interface ReadMember {
  readonly store: V2Store | undefined;
  readonly log: Log;
  /** Of the snapshot that the log goes on from; undefined when it begins with nothing. */
  readonly snapshot: Pick<Saved, "raftIndex" | "term"> | undefined;
  readonly members: Members;
}

/** @throws as `readV2Store` */
export function readMember({ snapshots, logs }: MemberFiles): ReadMember {
  const newest = snapshots.at(-1);
  const saved = newest === undefined ? undefined : readSaved(newest);
  const log = readLog(logs);
  refuseMisfit(log, logs, saved && { ...saved, name: newest?.name ?? "" });
  const snapshotIndex = saved?.raftIndex ?? 0;
  const since = log.entries.filter(({ index }) => index > snapshotIndex);
  const tree = saved?.store ?? createStore();
  const members = membersOf(tree.root(), since);
  const v3Writes: number[] = [];
  for (const { type, index, data } of since) {
    if (type !== 0) tree.skip(changesOfMembership(data));
    else {
      const request = parseRequest(data);
      if (request === "cluster") tree.skip(1);
      else if (request === "v3") v3Writes.push(index);
      else if (request !== undefined) tree.apply(request);
    }
  }
  const nodes = listNodes(tree.root());
  const keys = keysOf(nodes);
  const version = tree.root().children?.get("0")?.children?.get("version")?.value ?? "";
  const store: V2Store = {
    ...{ keys, nodes, folders: nodes.length - keys.length, index: tree.index() },
    ...(/^\d+\.\d+\.\d+$/.test(version) && { clusterVersion: version }),
    ...{ snapshotIndex, logEntries: since.length, v3Writes },
  };
  return { store: nodes.length === 0 ? undefined : store, log, snapshot: saved, members };
}

/** What the log and its snapshot say of each other must be so: they may be of two moments, or of two members. */
function refuseMisfit(
  { entries, state, snapshots }: Log,
  logs: readonly MemberFile[],
  saved: (Pick<Saved, "raftIndex" | "term"> & { readonly name: string }) | undefined,
): void {
  const name = logs.at(-1)?.name ?? "";
  const from = saved?.raftIndex ?? 0;
  const [first, last] = [entries[0], entries.at(-1)];
  const end = last?.index ?? snapshots.at(-1)?.index ?? 0;
  if (saved !== undefined && from > Math.max(end, state.commit)) {
    throw new SnapshotError(
      saved.name,
      `this snapshot is newer than the log: it was taken at raft index ${from}, the log ends at ${Math.max(end, state.commit)}`,
    );
  }
  if (first !== undefined && first.index > from + 1) {
    const what =
      from === 0 ? "no snapshot holds what came before it" : `the snapshot ends at ${from}`;
    throw new SnapshotError(
      logs[0]?.name ?? name,
      `the log begins with entry ${first.index}, and ${what}: what lies between is missing`,
    );
  }
  if (state.commit > Math.max(end, from)) {
    throw new SnapshotError(
      name,
      `the log says that it is committed up to entry ${state.commit}, and ends with entry ${Math.max(end, from)}: its end is missing`,
    );
  }
  const known = snapshots.find(({ index }) => index === from && from > 0);
  if (saved !== undefined && known !== undefined && known.term !== saved.term) {
    throw new SnapshotError(
      saved.name,
      `this snapshot is none of this log: it is of term ${saved.term}, the log has one of term ${known.term} there`,
    );
  }
}

/** Raft's `ConfChange`: a member that goes is removed and remembered, any other change is one write. */
function changesOfMembership(data: Buffer): number {
  return Number(unsignedField([...readFields(data)], 2)) === 1 ? 2 : 1;
}

interface Saved {
  readonly raftIndex: number;
  readonly term: number;
  readonly store: Store;
}

function readSaved({ name, path: file }: MemberFile): Saved {
  // snappb.Snapshot {crc 1, data 2} around raftpb.Snapshot {data 1, metadata 2 {conf_state 1, index 2, term 3}}.
  try {
    const bytes = fs.readFileSync(file);
    if (bytes.length === 0) throw new RangeError("it is empty");
    const outer = [...readFields(bytes)];
    const data = bytesField(outer, 2);
    if (crc32c(data) !== Number(unsignedField(outer, 1))) throw new RangeError("wrong checksum");
    const snapshot = [...readFields(data)];
    const metadata = [...readFields(bytesField(snapshot, 2))];
    const parsed = savedStore().parse(JSON.parse(bytesField(snapshot, 1).toString("utf8")));
    const raftIndex = Number(unsignedField(metadata, 2));
    const named = Number.parseInt(path.basename(name).slice(17, 33), 16);
    if (named !== raftIndex) throw new RangeError(`it is of raft index ${raftIndex}, not ${named}`);
    const store = createStore(restored(parsed.Root), parsed.CurrentIndex);
    return { raftIndex, term: Number(unsignedField(metadata, 3)), store };
  } catch (error) {
    const why =
      error instanceof libraries.zod().ZodError
        ? "its tree has another form"
        : (error as Error).message;
    throw new SnapshotError(name, `this snapshot of a v2 store cannot be read: ${why}`);
  }
}

function restored(saved: SavedNode): Node {
  const children = Object.entries(saved.Children ?? {}).map(
    ([name, child]) => [name, restored(child)] as const,
  );
  return {
    value: saved.Value,
    children: saved.Children === null ? undefined : new Map(children),
    createdIndex: saved.CreatedIndex,
    modifiedIndex: saved.ModifiedIndex,
    expires: nanoseconds(saved.ExpireTime),
  };
}

function keysOf(nodes: readonly V2Node[]): readonly V2Key[] {
  const keys = nodes.flatMap(({ name, value, createdIndex, modifiedIndex, expires }) =>
    value === undefined
      ? []
      : [
          {
            key: Buffer.from(name),
            value: Buffer.from(value),
            ...{ createdIndex, modifiedIndex },
            ...(expires === undefined ? {} : { expires: isoOf(expires) }),
          },
        ],
  );
  return keys.sort((a, b) => Buffer.compare(a.key, b.key));
}
