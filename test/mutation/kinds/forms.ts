/**
 * The small buckets in forms that etcd does not write, and in those that it does: each value that is known, too short, too
 * long, negative, contradicting its key. `npm run mutation -- --forms` has a real etcd judge each.
 */
import { encodeMessage } from "../../../etcd/wire/protobuf";
import type { Base } from "../base";
import { inDatabase, databaseOf, type Kind } from "../mutant";
import { build, contentsOf, type Contents } from "../records";

/** One bucket changed in one entry. */
export interface Form {
  readonly what: string;
  /** Whether etcd itself may write it so. */
  readonly right?: boolean;
  readonly bucket: string;
  readonly key: Buffer;
  /** Default: no entry of that key. */
  readonly value?: Buffer;
}

const text = (value: string) => Buffer.from(value);
const counter = (value: bigint, bytes = 8) => {
  const buffer = Buffer.alloc(bytes);
  if (bytes >= 8) buffer.writeBigUInt64BE(BigInt.asUintN(64, value), 0);
  return buffer;
};
const mark = (main: bigint, { bytes = 17, separator = "_", sub = 0n } = {}) => {
  const buffer = Buffer.alloc(Math.max(18, bytes));
  buffer.writeBigUInt64BE(BigInt.asUintN(64, main), 0);
  buffer.write(separator, 8);
  buffer.writeBigUInt64BE(sub, 9);
  return buffer.subarray(0, bytes);
};

function forms(
  bucket: string,
  key: string | Buffer,
  values: Readonly<Record<string, Buffer | undefined>>,
  right = false,
): readonly Form[] {
  const name = typeof key === "string" ? text(key) : key;
  return Object.entries(values).map(([what, value]) => ({
    what: `${bucket}, ${typeof key === "string" ? key : key.toString("hex")}: ${what}`,
    ...(right ? { right } : {}),
    bucket,
    key: name,
    ...(value === undefined ? {} : { value }),
  }));
}

const MARKS = {
  negative: mark(-1n),
  empty: text(""),
  "7 bytes": Buffer.alloc(7),
  "8 bytes": counter(3n),
  "16 bytes": mark(3n, { bytes: 16 }),
  "18 bytes": mark(3n, { bytes: 18 }),
  "another separator": mark(3n, { separator: "-" }),
  "a negative second part": mark(3n, { sub: 1n << 63n }),
};
const COUNTERS = {
  empty: text(""),
  "7 bytes": Buffer.alloc(7),
  "9 bytes": Buffer.alloc(9),
  "the greatest": counter(-1n),
};
const VERSIONS = {
  empty: text(""),
  "two numbers": text("3.6"),
  "with a patch": text("3.6.99"),
  "a newline behind": text("3.6.0\n"),
  "a colour in front": text("\x1b[31m3.6.0"),
  "another major": text("4.6.0"),
  "zeros in front": text("3.06.0"),
  "a pre-release": text("3.6.0-alpha"),
};
const LEASE = 0x1234_5678n;
const leaseKey = counter(LEASE);
const lease = (id: bigint, ttl: bigint, remaining = 0n, more: readonly [number, bigint][] = []) =>
  encodeMessage([[1, id], [2, ttl], [3, remaining], ...more]);
const member = (json: string) => text(json);
const MEMBER = "8e9e05c52164694d";
const MEMBER_ID = BigInt(`0x${MEMBER}`);
const user = (name: string, more: readonly [number, string | Buffer | bigint][] = []) =>
  encodeMessage([[1, name], ...more]);
const permission = encodeMessage([
  [1, 2n],
  [2, "/one"],
]);

