import { afterAll, describe, expect, it } from "vitest";

import { inspect, type Inspection } from "../../../etcd/inspect/inspection";
import { inspectionText } from "../../../etcd/inspect/text";
import { readSnapshot } from "../../../etcd/snapshot/snapshot";
import { buildDatabase, etcdBuckets, type BoltRecipe } from "../../support/bbolt-builder";
import {
  createWorkspace,
  KUBERNETES_SNAPSHOTS,
  MADE_SNAPSHOTS,
  readListed,
  readTruth,
  snapshotBytes,
} from "../../support/kubernetes-fixtures";
import { encodeMessage } from "../../../etcd/wire/protobuf";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

let files = 0;
async function inspectBytes(bytes: Uint8Array): Promise<Inspection> {
  const snapshot = await readSnapshot(workspace.write(`${files++}.db`, bytes));
  try {
    return inspect(snapshot);
  } finally {
    snapshot.close();
  }
}

function inspectBuilt(recipe: BoltRecipe): Promise<Inspection> {
  return inspectBytes(buildDatabase(recipe).bytes);
}

function expectFitsAScreen(text: string): void {
  const lines = text.split("\n");
  expect(lines.length).toBeLessThanOrEqual(40);
  for (const line of lines) expect(Array.from(line).length, line).toBeLessThanOrEqual(80);
}

describe.each([...KUBERNETES_SNAPSHOTS, ...MADE_SNAPSHOTS])("the inspection of %s", (name) => {
  const truth = readTruth(name);

  it("says what the etcd server said of itself", async () => {
    const found = await inspectBytes(snapshotBytes(name));
    expect(found).toMatchObject({
      verdict: "restorable",
      reasons: [],
      bytes: truth.file_size,
      sha256: truth.file_sha256,
      trailer: { state: "matches", says: truth.db_sha256_trailer },
      ...(truth.bbolt && {
        structure: { pages: truth.bbolt.pages, freePages: truth.bbolt.free_pages },
        records: truth.bbolt.bucket_keys.key,
      }),
      revision: truth.revision,
      compactRevision: truth.compact_revision,
      keys: truth.live_keys,
      hashKv: truth.hashkv.hash,
      etcd: { version: "3.6.0", restoreWith: "3.6", servedBy: ["3.6", "3.7"] },
      members: [{ id: BigInt(truth.member_id).toString(16) }],
    });
  });

  it("counts every key once, and its bytes", async () => {
    const { census } = await inspectBytes(snapshotBytes(name));
    const bytes = truth.keys.reduce((sum, key) => sum + key.value_size, 0);
    const keys = (rows: readonly { keys: number }[]) =>
      rows.reduce((sum, row) => sum + row.keys, 0);
    expect(keys(census.prefixes)).toBe(truth.live_keys);
    expect(census.prefixes.reduce((sum, row) => sum + row.valueBytes, 0)).toBe(bytes);
    const bookkeeping = Object.values(census.bookkeeping).reduce((sum, count) => sum + count, 0);
    expect(keys(census.resources) + census.others.keys + bookkeeping).toBe(truth.live_keys);
    expect(keys(census.namespaces) + census.clusterWide.keys).toBe(keys(census.resources));
    const { encrypted, notEncrypted } = census.encryption;
    expect(encrypted + notEncrypted).toBe(keys(census.resources));
    expect(census.largestValues[0]?.valueBytes).toBe(
      Math.max(...truth.keys.map((key) => key.value_size)),
    );
    expect(census.mostWritten[0]?.version).toBe(Math.max(...truth.keys.map((key) => key.version)));
  });

  it("counts the leases and their keys as the server does", async () => {
    const { leases } = await inspectBytes(snapshotBytes(name));
    const expected = truth.leases.map(({ id, granted_ttl }) => ({
      id: BigInt(id).toString(16),
      runsOutAfterSeconds: granted_ttl,
      keys: truth.keys.filter((key) => key.lease === id).length,
    }));
    const found = leases.leases.map(({ id, runsOutAfterSeconds, keys }) => ({
      id,
      runsOutAfterSeconds,
      keys,
    }));
    expect(new Set(found)).toEqual(new Set(expected));
    expect(leases.keysWithoutTheirLease).toBe(0);
  });

  it("fits a screen of 80 columns and 40 lines, and holds no number that JSON would lose", async () => {
    const found = await inspectBytes(snapshotBytes(name));
    expectFitsAScreen(inspectionText(found));
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });

  it.each([48, 60, 80])(
    "fits %i columns, and of no fact anything is missing there",
    async (columns) => {
      const found = await inspectBytes(snapshotBytes(name));
      const learner = { id: "a1", name: "", clientUrls: [], isLearner: true };
      const peerUrls = ["https://etcd-one.of-three.example.org:2380"];
      const members = [...found.members, { ...learner, peerUrls }, { ...learner, peerUrls }];
      const text = inspectionText({ ...found, members }, columns);
      for (const line of text.split("\n")) {
        expect(Array.from(line).length, line).toBeLessThanOrEqual(columns);
      }
      const flowing = text.replace(/\s+/g, " ");
      expect(flowing.match(/\(not started\) \S+ \(learner\)/g)).toHaveLength(2);
      expect(flowing).toContain(
        `restore with ${found.etcd.restoreWith}, served by ${found.etcd.servedBy.join(", ")}`,
      );
      expect(flowing).toContain("suffices");
    },
  );
});

