import { readAuth } from "./auth";
import type { Buckets, Entry } from "./buckets";
import { readFields, signedField, unsignedField, type ReadField } from "../wire/protobuf";
import { SnapshotError } from "./snapshot-error";
import type { Alarm, Lease, Member, Snapshot } from "./types";

/** What the buckets beside `key` say: etcd `server/storage/schema/`. */
export type Contents = Pick<
  Snapshot,
  | "scheduledCompactRevision"
  | "finishedCompactRevision"
  | "storageVersion"
  | "clusterVersion"
  | "term"
  | "consistentIndex"
  | "members"
  | "removedMembers"
  | "leases"
  | "alarms"
  | "auth"
>;

/** @throws SnapshotError naming bucket and entry when one cannot be understood. */
export function readContents(file: string, { small }: Buckets): Contents {
  function each<T>(bucket: string, read: (entry: Entry) => T): readonly T[] {
    return (small.get(bucket) ?? []).map((entry) => {
      try {
        return read(entry);
      } catch (error) {
        throw new SnapshotError(
          file,
          `the entry ${printable(entry.key)} of bucket "${bucket}" cannot be understood: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    });
  }
  const meta = new Map(each("meta", ({ key, value }) => [key.toString(), value] as const));
  const number = (name: string) => {
    const value = meta.get(name);
    return value === undefined || value.length < 8 ? undefined : Number(value.readBigUInt64BE(0));
  };
  const term = number("term");
  const consistentIndex = number("consistent_index");
  const storageVersion = meta.get("storageVersion")?.toString();
  const clusterVersion = small
    .get("cluster")
    ?.find(({ key }) => key.toString() === "clusterVersion")
    ?.value.toString();
  return {
    scheduledCompactRevision: number("scheduledCompactRev") ?? 0,
    finishedCompactRevision: number("finishedCompactRev") ?? 0,
    ...(storageVersion === undefined ? {} : { storageVersion }),
    ...(clusterVersion === undefined ? {} : { clusterVersion }),
    ...(term === undefined ? {} : { term }),
    ...(consistentIndex === undefined ? {} : { consistentIndex }),
    members: each("members", readMember),
    removedMembers: each("members_removed", ({ key }) => memberId(key)),
    leases: new Map(each("lease", readLease)),
    alarms: each("alarm", readAlarm),
    auth: readAuth(each),
  };
}

/** The key is the id in hex: in the JSON it is a number beyond what JavaScript's numbers hold. */
function memberId(key: Buffer): bigint {
  return BigInt(`0x${key.toString()}`);
}

function readMember({ key, value }: Entry): Member {
  const json: unknown = JSON.parse(value.toString());
  const field = (name: string): unknown =>
    typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined;
  const texts = (name: string) => {
    const list = field(name);
    return Array.isArray(list) ? list.filter((item) => typeof item === "string") : [];
  };
  const name = field("name");
  return {
    id: memberId(key),
    name: typeof name === "string" ? name : "",
    peerUrls: texts("peerURLs"),
    clientUrls: texts("clientURLs"),
    isLearner: field("isLearner") === true,
  };
}

/** `leasepb.Lease`: ID 1, TTL 2, RemainingTTL 3; the key is the id, big-endian. */
function readLease({ key, value }: Entry): readonly [bigint, Lease] {
  const fields = readNumbers(value);
  return [
    key.readBigInt64BE(0),
    {
      ttlSeconds: Number(signedField(fields, 2)),
      remainingTtlSeconds: Number(signedField(fields, 3)),
    },
  ];
}

const ALARMS = new Map([
  [1n, "NOSPACE"],
  [2n, "CORRUPT"],
]);

/** `etcdserverpb.AlarmMember`: memberID 1, alarm 2. It is the entry's key; the value is empty. */
function readAlarm({ key }: Entry): Alarm {
  const fields = readNumbers(key);
  const alarm = unsignedField(fields, 2);
  return {
    memberId: unsignedField(fields, 1),
    alarm: ALARMS.get(alarm) ?? `unknown (${alarm.toString()})`,
  };
}

/** A protobuf message of nothing but numbers. */
function readNumbers(bytes: Buffer): readonly ReadField[] {
  const fields = [...readFields(bytes)];
  const other = fields.find(({ value }) => typeof value !== "bigint");
  if (other) throw new Error(`unexpected protobuf field ${other.number}`);
  return fields;
}

/** A key for a message: its text, or hex where it is no printable text. */
function printable(key: Buffer): string {
  const text = key.toString();
  return /^[\x20-\x7e]*$/.test(text) ? `"${text}"` : `0x${key.toString("hex")}`;
}
