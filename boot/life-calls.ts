/** The calls of a store that is used: everything that writes. They are made on a clone, never on what was proved. */
import { openCaller, type Caller } from "../etcd/client/caller";
import type { Endpoint } from "../etcd/client/endpoint";
import { authenticate } from "../etcd/client/caller";
import { connect } from "../etcd/client/grpc";
import {
  bytesField,
  bytesFields,
  encodeMessage,
  readFields,
  signedField,
  unsignedField,
  type ReadField,
} from "../etcd/wire/protobuf";

/** What a watch was answered first. */
export type WatchAnswer =
  | { readonly refused: "compacted"; readonly compactRevision: number }
  | { readonly modRevision: number };

/** Each call throws `EtcdError`. Numbers of messages: etcd `api/etcdserverpb/rpc.proto`. */
export interface LifeCalls {
  /** Returns the revision of the put. */
  put(key: string, value: string, lease?: bigint): Promise<number>;
  /** Puts when the key is of that version; else nothing. Returns whether it was. */
  putIfVersion(key: string, version: number, value: string): Promise<boolean>;
  /** Text of a key now, or at a revision; undefined when it is not there. */
  get(key: string, revision?: number): Promise<string | undefined>;
  remove(key: string): Promise<void>;
  /** Waits for the first event of a key from a revision on, or for the refusal. */
  watch(key: Uint8Array, revision: number, limitMs: number): Promise<WatchAnswer>;
  /** Returns the lease, and the TTL that it was granted, in seconds. */
  grant(ttl: number): Promise<{ readonly lease: bigint; readonly ttl: number }>;
  compact(revision: number): Promise<void>;
  defragment(): Promise<void>;
  /** Adds a member that does not vote yet; returns its id. */
  addLearner(peerUrl: string): Promise<bigint>;
  promote(member: bigint): Promise<void>;
  removeMember(member: bigint): Promise<void>;
  /** Number of members. */
  members(): Promise<number>;
  close(): void;
}

/** These go through the whole store. */
const LONG_LIMIT_MS = 300_000;

export function openLife(endpoint: Endpoint, signal: AbortSignal): LifeCalls {
  const caller = openCaller(endpoint, signal);
  const ask = (method: string, request: Buffer, limit?: number) =>
    caller.ask(`etcdserverpb.${method}`, request, limit);
  return {
    ...keyCalls(caller),
    watch: (key, revision, limitMs) => watch(endpoint, key, revision, limitMs, signal),
    async grant(ttl) {
      const fields = await ask("Lease/LeaseGrant", encodeMessage([[1, ttl]]));
      return { lease: signedField(fields, 2), ttl: Number(signedField(fields, 3)) };
    },
    async compact(revision) {
      // Physical: answered when it is done.
      const request = encodeMessage([
        [1, revision],
        [2, true],
      ]);
      await ask("KV/Compact", request, LONG_LIMIT_MS);
    },
    async defragment() {
      await ask("Maintenance/Defragment", Buffer.alloc(0), LONG_LIMIT_MS);
    },
    async addLearner(peerUrl) {
      const request = encodeMessage([
        [1, peerUrl],
        [2, true],
      ]);
      const fields = await ask("Cluster/MemberAdd", request);
      return unsignedField([...readFields(bytesField(fields, 2))], 1);
    },
    async promote(member) {
      await ask("Cluster/MemberPromote", encodeMessage([[1, member]]));
    },
    async removeMember(member) {
      await ask("Cluster/MemberRemove", encodeMessage([[1, member]]));
    },
    async members() {
      return bytesFields(await ask("Cluster/MemberList", Buffer.alloc(0)), 2).length;
    },
    close: () => {
      caller.close();
    },
  };
}

function keyCalls(caller: Caller): Pick<LifeCalls, "put" | "putIfVersion" | "get" | "remove"> {
  const ask = (method: string, request: Buffer) => caller.ask(`etcdserverpb.KV/${method}`, request);
  const putRequest = (key: string, value: string, lease = 0n) =>
    encodeMessage([
      [1, key],
      [2, value],
      [3, lease],
    ]);
  return {
    async put(key, value, lease) {
      return revisionOf(await ask("Put", putRequest(key, value, lease)));
    },
    async putIfVersion(key, version, value) {
      // Compare: result EQUAL (0), target VERSION (0).
      const compare = encodeMessage([
        [3, key],
        [4, version],
      ]);
      const success = encodeMessage([[2, putRequest(key, value)]]);
      const request = encodeMessage([
        [1, compare],
        [2, success],
      ]);
      return unsignedField(await ask("Txn", request), 2) === 1n;
    },
    async get(key, revision = 0) {
      const request = encodeMessage([
        [1, key],
        [4, revision],
      ]);
      const [found] = bytesFields(await ask("Range", request), 2);
      return found && bytesField([...readFields(found)], 5).toString();
    },
    async remove(key) {
      await ask("DeleteRange", encodeMessage([[1, key]]));
    },
  };
}

/** Half of the stream is closed after the request; etcd goes on sending what happens (`recvLoop`, watch.go). */
async function watch(
  endpoint: Endpoint,
  key: Uint8Array,
  revision: number,
  limitMs: number,
  signal: AbortSignal,
): Promise<WatchAnswer> {
  const connection = await connect(endpoint, signal);
  try {
    const token =
      endpoint.username === undefined
        ? undefined
        : await authenticate(connection, endpoint, signal);
    const create = encodeMessage([
      [1, key],
      [3, revision],
    ]);
    const options = { idleMs: limitMs, signal, token };
    const request = encodeMessage([[1, create]]);
    for await (const message of connection.stream("etcdserverpb.Watch/Watch", request, options)) {
      const fields = [...readFields(message)];
      if (unsignedField(fields, 4) === 1n) {
        return { refused: "compacted", compactRevision: Number(signedField(fields, 5)) };
      }
      const [event] = bytesFields(fields, 11);
      if (event === undefined) continue;
      const kv = [...readFields(bytesField([...readFields(event)], 2))];
      return { modRevision: Number(signedField(kv, 3)) };
    }
    throw new Error("the watch ended without a word");
  } finally {
    connection.close();
  }
}

function revisionOf(fields: readonly ReadField[]): number {
  return Number(signedField([...readFields(bytesField(fields, 1))], 3));
}
