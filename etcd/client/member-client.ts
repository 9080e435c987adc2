/** What one member of a cluster says of itself, and its snapshot: the calls of a backup. */
import { bytesField, bytesFields, encodeMessage, readFields } from "../wire/protobuf";
import { signedField, unsignedField, type ReadField } from "../wire/protobuf";
import { authenticate } from "./caller";
import type { Endpoint } from "./endpoint";
import { EtcdError } from "./etcd-error";
import { connect, type Connection } from "./grpc";

/** `StatusResponse` (etcd `api/etcdserverpb/rpc.proto`). */
export interface MemberStatus {
  /** `3.6.16` */
  readonly version: string;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  /** Size of the database file, free pages included. */
  readonly dbBytes: number;
  /** Of it what is in use; 0 where the server does not say. */
  readonly dbBytesInUse: number;
  /** The limit at which the alarm NOSPACE is raised; from 3.6 on. */
  readonly quotaBytes?: number;
  /** Member id; 0n: it knows of none. */
  readonly leader: bigint;
  /** Last entry of the log that this member has, and the last one that it carried out. */
  readonly raftIndex: bigint;
  readonly appliedIndex: bigint;
  readonly isLearner: boolean;
  /** What it says is wrong with it. */
  readonly errors: readonly string[];
}

/** An answer of HashKV. */
export interface MemberHash {
  /** CRC-32C, unsigned. */
  readonly hash: number;
  /** The compaction that it was reckoned with; 0: none. */
  readonly compactRevision: number;
  /** The revision that was hashed. */
  readonly revision: number;
}

export interface ClusterMember {
  readonly id: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** One member, asked directly. Each call throws `EtcdError`; nothing is tried again. */
export interface MemberClient {
  status(): Promise<MemberStatus>;
  /** @param revision 0: the one that the store has */
  hashKv(revision: number): Promise<MemberHash>;
  /** All of the cluster, as this member knows them. */
  members(): Promise<readonly ClusterMember[]>;
  alarms(): Promise<readonly { readonly memberId: bigint; readonly alarm: string }[]>;
  /** The database, and behind it the 32 bytes of its SHA-256, piece by piece. */
  snapshot(): AsyncGenerator<Buffer>;
  close(): void;
}

const CALL_LIMIT_MS = 10_000;
/** HashKV reads the whole store, and waits while the member defragments. */
const HASH_LIMIT_MS = 300_000;
/** A member that defragments sends nothing meanwhile. */
const SNAPSHOT_IDLE_MS = 120_000;
/** Of a snapshot on its way: enough for 40 MB/s at 50 ms, and what comes faster than it is written takes no memory. */
const WINDOW_BYTES = 2 * 1024 * 1024;

/** A client of one member; it connects at the first call. */
export function openMember(endpoint: Endpoint, signal?: AbortSignal): MemberClient {
  let connection: Promise<Connection> | undefined;
  let token: Promise<string | undefined> | undefined;

  async function connected(): Promise<{ open: Connection; token: string | undefined }> {
    let open = await connection;
    if (open?.usable !== true) {
      connection = connect(endpoint, signal, WINDOW_BYTES);
      open = await connection;
    }
    if (endpoint.username !== undefined) token ??= authenticate(open, endpoint, signal);
    return { open, token: await token };
  }

  /** Tokens run out after five minutes: once more with a fresh one. */
  async function ask(method: string, request: Buffer, deadlineMs = CALL_LIMIT_MS) {
    const once = async () => {
      const { open, token: known } = await connected();
      return open.call(`etcdserverpb.${method}`, request, { deadlineMs, signal, token: known });
    };
    const hadToken = token !== undefined;
    try {
      return [...readFields(await once())];
    } catch (error) {
      if (!(hadToken && error instanceof EtcdError && error.kind === "denied")) throw error;
      token = undefined;
      return [...readFields(await once())];
    }
  }

  return {
    status: async () => parseStatus(await ask("Maintenance/Status", Buffer.alloc(0))),
    async hashKv(revision) {
      const request = encodeMessage([[1, revision]]);
      return parseHash(await ask("Maintenance/HashKV", request, HASH_LIMIT_MS), revision);
    },
    members: async () =>
      bytesFields(await ask("Cluster/MemberList", Buffer.alloc(0)), 2).map(parseMember),
    alarms: async () =>
      bytesFields(await ask("Maintenance/Alarm", Buffer.alloc(0)), 2).map(parseAlarm),
    async *snapshot() {
      const { open, token: known } = await connected();
      const options = { idleMs: SNAPSHOT_IDLE_MS, signal, token: known };
      const method = "etcdserverpb.Maintenance/Snapshot";
      for await (const message of open.stream(method, Buffer.alloc(0), options)) {
        yield bytesField([...readFields(message)], 3);
      }
    },
    close() {
      connection?.then(
        (open) => {
          open.close();
        },
        () => undefined,
      );
    },
  };
}

function parseStatus(fields: readonly ReadField[]): MemberStatus {
  const header = [...readFields(bytesField(fields, 1))];
  const quota = Number(signedField(fields, 12));
  return {
    version: bytesField(fields, 2).toString(),
    clusterId: unsignedField(header, 1),
    memberId: unsignedField(header, 2),
    revision: Number(signedField(header, 3)),
    dbBytes: Number(signedField(fields, 3)),
    leader: unsignedField(fields, 4),
    raftIndex: unsignedField(fields, 5),
    appliedIndex: unsignedField(fields, 7),
    errors: bytesFields(fields, 8).map((text) => text.toString()),
    dbBytesInUse: Number(signedField(fields, 9)),
    isLearner: unsignedField(fields, 10) === 1n,
    ...(quota > 0 && { quotaBytes: quota }),
  };
}

/**
 * Which revision was hashed etcd says from 3.6 on. Before, the one that was asked for; asked for none, the header has
 * it: etcd takes both under one lock (`hashByRev`).
 */
function parseHash(fields: readonly ReadField[], asked: number): MemberHash {
  const header = [...readFields(bytesField(fields, 1))];
  const told = Number(signedField(fields, 4));
  return {
    hash: Number(unsignedField(fields, 2)),
    compactRevision: Math.max(0, Number(signedField(fields, 3))),
    revision: told > 0 ? told : asked > 0 ? asked : Number(signedField(header, 3)),
  };
}

function parseAlarm(message: Buffer) {
  const fields = [...readFields(message)];
  const type = Number(unsignedField(fields, 2));
  const alarm = ["NONE", "NOSPACE", "CORRUPT"][type] ?? `unknown (${type})`;
  return { memberId: unsignedField(fields, 1), alarm };
}

function parseMember(message: Buffer): ClusterMember {
  const fields = [...readFields(message)];
  return {
    id: unsignedField(fields, 1),
    name: bytesField(fields, 2).toString(),
    clientUrls: bytesFields(fields, 4).map((url) => url.toString()),
    isLearner: unsignedField(fields, 5) === 1n,
  };
}