describe("the census", () => {
  it.each(["kubernetes-1.35-encrypted.db", ...MADE_SNAPSHOTS] as const)(
    "has the objects that the API server listed, by resource and namespace: %s",
    async (name) => {
      const { census } = await inspectBytes(snapshotBytes(name));
      const listed = readListed(name);
      const tally = (names: readonly string[]) => {
        const counts = new Map<string, number>();
        for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
        return Object.fromEntries(counts);
      };
      // The API server lists events in both groups that they belong to; they are stored in the core group.
      const group = ({ group, resource }: (typeof listed)[number]) =>
        resource === "events" ? "" : group;
      expect(
        Object.fromEntries(
          census.resources.map((row) => [`${row.resource}.${row.group}`, row.keys]),
        ),
      ).toEqual(tally(listed.map((object) => `${object.resource}.${group(object)}`)));
      expect(Object.fromEntries(census.namespaces.map((row) => [row.namespace, row.keys]))).toEqual(
        tally(listed.map(({ namespace }) => namespace).filter((namespace) => namespace !== "")),
      );
      const stored = census.resources.find(({ resource }) => resource === "deployments");
      const has = listed.some(({ resource }) => resource === "deployments");
      expect(Object.keys(stored?.storedAs ?? {})).toEqual(has ? ["apps/v1 Deployment"] : []);
    },
  );

  it("names the providers and keys that encrypted values need", async () => {
    const { census, notes } = await inspectBytes(snapshotBytes("kubernetes-1.35-encrypted.db"));
    const { providers, secretsNotEncrypted } = census.encryption;
    expect(
      providers.map(({ provider, keyName, keys, resources }) => [
        provider,
        keyName,
        keys,
        resources,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ["aescbc", "key1", 4, { secrets: 4 }],
        ["secretbox", "key2", 4, { secrets: 4 }],
      ]),
    );
    expect(providers).toHaveLength(2);
    expect(secretsNotEncrypted).toBe(0);
    expect(notes.join()).toContain("secretbox key2");
  });

  it("says how many Secrets lie there in the clear", async () => {
    const { census } = await inspectBytes(snapshotBytes("kubernetes-1.35-main.db"));
    expect(census.encryption).toMatchObject({ encrypted: 0, secretsNotEncrypted: 8 });
  });

  it("sees the type of objects behind values of megabytes, and keys of any bytes and names", async () => {
    const object = Buffer.from('{"apiVersion":"example.com/v1","kind":"Widget"}');
    const keys = [
      Buffer.from("/registry/example.com/widgets/__proto__/a"),
      Buffer.from([0xff, 0x2f, 0x00]),
      Buffer.alloc(5000, "k"),
      Buffer.from("/registry/configmaps/ns/huge"),
      Buffer.from("/registry/example.com/widgets/ns/b"),
    ];
    const huge = Buffer.concat([
      Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","data":"'),
      Buffer.alloc(3e6, "x"),
    ]);
    const versions = keys.map((key, i) => ({ main: i + 2, key, value: i === 3 ? huge : object }));
    const { census } = await inspectBuilt({ buckets: etcdBuckets(versions) });
    expect(census.resources).toMatchObject([
      {
        resource: "widgets",
        group: "example.com",
        keys: 2,
        storedAs: { "example.com/v1 Widget": 2 },
      },
      { resource: "configmaps", keys: 1, valueBytes: huge.length, storedAs: { "v1 ConfigMap": 1 } },
    ]);
    expect(census.namespaces.map(({ namespace }) => namespace).sort()).toEqual(["__proto__", "ns"]);
    expect(census.others.keys).toBe(2);
    expect(census.prefixes.map(({ prefix }) => prefix)).toContain("base64:/y8=");
  });

  it("stays short in a store of ever other prefixes", async () => {
    const versions = Array.from({ length: 500 }, (_, i) => ({
      main: i + 2,
      key: Buffer.from(`/app/${i}/x`),
    }));
    const found = await inspectBuilt({ buckets: etcdBuckets(versions) });
    expect(found.census.prefixes).toEqual([{ prefix: "/app/", keys: 500, valueBytes: 0 }]);
    expectFitsAScreen(inspectionText(found));
  });
});

