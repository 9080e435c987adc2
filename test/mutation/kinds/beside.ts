/** Another content of the buckets beside `key`, in a file that is whole. */
import { encodeMessage, readFields } from "../../../etcd/wire/protobuf";
import { revisionBytes, type BoltEntry } from "../../support/bbolt-builder";
import { databaseOf, inDatabase, type Kind } from "../mutant";
import { build, contentsOf, type Contents } from "../records";

type Edit = readonly [what: string, edit: (contents: Contents) => void];

function besideKind(
  id: string,
  title: string,
  edits: readonly Edit[],
  more: Pick<Kind, "manifestOnly"> = {},
): Kind {
  return {
    id,
    title,
    ...more,
    mutants: ({ good }) =>
      edits.flatMap(([what, edit]) =>
        inDatabase(good.file, what, () => {
          const contents = contentsOf(good);
          edit(contents);
          return databaseOf(build(contents));
        }),
      ),
  };
}

const entry = (key: string | Buffer, value: string | Buffer): BoltEntry => ({
  key: Buffer.from(key),
  value: Buffer.from(value),
});

/** Puts an entry in the place of the one with its key, or beside the others. */
function put(bucket: string, added: BoltEntry): (contents: Contents) => void {
  return (contents) => {
    const others = (contents.get(bucket) ?? []).filter(({ key }) => !key.equals(added.key));
    contents.set(bucket, [...others, added]);
  };
}

function change(
  bucket: string,
  how: (entries: readonly BoltEntry[]) => readonly BoltEntry[],
): (contents: Contents) => void {
  return (contents) => {
    contents.set(bucket, [...how(contents.get(bucket) ?? [])]);
  };
}

const lease = (id: bigint, ttl: number, remaining = 0): BoltEntry => {
  const key = Buffer.alloc(8);
  key.writeBigInt64BE(id);
  return {
    key,
    value: encodeMessage([
      [1, id],
      [2, ttl],
      [3, remaining],
    ]),
  };
};
const ID = 0x1111_2222_3333n;
const marks = ["scheduledCompactRev", "finishedCompactRev"];