export const FORMS: readonly Form[] = [
  ...forms("meta", "scheduledCompactRev", MARKS),
  ...forms("meta", "finishedCompactRev", MARKS),
  ...forms("meta", "scheduledCompactRev", { "not there, though one was finished": undefined }),
  ...forms("meta", "consistent_index", COUNTERS),
  ...forms("meta", "consistent_index", { "1": counter(1n), "not there": undefined }, true),
  ...forms("meta", "term", COUNTERS),
  ...forms("meta", "storageVersion", VERSIONS),
  ...forms("meta", "storageVersion", { "3.6.0": text("3.6.0"), "not there": undefined }, true),
  ...forms("meta", "confState", {
    empty: text(""),
    "no JSON": text('{"voters":['),
    "a list": text("[]"),
    "a negative number": text('{"voters":[-1],"auto_leave":false}'),
    "a fraction": text('{"voters":[1.5],"auto_leave":false}'),
    "65 bits": text('{"voters":[36893488147419103232],"auto_leave":false}'),
    "a text for a number": text('{"voters":["1"],"auto_leave":false}'),
    "another field": text('{"vaters":[1],"auto_leave":false}'),
  }),
  ...forms(
    "meta",
    "confState",
    { "of two": text('{"voters":[18446744073709551615,2],"learners":[3],"auto_leave":false}') },
    true,
  ),
  ...forms("meta", "confStete", { "another name": text("{}") }),
  ...forms("cluster", "clusterVersion", VERSIONS),
  ...forms("cluster", "clusterVersion", { "3.6.0": text("3.6.0"), "3.5.0": text("3.5.0") }, true),
  ...forms("cluster", "clusterVersiom", { "another name": text("3.6.0") }),
  ...forms("cluster", "downgrade", {
    empty: text(""),
    "no JSON": text("downgrade"),
    "a number for a text": text('{"target-version":3,"enabled":true}'),
    "no version": text('{"target-version":"3.5","enabled":true}'),
    "to nothing": text('{"target-version":"","enabled":true}'),
    "up by many": text('{"target-version":"3.9.0","enabled":true}'),
  }),
  ...forms(
    "cluster",
    "downgrade",
    {
      "done or cancelled": text('{"target-version":"","enabled":false}'),
      "under way": text('{"target-version":"3.5.0","enabled":true}'),
    },
    true,
  ),
  ...forms("auth", "authEnabled", {
    "two bytes": Buffer.from([1, 0]),
    empty: text(""),
    "2": Buffer.from([2]),
  }),
  ...forms("auth", "authEnabled", { "0": Buffer.from([0]), "not there": undefined }, true),
  ...forms("auth", "authRevision", COUNTERS),
  ...forms("auth", "authRevisiom", { "another name": counter(1n) }),
  ...forms("authUsers", "somebody", {
    "another name in it": user("anybody"),
    empty: text(""),
    "no protobuf": Buffer.from([0x0a, 0xff]),
    "another field": user("somebody", [[9, "x"]]),
    "a number for a name": encodeMessage([[1, 5n]]),
    "a role that is no text": user("somebody", [[3, Buffer.from([0xff, 0xfe])]]),
  }),
  ...forms("authUsers", Buffer.from([0xff, 0x41]), {
    "a name that is no text": encodeMessage([[1, Buffer.from([0xff, 0x41])]]),
  }),
  ...forms(
    "authUsers",
    "somebody",
    {
      "with a role and no password": user("somebody", [
        [3, "nobody"],
        [4, encodeMessage([[1, true]])],
      ]),
    },
    true,
  ),
  ...forms("authRoles", "anything", {
    "another name in it": user("everything"),
    "no protobuf": Buffer.from([0x12, 0x7f]),
    "another field of a permission": user("anything", [[2, encodeMessage([[7, "x"]])]]),
  }),
  ...forms(
    "authRoles",
    "anything",
    { "with a permission": user("anything", [[2, permission]]) },
    true,
  ),
  ...forms("lease", leaseKey, {
    "another id": lease(LEASE + 1n, 3600n),
    "no id": encodeMessage([[2, 3600n]]),
    "longer than etcd grants": lease(LEASE, 1n << 62n),
    "no time": lease(LEASE, 0n),
    "negative time": lease(LEASE, -5n),
    "more left than granted": lease(LEASE, 3600n, 7200n),
    "another field": lease(LEASE, 3600n, 0n, [[9, 1n]]),
    "no protobuf": Buffer.from([0x08]),
  }),
  ...forms("lease", Buffer.alloc(7), { "a short key": lease(0n, 3600n) }),
  ...forms(
    "lease",
    leaseKey,
    { granted: lease(LEASE, 3600n), checkpointed: lease(LEASE, 3600n, 60n) },
    true,
  ),
  ...forms("members", "1".repeat(35), { "a very long key": member('{"id":1}') }),
  ...forms("members", "xyz", { "a key that is no hex": member('{"id":1}') }),
  ...forms("members", MEMBER, {
    "another id": member('{"id":5,"peerURLs":["http://x:1"]}'),
    "no JSON": member("member"),
    "a text for a list": member(`{"id":${MEMBER_ID},"peerURLs":"http://x:1"}`),
  }),
  ...forms(
    "members",
    MEMBER,
    { "not started": member(`{"id":${MEMBER_ID},"peerURLs":["http://x:1"],"isLearner":true}`) },
    true,
  ),
  ...forms("members_removed", "1".repeat(35), { "a very long key": text("removed") }),
  ...forms("members_removed", MEMBER, { "another word": text("remowed") }),
  ...forms("members_removed", MEMBER, { removed: text("removed") }, true),
  ...forms("alarm", Buffer.from([0x08]), { "no protobuf": text("") }),
  ...forms(
    "alarm",
    encodeMessage([
      [1, 5n],
      [2, 1n],
    ]),
    { "with a value": text("x") },
  ),
];

/** The good backup with this form in it; with the right trailer. */
export function withForm({ good }: Pick<Base, "good">, { bucket, key, value }: Form): Buffer {
  const contents: Contents = contentsOf(good);
  const entries = (contents.get(bucket) ?? []).filter((entry) => !entry.key.equals(key));
  contents.set(bucket, value === undefined ? entries : [...entries, { key, value }]);
  return build(contents);
}

export const SMALL_FORMS: readonly Kind[] = [
  {
    id: "forms",
    title: "a known value of a small bucket in a form that etcd does not write",
    manifestOnly:
      "what no answer of etcd tells and HashKV does not cover, as a member that is gone after a restore",
    mutants: (base) =>
      FORMS.filter(({ right }) => right !== true).flatMap((form) =>
        inDatabase(base.good.file, form.what, () => databaseOf(withForm(base, form))).slice(1),
      ),
  },
];