describe("the verdict", () => {
  const good = snapshotBytes("kubernetes-1.35-main.db");

  it("is no with its reason for a file without sha256, with a wrong one, and of a newer etcd", async () => {
    const flipped = Buffer.from(good);
    flipped.writeUInt8((good[good.length - 1] ?? 0) ^ 1, good.length - 1);
    const cluster = [{ key: Buffer.from("clusterVersion"), value: Buffer.from("3.9.0") }];
    const cases = [
      [good.subarray(0, -32), "absent", /no sha256 at its end/],
      [flipped, "differs", /not those that etcd wrote/],
      [
        buildDatabase({ buckets: etcdBuckets([], { cluster }) }).bytes,
        "matches",
        /etcd 3\.9\.0 wrote it/,
      ],
    ] as const;
    for (const [bytes, state, reason] of cases) {
      const found = await inspectBytes(bytes);
      expect(found.verdict).toBe("not-restorable");
      expect(found.trailer.state).toBe(state);
      expect(found.reasons.join()).toMatch(reason);
      const text = inspectionText(found);
      expect(text).toMatch(/NOT RESTORABLE.*$/);
      expectFitsAScreen(text);
    }
  });

  it("is no for a file that is not the one of its manifest", async () => {
    const snapshot = await readSnapshot(workspace.write("replaced.db", good));
    const { revision, compactRevision } = snapshot;
    const hashKv = snapshot.hashKv();
    const source = { revision, compactRevision, hashKv, hashKvRevision: revision };
    const manifest = {
      schemaVersion: 1,
      takenAt: "2026-11-22T00:00:00Z",
      sha256: "0".repeat(64),
      bytes: snapshot.bytes,
      source,
    } as const;
    expect(inspect(snapshot, manifest).reasons.join()).toContain("manifest beside it");
    expect(inspect(snapshot, { ...manifest, sha256: snapshot.sha256 }).reasons).toEqual([]);
  });

  it("is yes for a store without a key, of an unknown version, with alarm and authentication, and says so", async () => {
    const alarm = { key: Buffer.from([8, 5, 16, 1]), value: Buffer.alloc(0) };
    const found = await inspectBuilt({
      buckets: etcdBuckets([], {
        cluster: [],
        alarm: [alarm],
        auth: [{ key: Buffer.from("authEnabled"), value: Buffer.from([1]) }],
        authUsers: [{ key: Buffer.from("root"), value: encodeMessage([[1, "root"]]) }],
      }),
    });
    expect(found).toMatchObject({
      verdict: "restorable",
      keys: 0,
      alarms: [{ memberId: "5", alarm: "NOSPACE" }],
      auth: { enabled: true, users: ["root"] },
      etcd: { version: "unknown", restoreWith: "3.5" },
    });
    const text = inspectionText(found);
    for (const note of ["no key at all", "which etcd wrote it", "NOSPACE", "more note"]) {
      expect(text).toContain(note);
    }
    expectFitsAScreen(text);
  });
});

