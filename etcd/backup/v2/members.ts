/** The members of the cluster that a v2 store is of, and which of them what is restored has to be. */
import { lazily } from "../../wire/lazily";
import { bytesField, readFields, unsignedField } from "../../wire/protobuf";
import { libraries } from "../libraries";
import type { Node } from "./store";
import type { LogEntry } from "./wal";

/** Peer URLs of each member, by its id. */
export type Members = ReadonlyMap<bigint, readonly string[]>;

const attributes = lazily(() => {
  const z = libraries.zod();
  return z.object({ peerURLs: z.array(z.string()) });
});

/**
 * The members at the end of a log.
 * @param root of the store as the snapshot has it, before anything else is carried out
 * @param since what the log has after that snapshot
 */
export function membersOf(root: Node, since: readonly LogEntry[]): Members {
  const members = new Map<bigint, readonly string[]>();
  const known = root.children?.get("0")?.children?.get("members")?.children;
  for (const [id, node] of known ?? []) {
    const said = node.children?.get("raftAttributes")?.value;
    if (said !== undefined) members.set(BigInt(`0x${id}`), urlsIn(said));
  }
  for (const { type, data } of since) {
    if (type !== 1) continue; // a request
    // raftpb.ConfChange {type 2, node_id 3, context 4}; 1 takes a member away, 0, 2 and 3 tell of one.
    const change = [...readFields(data)];
    const id = unsignedField(change, 3);
    if (Number(unsignedField(change, 2)) === 1) members.delete(id);
    else members.set(id, urlsIn(bytesField(change, 4).toString("utf8")));
  }
  return members;
}

function urlsIn(json: string): readonly string[] {
  try {
    return attributes().parse(JSON.parse(json)).peerURLs;
  } catch {
    return [];
  }
}

/** What etcd gives a member that it adds by itself (`createConfigChangeEnts`, etcdserver/raft.go of 3.4 and 3.5). */
const DEFAULT_URLS = ["http://localhost:2380", "http://localhost:7001"];

/**
 * The id that the member of a new cluster must have; undefined: any will do.
 *
 * `--force-new-cluster` adds the member that starts, with etcd's default peer URLs, before it takes the others away. Where one of
 * those has such a URL it cannot be added, and etcd panics: then what starts has to be that one.
 */
export function idToKeep(members: Members): bigint | undefined {
  for (const [id, urls] of members) {
    if (urls.some((url) => DEFAULT_URLS.includes(url))) return id;
  }
  return undefined;
}
