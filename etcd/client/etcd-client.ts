import { setTimeout as delay } from "node:timers/promises";

import { permissions, roleNames } from "../wire/auth";
import { EtcdError } from "./etcd-error";
import type { Endpoint } from "./endpoint";
import { connect, type Connection } from "./grpc";
import {
  bytesField,
  bytesFields,
  encodeMessage,
  readFields,
  signedField,
  unsignedField,
} from "../wire/protobuf";

/*
 * Why not etcd3 here: the read-back writes answers straight into the reader's memory and compares them there, at twice
 * the speed of etcd3 and half its memory; and etcd3 1.1.2 has no `hash_revision`, gives calls no deadline unless told
 * call by call, and costs 0.3 s to load. One connection for everything also means one vocabulary of errors. The tests
 * write their stores with etcd3, so that an independent client stands against this one.
 */

/** Keys `[start, end)`; an `end` of one zero byte means up to the last key. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/** What `RangeRequest` is asked besides the range. */
export interface RangeOptions {
  readonly revision: number;
  /** Default: without a limit. */
  readonly limit?: number;
  /** Leaves the values out. Default: false. */
  readonly keysOnly?: boolean;
  /** From the last key down. Default: from the first one up. */
  readonly descending?: boolean;
}

export interface ServerStatus {
  /** `3.6.16` */
  readonly version: string;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
}

export interface HashKvAnswer {
  readonly hash: number;
  /** The compaction revision that the server reckoned with: -1 or 0 when it never compacted. */
  readonly compactRevision: number;
  /** The revision hashed; 0 from etcd before 3.6, which does not say. */
  readonly hashRevision: number;
}

export interface ServerLeases {
  /** The store's revision at the moment of the list. */
  readonly revision: number;
  readonly ids: readonly bigint[];
}

/** The calls that a verification needs. Each throws `EtcdError`; what is unavailable is tried again for some seconds. */
export interface EtcdClient {
  /** Waits until the cluster has a leader, up to the retries' limit. */
  status(): Promise<ServerStatus>;
  hashKv(revision: number): Promise<HashKvAnswer>;
  /** How many keys there are in a range. */
  count(range: KeyRange, revision: number): Promise<number>;
  /**
   * Writes the `RangeResponse` of a range to the front of `buffer`.
   * @returns its length. Fails with `too-large` when it does not fit, and then stops the transfer.
   */
  rangeInto(range: KeyRange, options: RangeOptions, buffer: Uint8Array): Promise<number>;
  alarms(): Promise<readonly { memberId: bigint; alarm: string }[]>;
  leases(): Promise<ServerLeases>;
  /** The TTL that a lease was granted, in seconds; -1 when there is no such lease (any more). */
  grantedTtl(lease: bigint): Promise<number>;
  authEnabled(): Promise<boolean>;
  /** Names of all users, and of all roles; with authentication on only the role root may ask. */
  users(): Promise<readonly string[]>;
  roles(): Promise<readonly string[]>;
  /** The roles of a user, and the permissions of a role, worded as in a snapshot. */
  rolesOf(user: string): Promise<readonly string[]>;
  permissionsOf(role: string): Promise<readonly string[]>;
  close(): void;
}

const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 250;
/** Small calls: answered in milliseconds, or something is wrong. */
const CALL_LIMIT_MS = 10_000;
/** A range of some megabytes, from a cold disk perhaps. */
const RANGE_LIMIT_MS = 60_000;
/** `RangeRequest.SortOrder.DESCEND`; what is sorted by is the key unless a request says otherwise. */
const SORT_DESCENDING = 2;
/** HashKV reads the whole store: 16 GB from a disk of 60 MB/s. */
const HASH_LIMIT_MS = 300_000;

