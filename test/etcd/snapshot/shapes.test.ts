// Databases in shapes that one machine's etcd rarely writes, built byte by byte.
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { readSnapshot, type Snapshot } from "../../../etcd/snapshot/snapshot";
import {
  buildDatabase,
  etcdBuckets,
  revisionBytes,
  withTrailer,
  type BoltRecipe,
  type StoredVersion,
} from "../../support/bbolt-builder";
import { createWorkspace } from "../../support/kubernetes-fixtures";
import { plainHashKv } from "../../support/plain-hash-kv";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

let files = 0;
function readBytes(bytes: Buffer): Promise<Snapshot> {
  return readSnapshot(workspace.write(`shape-${files++}.db`, bytes));
}
function read(
  versions: readonly StoredVersion[],
  recipe: Partial<BoltRecipe> = {},
): Promise<Snapshot> {
  return readBytes(buildDatabase({ buckets: etcdBuckets(versions), ...recipe }).bytes);
}

const put = (main: number, key: string, more: Partial<StoredVersion> = {}): StoredVersion => ({
  main,
  key: Buffer.from(key),
  value: Buffer.from(`value of ${key} at ${main}`),
  ...more,
});
const remove = (main: number, key: string): StoredVersion => ({
  main,
  key: Buffer.from(key),
  tombstone: true,
});
const keysOf = ({ live }: Snapshot) =>
  Array.from({ length: live.count }, (_, i) => live.key(i).toString());
const many = (count: number, valueBytes = 60) =>
  Array.from({ length: count }, (_, i) =>
    put(i + 2, `/registry/pods/ns/pod-${(i * 7919) % count}`, {
      value: Buffer.alloc(valueBytes, i),
    }),
  );

describe("small stores", () => {
  it.each([
    ["pages of its own", {}],
    ["a page inside the bucket", { inline: ["key"] }],
  ])("reads an empty store with %s: revision 1, no keys", async (_, recipe) => {
    const snapshot = await read([], recipe);
    expect(snapshot).toMatchObject({ revision: 1, records: 0, compactRevision: 0 });
    expect(snapshot.live.count).toBe(0);
    expect(snapshot.hashKv()).toBe(plainHashKv([], 1, 0));
    expect(snapshot.hashKv(1, -1)).toBe(snapshot.hashKv());
  });

  it.each([
    ["a single leaf page", {}],
    ["an inline page", { inline: ["key"] }],
  ])("reads a few records in %s", async (_, recipe) => {
    const versions = [put(2, "b"), put(3, "a"), put(4, "b", { create: 2, version: 2 })];
    const snapshot = await read([...versions, remove(5, "a")], recipe);
    expect(snapshot).toMatchObject({ revision: 5, records: 4 });
    expect(keysOf(snapshot)).toEqual(["b"]);
    expect(snapshot.live.metadata(0)).toMatchObject({
      createRevision: 2,
      modRevision: 4,
      version: 2,
    });
    expect(snapshot.live.value(0).toString()).toBe("value of b at 4");
    expect(snapshot.hashKv()).toBe(plainHashKv([...versions, remove(5, "a")], 5, 0));
    snapshot.close();
  });
});

describe("pages", () => {
  it.each([1024, 4096, 8192, 16_384, 32_768, 65_536])(
    "reads pages of %i bytes",
    async (pageSize) => {
      const versions = many(3000);
      const snapshot = await read(versions, { pageSize });
      expect(snapshot).toMatchObject({ pageSize, records: 3000, revision: 3001, freePages: 0 });
      expect(snapshot.live.count).toBe(3000);
      expect(keysOf(snapshot)).toEqual(keysOf(snapshot).sort());
      expect(snapshot.hashKv()).toBe(plainHashKv(versions, 3001, 0));
    },
  );

  it("reads trees of many levels", async () => {
    const versions = many(2000);
    const snapshot = await read(versions, { elementsPerPage: 3 });
    expect(snapshot.live.count).toBe(2000);
    expect(snapshot.hashKv()).toBe(plainHashKv(versions, 2001, 0));
  });

  it("ignores free pages that still look like leaves, and counts them", async () => {
    const versions = many(500);
    const snapshot = await read(versions, { stalePages: 9 });
    expect(snapshot).toMatchObject({ records: 500, freePages: 9 });
    expect(snapshot.hashKv()).toBe(plainHashKv(versions, 501, 0));
  });

  it("does not count a stored list of free pages as free", async () => {
    expect(await read(many(50), { freelist: true })).toMatchObject({ freePages: 0 });
  });

  it.each([4096, 65_536])(
    "reads values of several megabytes, larger than any buffer, in pages of %i bytes",
    async (pageSize) => {
      const value = Buffer.alloc(5_000_000, "v");
      const versions = [
        ...many(300, 2000),
        put(400, "/big/one", { value }),
        put(401, "/big/two", { value: value.subarray(1) }),
        put(402, "/small"),
      ];
      const snapshot = await read(versions, { pageSize });
      expect(snapshot.hashKv()).toBe(plainHashKv(versions, 402, 0));
      expect(snapshot.live.value(snapshot.live.indexOf(Buffer.from("/big/two"))).length).toBe(
        4_999_999,
      );
      snapshot.close();
    },
  );

  it.each([0, 1] as const)(
    "uses the other meta page when page %i is damaged, and says so",
    async (page) => {
      const versions = many(50);
      const { bytes, pageSize } = buildDatabase({ buckets: etcdBuckets(versions), trailer: false });
      bytes.writeUInt8((bytes[page * pageSize + 40] ?? 0) ^ 1, page * pageSize + 40);
      const snapshot = await readBytes(withTrailer(bytes));
      expect(snapshot).toMatchObject({ badMetaPage: page, trailer: "matches" });
      expect(snapshot.hashKv()).toBe(plainHashKv(versions, 51, 0));
    },
  );

  it.each([16_384, 65_536])(
    "finds the second meta page of a file with pages of %i bytes when the first is damaged",
    async (pageSize) => {
      const { bytes } = buildDatabase({ buckets: etcdBuckets(many(50)), pageSize });
      bytes.fill(0, 0, 4096);
      expect(await readBytes(bytes)).toMatchObject({
        badMetaPage: 0,
        pageSize,
        trailer: "differs",
      });
    },
  );
});

