/** The calls to an etcd that a verification needs, as functions with names of their own. */
import { NOTHING, openCaller, type Caller } from "./caller";
import type { Endpoint } from "./endpoint";
import { EtcdError } from "./etcd-error";
import { serverClock, type ServerClock } from "./server-clock";
import {
  bytesField,
  bytesFields,
  encodeMessage,
  readFields,
  signedField,
  unsignedField,
  type ReadField,
} from "../wire/protobuf";
import { authCalls, type AuthCalls } from "./auth-calls";

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
  /** Out of the store of the member that is asked, without asking the others. Default: false. */
  readonly serializable?: boolean;
  /** From the last key down. Default: from the first one up. */
  readonly descending?: boolean;
}

export interface ServerStatus {
  /** `3.6.16` */
  readonly version: string;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  /** A restore begins at 1; the first start makes it 2, and each start and election after that one more. */
  readonly raftTerm: number;
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

/** The time that a lease has, in seconds. */
export interface LeaseTime {
  /** The whole TTL that it was granted. */
  readonly granted: number;
  /** Until it runs out, if nobody keeps it alive. */
  readonly remaining: number;
}

/** The calls that a verification needs. Each throws `EtcdError`; what is unavailable is tried again for some seconds. */
export interface EtcdClient extends AuthCalls {
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
  /** Undefined when there is no such lease (any more). */
  leaseTime(lease: bigint): Promise<LeaseTime | undefined>;
  /** Undefined where it does not say. */
  clock(): Promise<ServerClock | undefined>;
  close(): void;
}

/** A range of some megabytes, from a cold disk perhaps. */
const RANGE_LIMIT_MS = 60_000;
/** `RangeRequest.SortOrder.DESCEND`; what is sorted by is the key unless a request says otherwise. */
const SORT_DESCENDING = 2;
/** HashKV reads the whole store: 16 GB from a disk of 60 MB/s. */
const HASH_LIMIT_MS = 300_000;

/** A client of one etcd; it connects at the first call, and again when the connection is lost. */
export function openEtcd(endpoint: Endpoint, signal?: AbortSignal): EtcdClient {
  const caller = openCaller(endpoint, signal);
  return {
    ...maintenanceCalls(caller),
    ...keyCalls(caller),
    ...leaseCalls(caller),
    ...authCalls(caller),
    clock: () => serverClock(endpoint, signal),
    close() {
      caller.close();
    },
  };
}

function maintenanceCalls(caller: Caller): Pick<EtcdClient, "status" | "hashKv" | "alarms"> {
  return {
    async status() {
      const method = "etcdserverpb.Maintenance/Status";
      const fields = await caller.askUntil(method, NOTHING, (answer) => {
        if (unsignedField(answer, 4) === 0n) {
          throw new EtcdError("unavailable", `etcd at ${caller.url} has no leader`);
        }
      });
      return {
        ...readHeader(fields),
        version: bytesField(fields, 2).toString(),
        raftTerm: Number(unsignedField(fields, 6)),
      };
    },
    async hashKv(revision) {
      const request = encodeMessage([[1, revision]]);
      const fields = await caller.ask("etcdserverpb.Maintenance/HashKV", request, HASH_LIMIT_MS);
      return {
        hash: Number(unsignedField(fields, 2)),
        compactRevision: Number(signedField(fields, 3)),
        hashRevision: Number(signedField(fields, 4)),
      };
    },
    async alarms() {
      // No fields: GET, of all members.
      const fields = await caller.ask("etcdserverpb.Maintenance/Alarm", NOTHING);
      return bytesFields(fields, 2).map((message) => {
        const alarm = [...readFields(message)];
        const type = Number(unsignedField(alarm, 2));
        return { memberId: unsignedField(alarm, 1), alarm: alarmName(type) };
      });
    },
  };
}

function keyCalls(caller: Caller): Pick<EtcdClient, "count" | "rangeInto"> {
  const method = "etcdserverpb.KV/Range";
  return {
    async count(range, revision) {
      const request = encodeMessage([...rangeFields(range, revision), [9, true]]);
      return Number(signedField(await caller.ask(method, request, RANGE_LIMIT_MS), 4));
    },
    rangeInto(range, { revision, limit, keysOnly, serializable, descending }, buffer) {
      const request = encodeMessage([
        ...rangeFields(range, revision),
        [3, limit ?? 0],
        [5, descending === true ? SORT_DESCENDING : 0],
        [7, serializable ?? false],
        [8, keysOnly ?? false],
      ]);
      return caller.askInto(method, request, RANGE_LIMIT_MS, buffer);
    },
  };
}

function leaseCalls(caller: Caller): Pick<EtcdClient, "leases" | "leaseTime"> {
  return {
    async leases() {
      const fields = await caller.ask("etcdserverpb.Lease/LeaseLeases", NOTHING);
      const ids = bytesFields(fields, 2).map((lease) => signedField([...readFields(lease)], 1));
      return { revision: readHeader(fields).revision, ids };
    },
    async leaseTime(lease) {
      try {
        const request = encodeMessage([[1, lease]]);
        const fields = await caller.ask("etcdserverpb.Lease/LeaseTimeToLive", request);
        const [remaining, granted] = [
          Number(signedField(fields, 3)),
          Number(signedField(fields, 4)),
        ];
        return remaining === -1 ? undefined : { granted, remaining };
      } catch (error) {
        if (error instanceof EtcdError && error.status === "NOT_FOUND") {
          return undefined;
        }
        throw error;
      }
    },
  };
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

function readHeader(fields: readonly ReadField[]) {
  const header = [...readFields(bytesField(fields, 1))];
  return {
    clusterId: unsignedField(header, 1),
    memberId: unsignedField(header, 2),
    revision: Number(signedField(header, 3)),
  };
}

function alarmName(type: number): string {
  return ["NONE", "NOSPACE", "CORRUPT"][type] ?? `unknown (${type})`;
}