/** A client of one etcd; it connects at the first call, and again when the connection is lost. */
export function openEtcd(endpoint: Endpoint, signal?: AbortSignal): EtcdClient {
  let connection: Promise<Connection> | undefined;
  let token: Promise<string | undefined> | undefined;

  async function connected(): Promise<Connection> {
    const known = await connection;
    if (known?.usable) {
      return known;
    }
    // Several calls may find it lost at once; the first opens, the others wait for the same.
    connection = connect(endpoint, signal);
    connection.catch(() => {
      connection = undefined;
    });
    return connection;
  }

  async function attempt(method: string, request: Buffer, ms: number, into?: Uint8Array) {
    const open = await connected();
    if (endpoint.username !== undefined) {
      token ??= authenticate(open, endpoint, signal);
    }
    try {
      return await open.call(method, request, {
        deadlineMs: ms,
        signal,
        token: await token,
        into,
      });
    } catch (error) {
      if (error instanceof EtcdError && error.kind === "denied") {
        // Tokens run out after five minutes and with the server's process.
        token = undefined;
      }
      throw error;
    }
  }

  /** Tries again where it is `unavailable`, and once more with a fresh token where the old one ran out. */
  async function persistently<T>(once: () => Promise<T>): Promise<T> {
    let pause = FIRST_PAUSE_MS;
    let wasUp = connection !== undefined;
    let renewed = token === undefined;
    for (let number = 1; ; number += 1) {
      try {
        return await once();
      } catch (error) {
        if (!(error instanceof EtcdError)) {
          throw error;
        }
        if (error.kind === "denied" && error.status === "UNAUTHENTICATED" && !renewed) {
          renewed = true;
          continue;
        }
        wasUp ||= error.kind === "unavailable";
        // After a lost connection a refused one is the same trouble going on; at first it is the answer.
        const passing = error.kind === "unavailable" || (wasUp && error.kind === "unreachable");
        if (!passing) {
          throw error;
        }
        if (number === ATTEMPTS) {
          throw new EtcdError(error.kind, `${error.message} (tried ${ATTEMPTS} times)`);
        }
      }
      await delay(pause, undefined, { signal });
      pause *= 2;
    }
  }

  async function ask(method: string, request: Buffer, ms = CALL_LIMIT_MS) {
    return [...readFields(await persistently(() => attempt(method, request, ms)))];
  }

  return {
    async status() {
      const fields = await persistently(async () => {
        const method = "etcdserverpb.Maintenance/Status";
        const answer = [...readFields(await attempt(method, Buffer.alloc(0), CALL_LIMIT_MS))];
        if (unsignedField(answer, 4) === 0n) {
          throw new EtcdError("unavailable", `etcd at ${endpoint.url} has no leader`);
        }
        return answer;
      });
      return { ...readHeader(fields), version: bytesField(fields, 2).toString() };
    },
    async hashKv(revision) {
      const request = encodeMessage([[1, revision]]);
      const fields = await ask("etcdserverpb.Maintenance/HashKV", request, HASH_LIMIT_MS);
      return {
        hash: Number(unsignedField(fields, 2)),
        compactRevision: Number(signedField(fields, 3)),
        hashRevision: Number(signedField(fields, 4)),
      };
    },
    async count(range, revision) {
      const request = encodeMessage([...rangeFields(range, revision), [9, true]]);
      return Number(signedField(await ask("etcdserverpb.KV/Range", request, RANGE_LIMIT_MS), 4));
    },
    async rangeInto(range, { revision, limit, keysOnly, descending }, buffer) {
      const request = encodeMessage([
        ...rangeFields(range, revision),
        [3, limit ?? 0],
        [5, descending === true ? SORT_DESCENDING : 0],
        [8, keysOnly ?? false],
      ]);
      const once = () => attempt("etcdserverpb.KV/Range", request, RANGE_LIMIT_MS, buffer);
      return (await persistently(once)).length;
    },
    async alarms() {
      // No fields: GET, of all members.
      const fields = await ask("etcdserverpb.Maintenance/Alarm", Buffer.alloc(0));
      return bytesFields(fields, 2).map((message) => {
        const alarm = [...readFields(message)];
        const type = Number(unsignedField(alarm, 2));
        return { memberId: unsignedField(alarm, 1), alarm: alarmName(type) };
      });
    },
    async leases() {
      const fields = await ask("etcdserverpb.Lease/LeaseLeases", Buffer.alloc(0));
      const ids = bytesFields(fields, 2).map((lease) => signedField([...readFields(lease)], 1));
      return { revision: readHeader(fields).revision, ids };
    },
    async grantedTtl(lease) {
      try {
        const request = encodeMessage([[1, lease]]);
        const fields = await ask("etcdserverpb.Lease/LeaseTimeToLive", request);
        return signedField(fields, 3) === -1n ? -1 : Number(signedField(fields, 4));
      } catch (error) {
        if (error instanceof EtcdError && error.status === "NOT_FOUND") {
          return -1;
        }
        throw error;
      }
    },
    async authEnabled() {
      try {
        const fields = await ask("etcdserverpb.Auth/AuthStatus", Buffer.alloc(0));
        return unsignedField(fields, 2) === 1n;
      } catch (error) {
        if (error instanceof EtcdError && error.status === "UNIMPLEMENTED") {
          return givesTokens(
            persistently(async () => authenticate(await connected(), endpoint, signal)),
          );
        }
        throw error;
      }
    },
    users: async () => names(await ask("etcdserverpb.Auth/UserList", Buffer.alloc(0))),
    roles: async () => names(await ask("etcdserverpb.Auth/RoleList", Buffer.alloc(0))),
    async rolesOf(user) {
      return roleNames(await ask("etcdserverpb.Auth/UserGet", encodeMessage([[1, user]])), 2);
    },
    async permissionsOf(role) {
      return permissions(await ask("etcdserverpb.Auth/RoleGet", encodeMessage([[1, role]])));
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

/** Before 3.5 etcd tells whether authentication is on only by whether there is a token to be had, or a refusal. */
async function givesTokens(call: Promise<string | undefined>): Promise<boolean> {
  try {
    return (await call) !== undefined;
  } catch (error) {
    if (error instanceof EtcdError && error.kind === "denied") return true;
    throw error;
  }
}

/** A token for the endpoint's user; none when the server has authentication off. */
export async function authenticate(
  open: Connection,
  endpoint: Endpoint,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const request = encodeMessage([
    [1, endpoint.username ?? ""],
    [2, endpoint.password ?? ""],
  ]);
  try {
    // bcrypt at the server takes its time.
    const options = { deadlineMs: CALL_LIMIT_MS, signal };
    const answer = await open.call("etcdserverpb.Auth/Authenticate", request, options);
    return bytesField([...readFields(answer)], 2).toString();
  } catch (error) {
    if (error instanceof EtcdError && error.message.includes("authentication is not enabled")) {
      return undefined;
    }
    throw error;
  }
}

/** Serializable: answered by this member alone, which is the one to be checked, and without a round through raft. */
function rangeFields({ start, end }: KeyRange, revision: number) {
  return [
    [1, start],
    [2, end],
    [4, revision],
    [7, true],
  ] as const;
}

function readHeader(fields: Parameters<typeof bytesField>[0]) {
  const header = [...readFields(bytesField(fields, 1))];
  return {
    clusterId: unsignedField(header, 1),
    memberId: unsignedField(header, 2),
    revision: Number(signedField(header, 3)),
  };
}

/** Of `AuthUserListResponse` and `AuthRoleListResponse`. */
function names(fields: Parameters<typeof bytesField>[0]): readonly string[] {
  return bytesFields(fields, 2).map((name) => name.toString());
}

function alarmName(type: number): string {
  return ["NONE", "NOSPACE", "CORRUPT"][type] ?? `unknown (${type})`;
}