describe("the trailer", () => {
  it("is absent where the file ends with its last page", async () => {
    const snapshot = await read(many(50), { trailer: false });
    expect(snapshot.trailer).toBe("absent");
    expect(snapshot.trailerSha256).toBeUndefined();
    expect(snapshot.sha256).toBe(snapshot.contentSha256);
  });

  it("differs where a bit of a value was flipped", async () => {
    const { bytes } = buildDatabase({ buckets: etcdBuckets(many(50)) });
    const good = await readBytes(bytes);
    const at = bytes.indexOf(Buffer.alloc(60, 7)) + 30;
    bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
    const bad = await readBytes(bytes);
    expect([good.trailer, bad.trailer]).toEqual(["matches", "differs"]);
    expect(bad.trailerSha256).toBe(good.contentSha256);
    expect(bad.contentSha256).not.toBe(good.contentSha256);
    expect(bad.hashKv()).not.toBe(good.hashKv());
  });
});

describe("revisions", () => {
  const mark = (name: string, main: number) => ({
    key: Buffer.from(name),
    value: revisionBytes(main),
  });
  const versions = [
    put(2, "a"),
    put(3, "b"),
    put(4, "a", { create: 2, version: 2 }),
    remove(5, "b"),
  ];

  it("takes a compaction that was scheduled but not finished as the mark, as the server does", async () => {
    const meta = [mark("finishedCompactRev", 3), mark("scheduledCompactRev", 5)];
    const snapshot = await read([], { buckets: etcdBuckets(versions, { meta }) });
    expect(snapshot).toMatchObject({
      scheduledCompactRevision: 5,
      finishedCompactRevision: 3,
      compactRevision: 5,
      revision: 5,
    });
    expect(snapshot.hashKv()).toBe(plainHashKv(versions, 5, 5));
    expect(snapshot.hashKv(5, 3)).toBe(plainHashKv(versions, 5, 3));
  });

  it("is the compaction mark where a compaction removed the last records", async () => {
    const meta = [mark("finishedCompactRev", 9), mark("scheduledCompactRev", 9)];
    const snapshot = await read([], { buckets: etcdBuckets(versions.slice(0, 3), { meta }) });
    expect(snapshot.revision).toBe(9);
  });

  it("counts the empty record of a bumped file, but not as a key", async () => {
    const placeholder = { key: revisionBytes(1_000_000_005), value: Buffer.alloc(0) };
    const buckets = etcdBuckets(versions);
    const key = [...(buckets.key ?? []), placeholder];
    const snapshot = await read([], { buckets: { ...buckets, key } });
    expect(snapshot).toMatchObject({ revision: 1_000_000_005, placeholders: 1, records: 5 });
    expect(keysOf(snapshot)).toEqual(["a"]);
  });

  it("refuses a hash at a revision that was compacted or is to come", async () => {
    const snapshot = await read(versions);
    expect(() => snapshot.hashKv(6)).toThrow("revision 6 is in the future: the snapshot ends at 5");
    expect(() => snapshot.hashKv(3, 4)).toThrow(
      "revision 3 was compacted: the compaction mark is 4",
    );
  });
});

it("gives the hash, and the live keys in order, of any history", async () => {
  const key = fc.constantFrom(
    "",
    "/",
    "/a",
    "/a\0",
    "/a/b",
    "/a/b/c/d/e/f/g/h",
    "\xff\xff",
    "/a/b/c/d/e/f/g",
  );
  const step = fc.record({ key, remove: fc.boolean(), sameRevision: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(), fc.nat(), async (steps, r, c) => {
      let main = 1;
      let sub = 0;
      const versions = steps.map((step): StoredVersion => {
        if (step.sameRevision && main > 1) sub++;
        else {
          main++;
          sub = 0;
        }
        const name = `k${step.key}`;
        return step.remove ? { ...remove(main, name), sub } : put(main, name, { sub });
      });
      const snapshot = await read(versions, { elementsPerPage: 5 });
      const revision = 1 + (r % main);
      const compacted = c % (revision + 1);
      expect(snapshot.hashKv(revision, compacted)).toBe(plainHashKv(versions, revision, compacted));
      const last = new Map(versions.map((version) => [version.key.toString(), version]));
      const live = [...last.values()].filter(({ tombstone }) => tombstone !== true);
      expect(keysOf(snapshot)).toEqual(
        live
          .map((version) => version.key)
          .sort((a, b) => Buffer.compare(a, b))
          .map(String),
      );
    }),
    { numRuns: 60 },
  );
});
