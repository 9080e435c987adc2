/** What a client asked of a v2 store, as the log keeps it (`etcdserverpb.Request`, raft_internal.proto). */
import { bytesField, readFields, type ReadField } from "../../wire/protobuf";
import { goText } from "./go-text";

export interface Request {
  readonly method: string;
  /** With the `/1` before it that all keys of users have. */
  readonly path: string;
  readonly value: string;
  readonly dir: boolean;
  readonly prevValue: string;
  readonly prevIndex: number;
  readonly prevExist: boolean | undefined;
  /** Nanoseconds since 1970; 0 for none. */
  readonly expiration: bigint;
  readonly recursive: boolean;
  /** Of `SYNC`: up to when keys have run out, in nanoseconds. */
  readonly time: bigint;
  readonly refresh: boolean;
}

/** Fields of an InternalRaftRequest of 3.x that write the cluster's own part of the v2 store. */
const CLUSTER_VERSION_SET = 1300;
const CLUSTER_MEMBER_ATTRIBUTES_SET = 1301;
const METHODS = ["PUT", "POST", "DELETE", "QGET", "SYNC", "GET"];

/** Raises or ends a downgrade: of the cluster, and written to no store of keys. */
const DOWNGRADE_INFO_SET = 1302;

/**
 * A request of the v2 store; `cluster` for a write to its own part, `v3` for what is of the v3 store; undefined for what
 * is of neither.
 */
export function parseRequest(data: Buffer): Request | "cluster" | "v3" | undefined {
  if (data.length === 0) return undefined; // a new leader's first entry
  const fields = [...readFields(data)];
  const wrapped = bytesField(fields, 2);
  // Before 3.0 the log held the request itself, whose field 2 is the method.
  if (METHODS.includes(wrapped.toString("latin1"))) return ofFields(fields);
  if (wrapped.length > 0) return ofFields([...readFields(wrapped)]);
  const isCluster = fields.some(
    ({ number }) => number === CLUSTER_VERSION_SET || number === CLUSTER_MEMBER_ATTRIBUTES_SET,
  );
  if (isCluster) return "cluster";
  return fields.some(({ number }) => number === DOWNGRADE_INFO_SET) ? undefined : "v3";
}

function ofFields(fields: readonly ReadField[]): Request {
  const number = (field: number): bigint | undefined => {
    const value = fields.findLast((read) => read.number === field)?.value;
    return typeof value === "bigint" ? value : undefined;
  };
  const flag = (field: number) => (number(field) ?? 0n) !== 0n;
  const text = (field: number) => goText(bytesField(fields, field));
  return {
    method: text(2),
    path: text(3),
    value: text(4),
    dir: flag(5),
    prevValue: text(6),
    prevIndex: Number(number(7) ?? 0n),
    prevExist: number(8) === undefined ? undefined : flag(8),
    expiration: BigInt.asIntN(64, number(9) ?? 0n),
    recursive: flag(12),
    time: BigInt.asIntN(64, number(15) ?? 0n),
    refresh: flag(17),
  };
}