export const BESIDE: readonly Kind[] = [
  besideKind("rebuilt", "nothing changed, but other pages: means the same", [
    ["as it was", () => undefined],
  ]),
  besideKind(
    "mark-moved",
    "a compaction mark moved, lost or added",
    [1, 100, 240, 245, 247, 250, 280, 285, 286, 1000, 2 ** 40]
      .flatMap((revision): Edit[] => [
        ...marks.map((mark): Edit => [
          `${mark} ${revision}`,
          put("meta", entry(mark, revisionBytes(revision))),
        ]),
        [
          `both ${revision}`,
          (contents) => {
            for (const mark of marks) put("meta", entry(mark, revisionBytes(revision)))(contents);
          },
        ],
      ])
      .concat(
        marks.map((mark): Edit => [
          `${mark} lost`,
          change("meta", (entries) => entries.filter(({ key }) => key.toString() !== mark)),
        ]),
        [["all of meta lost", change("meta", () => [])]],
      ),
    {
      manifestOnly:
        "a server may compact its history at any time: explained, and every live key is the same",
    },
  ),
  besideKind(
    "lease-lost",
    "a lease lost",
    [
      ...[0, 1, 2].map((n): Edit => [
        `lease ${n}`,
        change("lease", (entries) => entries.filter((_, i) => i !== n)),
      ]),
      ["all leases", change("lease", () => [])],
    ],
    {
      manifestOnly:
        "a lease without keys that is gone looks like one that ran out or was revoked: explained",
    },
  ),
  besideKind(
    "lease-ttl",
    "a lease with another TTL",
    [1, 59, 3600, 3_599_999, 3_600_001, 9_000_000].map((ttl): Edit => [
      `TTL ${ttl}`,
      put("lease", lease(ID, ttl)),
    ]),
  ),
  besideKind(
    "lease-remaining",
    "a lease that had nearly run out",
    [1, 60, 3_000_000].map((left): Edit => [
      `${left} s left`,
      put("lease", lease(ID, 3_600_000, left)),
    ]),
    {
      manifestOnly:
        "etcd tells the time a lease was granted; what is left of it runs anyhow while one looks",
    },
  ),
  besideKind(
    "lease-added",
    "a lease added",
    [1n, 77n, 1n << 62n, -5n].map((id): Edit => [
      `lease ${id}`,
      put("lease", lease(id, 3_600_000)),
    ]),
  ),
  besideKind(
    "alarm-added",
    "an alarm added",
    [1, 2, 3].map((alarm): Edit => [
      `alarm ${alarm}`,
      put("alarm", {
        key: encodeMessage([
          [1, 99n],
          [2, alarm],
        ]),
        value: Buffer.alloc(0),
      }),
    ]),
  ),
  besideKind("auth-on", "authentication switched on", [
    ["authEnabled", put("auth", entry("authEnabled", Buffer.from([1])))],
  ]),
  besideKind("user-lost", "a user or a role lost", [
    ...[0, 1].map((n): Edit => [
      `user ${n}`,
      change("authUsers", (entries) => entries.filter((_, i) => i !== n)),
    ]),
    ["all users", change("authUsers", () => [])],
    ["a role", change("authRoles", (entries) => entries.slice(1))],
  ]),
  besideKind("user-added", "a user or a role added", [
    ...["intruder", "admin", "a"].map((name): Edit => [
      `user ${name}`,
      put(
        "authUsers",
        entry(
          name,
          encodeMessage([
            [1, name],
            [3, "root"],
          ]),
        ),
      ),
    ]),
    ...["everything", "b"].map((name): Edit => [
      `role ${name}`,
      put("authRoles", entry(name, encodeMessage([[1, name]]))),
    ]),
  ]),
  besideKind(
    "password",
    "a user's password hash",
    [
      [
        "password hash",
        change("authUsers", (entries) =>
          entries.map(({ key, value }) => ({
            key,
            value: Buffer.from(value.toString("latin1").replace("$2a$", "$2b$"), "latin1"),
          })),
        ),
      ],
    ],
    { manifestOnly: "etcd tells no password hash" },
  ),
  besideKind("permission", "a role's permission, or a user's roles", [
    [
      "permission",
      change("authRoles", (entries) =>
        entries.map(({ key, value }) => ({
          key,
          value: Buffer.from(
            value.toString("latin1").replace("/registry/", "/registrz/"),
            "latin1",
          ),
        })),
      ),
    ],
    ...[[], ["root"], ["reader", "root"]].map((roles): Edit => [
      `a user's roles: ${roles.join(", ") || "none"}`,
      change("authUsers", (entries) =>
        entries.map(({ key, value }) => {
          const fields = [...readFields(value)].filter(({ number }) => number !== 3);
          const granted = roles.map((role) => [3, role] as const);
          return {
            key,
            value: encodeMessage([
              ...fields.map(({ number, value: field }) => [number, field] as const),
              ...granted,
            ]),
          };
        }),
      ),
    ]),
  ]),
  besideKind("member-added", "members of the old cluster changed (a restore makes new ones)", [
    [
      "added",
      put(
        "members",
        entry("abcdef", '{"id":11259375,"peerURLs":["http://127.0.0.1:1"],"name":"x"}'),
      ),
    ],
    ["lost", change("members", () => [])],
    ["removed one lost", change("members_removed", () => [])],
  ]),
  besideKind(
    "version-text",
    "another cluster or storage version",
    ["3.4.0", "3.5.0", "3.7.0", "3.9.0", "4.0.0", "x"].flatMap((version): Edit[] => [
      [`cluster version ${version}`, put("cluster", entry("clusterVersion", version))],
      [`storage version ${version}`, put("meta", entry("storageVersion", version))],
    ]),
  ),
  besideKind("index", "another raft index or term (a restore makes new ones)", [
    [
      "consistent_index",
      put("meta", entry("consistent_index", Buffer.from("00000000ffffffff", "hex"))),
    ],
    ["consistent_index 0", put("meta", entry("consistent_index", Buffer.alloc(8)))],
    ["term", put("meta", entry("term", Buffer.from("00000000000000ff", "hex")))],
    ["confState", put("meta", entry("confState", '{"voters":[1,2,3]}'))],
  ]),
  besideKind("bucket-lost", "a bucket lost, or one too many", [
    ...[
      "alarm",
      "auth",
      "authRoles",
      "authUsers",
      "cluster",
      "key",
      "lease",
      "members",
      "members_removed",
      "meta",
    ].map((name): Edit => [`without "${name}"`, (contents) => void contents.delete(name)]),
    ["one more", (contents) => void contents.set("more", [entry("a", "b")])],
    ['"key" empty', change("key", () => [])],
  ]),
];
