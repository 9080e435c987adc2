import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { encodeMessage, type FieldToWrite } from "../../../etcd/wire/protobuf";
import { readSnapshot, type Snapshot } from "../../../etcd/snapshot/snapshot";
import {
  buildDatabase,
  etcdBuckets,
  storedEntry,
  type StoredVersion,
} from "../../support/bbolt-builder";
import { createWorkspace } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
const versions = Array.from({ length: 50 }, (_, i): StoredVersion => ({
  main: i + 10,
  create: i + 2,
  version: i + 1,
  key: Buffer.from(`/key/${String(i).padStart(3, "0")}`),
  value: Buffer.alloc(i * 10, i),
  ...(i % 5 === 0 ? { lease: 0x7234_5678_9abc_def0n } : {}),
}));
let snapshot: Snapshot;
beforeAll(async () => {
  const { bytes } = buildDatabase({ buckets: etcdBuckets(versions) });
  snapshot = await readSnapshot(workspace.write("range.db", bytes));
});
afterAll(() => {
  workspace.remove();
});

const stored = (version: StoredVersion) => storedEntry(version).value;
const keysOnly = (version: StoredVersion) => stored({ ...version, value: Buffer.alloc(0) });
const header = (revision: number) =>
  encodeMessage([
    [1, 0xffff_ffff_ffff_ffffn],
    [2, 7n],
    [3, revision],
    [4, 2],
  ]);

/** An answer with these KeyValues. */
function answer(kvs: readonly Buffer[], more: readonly FieldToWrite[] = []): Buffer {
  return encodeMessage([[1, header(59)], ...kvs.map((kv): FieldToWrite => [2, kv]), ...more]);
}

/** Puts an answer somewhere into slot 1 of 2 and compares it with the keys from `first` on. */
function compare(message: Buffer, first: number, count: number, mode: "stored" | "metadata") {
  const comparer = snapshot.live.comparer(100_000, 2);
  comparer.buffer(1).set(message, 5);
  return comparer.compare(1, 5, message.length, first, count, mode);
}

describe.each([
  ["stored", stored],
  ["metadata", keysOnly],
  ["metadata", stored],
] as const)("mode %s", (mode, encode) => {
  it("matches an answer that holds what the file holds", () => {
    const message = answer(versions.map(encode), [[4, 50]]);
    expect(compare(message, 0, 50, mode)).toEqual({
      matched: 50,
      keys: 50,
      headerRevision: 59,
      totalKeys: 50,
      more: false,
      malformed: false,
    });
  });

  it("matches a part from the middle", () => {
    const message = answer(versions.slice(20, 30).map(encode), [
      [3, true],
      [4, 30],
    ]);
    expect(compare(message, 20, 10, mode)).toMatchObject({
      matched: 10,
      keys: 10,
      more: true,
      totalKeys: 30,
    });
  });

  it.each<[string, Partial<StoredVersion>]>([
    ["key", { key: Buffer.from("/key/007x") }],
    ["key of the same length", { key: Buffer.from("/key/00x") }],
    ["create revision", { create: 8 }],
    ["mod revision", { main: 99 }],
    ["version", { version: 9 }],
    ["lease", { lease: 1n }],
  ])("stops at a key with another %s", (_, change) => {
    const changed = versions.map((version, i) => (i === 7 ? { ...version, ...change } : version));
    expect(compare(answer(changed.map(encode)), 0, 50, mode)).toMatchObject({
      matched: 7,
      keys: 50,
    });
  });

  it("tells a missing key, an extra key, and an answer without keys", () => {
    const missing = answer([...versions.slice(0, 9), ...versions.slice(10)].map(encode));
    expect(compare(missing, 0, 50, mode)).toMatchObject({ matched: 9, keys: 49 });
    const extra = { ...versions[49], main: 60, key: Buffer.from("/key/050") };
    const longer = answer([...versions.map(encode), encode(extra)]);
    expect(compare(longer, 0, 50, mode)).toMatchObject({ matched: 50, keys: 51 });
    expect(compare(answer([]), 0, 50, mode)).toMatchObject({ matched: 0, keys: 0 });
    expect(compare(Buffer.alloc(0), 0, 0, mode)).toMatchObject({ matched: 0, headerRevision: 0 });
  });

  it.each([1, 2, 7, 40])("says that an answer cut by %i bytes is malformed", (cut) => {
    const message = answer(versions.map(encode));
    expect(compare(message.subarray(0, message.length - cut), 0, 50, mode).malformed).toBe(true);
  });
});

it("sees a changed value in mode stored, and not in mode metadata", () => {
  const changed = versions.map((version, i) =>
    i === 7 ? { ...version, value: Buffer.alloc(70, 8) } : version,
  );
  const message = answer(changed.map(stored));
  expect(compare(message, 0, 50, "stored").matched).toBe(7);
  expect(compare(message, 0, 50, "metadata").matched).toBe(50);
});

it("does not look beyond a buffer, a slot or the keys", () => {
  const comparer = snapshot.live.comparer(1000, 1);
  expect(() => comparer.buffer(1)).toThrow("buffer 1 was asked for; there are buffers 0 to 0");
  expect(() => comparer.compare(0, 990, 11, 0, 1, "stored")).toThrow("a buffer of 1000");
  expect(() => snapshot.live.comparer(2 ** 31, 2)).toThrow("all must fit into 4 GiB");
  expect(() => snapshot.live.key(50)).toThrow("live key 50 was asked for; there are keys 0 to 49");
});

it("keeps the index usable after a comparer of many megabytes was made", () => {
  snapshot.live.comparer(64 << 20, 4);
  expect(snapshot.live.key(3).toString()).toBe("/key/003");
  expect(snapshot.live.indexOf(Buffer.from("/key/049"))).toBe(49);
});
