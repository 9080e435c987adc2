import { afterAll, describe, expect, it } from "vitest";

import { diffSnapshots, type KeyChange } from "../../../etcd/inspect/diff";
import { nearestKeys, parseKey, sortedKeys } from "../../../etcd/inspect/keys";
import { listKeys } from "../../../etcd/inspect/list";
import { showKey } from "../../../etcd/inspect/show";
import { printableKey } from "../../../etcd/wire/keys";
import { readSnapshot, type Snapshot } from "../../../etcd/snapshot/snapshot";
import { buildDatabase, etcdBuckets, type StoredVersion } from "../../support/bbolt-builder";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";
import { storedKeys } from "../kubernetes/truth";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

function keysOf(...names: readonly string[]) {
  return sortedKeys(names.map((name) => Buffer.from(name, "latin1")).sort((a, b) => a.compare(b)));
}

describe("a listing", () => {
  const keys = keysOf("/a", "/a/b/1", "/a/b/2", "/a/c", "/ab", "/a0", "x/y", "z", "/a/\xff\xff");
  const names = (prefix: string, recursive = false) =>
    listKeys(keys, Buffer.from(prefix), recursive).map(({ name }) => name);

  it("shows one level, folders with a slash and their number of keys", () => {
    expect(names("")).toEqual(["/a", "/a/", "/a0", "/ab", "x/", "z"]);
    expect(listKeys(keys, Buffer.from("/a/"))).toMatchObject([
      { name: "/a/b/", isFolder: true, keys: 2 },
      { name: "/a/c", isFolder: false, keys: 1 },
      { name: "base64:L2Ev//8=", isFolder: false, keys: 1 },
    ]);
  });

  it("takes a prefix for a folder first, with the key of that name, else for a beginning", () => {
    expect(names("/a")).toEqual(["/a", "/a/b/", "/a/c", "base64:L2Ev//8="]);
    expect(names("/a/b/1")).toEqual(["/a/b/1"]);
    expect(names("x")).toEqual(["x/y"]);
    expect(names("/a/b")).toEqual(["/a/b/1", "/a/b/2"]);
    expect(listKeys(keysOf("/abc/1", "/abd"), Buffer.from("/ab")).map(({ name }) => name)).toEqual([
      "/abc/",
      "/abd",
    ]);
    expect(names("/nothing")).toEqual([]);
  });

  it("shows every key when it is recursive, and nothing of an empty store", () => {
    expect(names("/a/", true)).toEqual(["/a/b/1", "/a/b/2", "/a/c", "base64:L2Ev//8="]);
    expect(names("", true)).toHaveLength(keys.count);
    expect(listKeys(keysOf(), Buffer.alloc(0))).toEqual([]);
  });

  it("looks at as many keys as it shows entries", () => {
    const many = keysOf(...Array.from({ length: 5000 }, (_, i) => `/r/${i % 3}/${i}`));
    let looks = 0;
    const counting = {
      ...many,
      key: (i: number) => {
        looks++;
        return many.key(i);
      },
    };
    expect(listKeys(counting, Buffer.from("/r"))).toHaveLength(3);
    expect(looks).toBe(3);
  });
});

describe("a key on the command line", () => {
  it("is read back as it was shown, whatever its bytes", () => {
    for (const bytes of [[0xff, 0], [0x2f, 0x0a], [...Buffer.from("base64:x")], [0x61]]) {
      const key = Buffer.from(bytes);
      expect(parseKey(printableKey(key))).toEqual(key);
    }
    expect(() => parseKey("base64:*")).toThrow(/base64/);
  });

  it("that is not there has its neighbours named", () => {
    expect(nearestKeys(keysOf("a", "b", "d", "e", "f"), Buffer.from("c"))).toEqual([
      "a",
      "b",
      "d",
      "e",
    ]);
    expect(nearestKeys(keysOf(), Buffer.from("c"))).toEqual([]);
  });
});