describe("what to know before a restore", () => {
  it.each([
    ["no password", encodeMessage([[1, 1]]), /root has no password: .*certificate named root/],
    ["a password", undefined, /the proof needs no password, you need root's to look inside/],
    ["a password, said outright", encodeMessage([[1, 0]]), /you need root's to look inside/],
  ])("says who comes in where authentication is on and root has %s", async (_what, how, note) => {
    const root = encodeMessage([[1, "root"], ...(how === undefined ? [] : [[4, how] as const])]);
    const found = await inspectBuilt({
      buckets: etcdBuckets([], {
        auth: [{ key: Buffer.from("authEnabled"), value: Buffer.from([1]) }],
        authUsers: [{ key: Buffer.from("root"), value: root }],
      }),
    });
    expect(found.auth.users).toEqual(["root"]);
    expect(found.notes.filter((line) => line.startsWith("authentication"))).toEqual([
      expect.stringMatching(note),
    ]);
  });

  it("names every etcd that may serve it, none older than the one that wrote it", async () => {
    const wrote = async (version: string) => {
      const cluster = [{ key: Buffer.from("clusterVersion"), value: Buffer.from(version) }];
      return (await inspectBuilt({ buckets: etcdBuckets([], { cluster }) })).etcd.servedBy;
    };
    expect(await wrote("3.4.0")).toEqual(["3.5", "3.6", "3.7"]);
    expect(await wrote("3.5.0")).toEqual(["3.5", "3.6", "3.7"]);
    expect(await wrote("3.7.0")).toEqual(["3.7"]);
    expect(await wrote("3.9.0")).toEqual([]);
  });

  it("tells a learner from the members that vote", async () => {
    const member = (id: number, name: string, more: object) => ({
      key: Buffer.from(id.toString(16)),
      value: Buffer.from(
        JSON.stringify({ id, peerURLs: [`http://10.0.0.${id}:2380`], name, ...more }),
      ),
    });
    const members = [member(1, "voter", {}), member(2, "pupil", { isLearner: true })];
    const found = await inspectBuilt({ buckets: etcdBuckets([], { members }) });
    expect(found.members).toMatchObject([
      { id: "1", isLearner: false },
      { id: "2", isLearner: true },
    ]);
    expect(inspectionText(found)).toContain(
      "voter http://10.0.0.1:2380, pupil http://10.0.0.2:2380 (learner)\n",
    );
  });

  it("says of a backup over etcd's default quota that it needs another, and of no smaller one", async () => {
    const { bytes } = buildDatabase({ buckets: etcdBuckets([]) });
    const snapshot = await readSnapshot(workspace.write("quota.db", bytes));
    snapshot.close(); // only its size is another; a value is not read
    const sized = (size: number) => inspect({ ...snapshot, bytes: size });
    const over = sized(3 * 2 ** 30);
    expect(over.verdict).toBe("restorable");
    expect(over.notes).toContain(
      "with 3.0 GiB it is over etcd's default quota of 2.0 GiB: set --quota-backend-bytes (etcd-restore does)",
    );
    expect(inspectionText(over)).toContain("over etcd's default quota");
    expect(sized(2 * 2 ** 30 + 1).notes.join()).toContain("quota");
    expect(sized(2 * 2 ** 30).notes.join()).not.toContain("quota");
  });
});