describe("a value that is shown", () => {
  it("is what kubectl prints, for every key of the sample; encrypted ones are named and not shown", () => {
    let encrypted = 0;
    for (const { key, modRevision, value, kubectl } of storedKeys("encrypted")) {
      const metadata = { createRevision: 1, modRevision, version: 1, lease: -1n };
      const stored = { key: Buffer.from(key), value, metadata };
      const shown = showKey(stored, { format: "json", metadata: false });
      if (kubectl !== undefined)
        expect(JSON.parse(String(shown.output))).toEqual(JSON.parse(kubectl));
      expect(showKey(stored, { format: "raw", metadata: false }).output).toEqual(value);
      const wrapped = JSON.parse(
        String(showKey(stored, { format: "json", metadata: true }).output),
      ) as object;
      expect(wrapped).toMatchObject({
        modRevision,
        lease: "ffffffffffffffff",
        valueBytes: value.length,
      });
      if (!value.subarray(0, 8).equals(Buffer.from("k8s:enc:"))) continue;
      encrypted++;
      expect(shown.output).toBe("");
      expect(shown.problem).toMatch(/encrypted at rest by (aescbc|secretbox).*'key[12]'.*-o raw/s);
      expect(wrapped).toMatchObject({ encoding: "encrypted" });
      expect(wrapped).not.toHaveProperty("object");
    }
    expect(encrypted).toBe(8);
  });
});

describe("a difference of two files", () => {
  let files = 0;
  async function store(versions: readonly StoredVersion[]): Promise<Snapshot> {
    const { bytes } = buildDatabase({ buckets: etcdBuckets(versions) });
    return readSnapshot(workspace.write(`diff-${files++}.db`, bytes));
  }
  const version = (
    main: number,
    key: string,
    value: string,
    more: Partial<StoredVersion> = {},
  ) => ({
    main,
    key: Buffer.from(key, "latin1"),
    value: Buffer.from(value),
    ...more,
  });

  it("names what was added, removed and changed, and in what; never a value", async () => {
    const a = await store([
      version(2, "/registry/pods/ns/gone", "SECRET-1"),
      version(3, "/registry/pods/ns/same", "SECRET-2"),
      version(4, "/registry/pods/ns/touched", "SECRET-3"),
      version(5, "/registry/secrets/ns/value", "SECRET-4"),
      version(6, "\xff", "SECRET-5"),
    ]);
    const b = await store([
      version(3, "/registry/pods/ns/same", "SECRET-2"),
      version(5, "/registry/secrets/ns/value", "SECRET-X"),
      version(6, "\xff", "SECRET-5", { lease: 7n }),
      version(7, "/registry/pods/ns/touched", "SECRET-3", { create: 4, version: 2 }),
      version(8, "new", ""),
    ]);
    const changes: KeyChange[] = [];
    const found = diffSnapshots(a, b, (change) => changes.push(change));
    expect(changes).toEqual([
      { key: "/registry/pods/ns/gone", change: "removed" },
      { key: "/registry/pods/ns/touched", change: "changed", fields: ["modRevision", "version"] },
      { key: "/registry/secrets/ns/value", change: "changed", fields: ["value"] },
      { key: "new", change: "added" },
      { key: "base64:/w==", change: "changed", fields: ["lease"] },
    ]);
    expect(found).toMatchObject({
      verdict: "different",
      same: 1,
      sameValue: 2,
      total: { added: 1, removed: 1, changed: 3 },
      b: { revision: 8, keys: 5 },
    });
    expect(found.byResource).toContainEqual({ resource: "pods", added: 0, removed: 1, changed: 1 });
    expect(found.byPrefix).toContainEqual({
      prefix: "/registry/secrets/ns/",
      added: 0,
      removed: 0,
      changed: 1,
    });
    expect(JSON.stringify([found, changes])).not.toContain("SECRET");
    for (const snapshot of [a, b]) snapshot.close();
  });

  it("is none between a file and itself, and all between a store and an empty one", async () => {
    const file = workspace.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
    const [main, again, empty] = [
      await readSnapshot(file),
      await readSnapshot(file),
      await store([]),
    ];
    expect(diffSnapshots(main, again)).toMatchObject({ verdict: "same", same: 337, byPrefix: [] });
    expect(diffSnapshots(main, empty).total).toEqual({ added: 0, removed: 337, changed: 0 });
    expect(diffSnapshots(empty, main).total).toEqual({ added: 337, removed: 0, changed: 0 });
    expect(diffSnapshots(empty, empty).verdict).toBe("same");
  });
});
