// How the file is read: by one thread or two, with progress, an end on request, and an eye on changes.
import { appendFileSync, renameSync, rmSync, statSync, truncateSync, utimesSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";

import { readSnapshot, SnapshotError } from "../../../etcd/snapshot/snapshot";
import {
  buildDatabase,
  etcdBuckets,
  withTrailer,
  writeMeta,
  type BuiltPage,
} from "../../support/bbolt-builder";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { plainHashKv } from "../../support/plain-hash-kv";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

const versions = Array.from({ length: 30_000 }, (_, i) => ({
  main: i + 2,
  key: Buffer.from(`/registry/pods/ns/pod-${(i * 7919) % 20_000}`),
  value: Buffer.alloc(4000 + (i % 1000), i),
}));

/** A database above the size from which a second thread reads: about 150 MB. */
function largeDatabase(): Buffer {
  return buildDatabase({ buckets: etcdBuckets(versions) }).bytes;
}

describe("a large file, which a second thread reads and hashes", () => {
  const bytes = largeDatabase();
  const file = workspace.write("large.db", bytes);

  it("gives the same as the plain definition", async () => {
    const progress: number[] = [];
    const snapshot = await readSnapshot(file, {
      onProgress: (done, total) => {
        expect(total).toBe(bytes.length - 32);
        progress.push(done);
      },
    });
    expect(snapshot).toMatchObject({ trailer: "matches", records: 30_000, bytes: bytes.length });
    expect(snapshot.live.count).toBe(20_000);
    expect(snapshot.hashKv()).toBe(plainHashKv(versions, 30_001, 0));
    expect(progress.at(-1)).toBe(bytes.length - 32);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  it("notices a flipped bit of a value", async () => {
    const flipped = Buffer.from(bytes);
    const at = flipped.indexOf(Buffer.alloc(2000, 9));
    flipped.writeUInt8(8, at);
    const snapshot = await readSnapshot(workspace.write("flipped.db", flipped));
    expect(snapshot.trailer).toBe("differs");
    expect(snapshot.hashKv()).not.toBe(plainHashKv(versions, 30_001, 0));
  });

  it("names a broken page and ends the thread", async () => {
    const broken = Buffer.from(bytes);
    broken.fill(0, 2 * 4096, 3 * 4096);
    await expect(readSnapshot(workspace.write("broken.db", broken))).rejects.toThrow(SnapshotError);
  });

  it("stops when it is told to", async () => {
    const reason = new Error("told to stop");
    const controller = new AbortController();
    const reading = readSnapshot(file, {
      signal: controller.signal,
      onProgress: () => {
        controller.abort(reason);
      },
    });
    await expect(reading).rejects.toBe(reason);
  });

  it("notices that the file shrinks while it is read", async () => {
    const shrinking = workspace.write("shrinking.db", bytes);
    let cut = false;
    const reading = readSnapshot(shrinking, {
      onProgress: (done) => {
        if (cut || done > 100e6) return;
        cut = true;
        truncateSync(shrinking, 120e6);
      },
    });
    // By the end of the file, or by its size afterwards, whichever comes first.
    await expect(reading).rejects.toThrow(/ends (here|at byte)|changed while it was read/);
  });
});

it("does not begin when it was told to stop before", async () => {
  const signal = AbortSignal.abort(new Error("too late"));
  await expect(readSnapshot(workspace.path("absent.db"), { signal })).rejects.toThrow("too late");
});

describe("a file that changes while it is read", () => {
  const bytes = snapshotBytes("kubernetes-1.35-events.db");
  it.each<[string, (file: string) => void, RegExp]>([
    [
      "grows",
      (file) => {
        appendFileSync(file, "x");
      },
      /changed while it was read: it had 286752 bytes and now has 286753/,
    ],
    [
      "is written to",
      (file) => {
        utimesSync(file, 1, 1);
      },
      /changed while it was read: it was written to at 1970/,
    ],
    [
      "is removed",
      (file) => {
        rmSync(file);
      },
      /removed while it was read/,
    ],
    [
      "is replaced",
      (file) => {
        renameSync(workspace.write("other.db", bytes), file);
      },
      /another file was put in its place/,
    ],
  ])("is refused: it %s", async (_, change, message) => {
    const file = workspace.write("changing.db", bytes);
    // The last progress comes after the pass and before the check.
    const reading = readSnapshot(file, {
      onProgress: (done, total) => {
        if (done === total) change(file);
      },
    });
    await expect(reading).rejects.toThrow(message);
  });

  it("is noticed later too, when a value is read from it", async () => {
    const file = workspace.write("later.db", bytes);
    const snapshot = await readSnapshot(file);
    const truth = readTruth("kubernetes-1.35-events.db");
    expect(snapshot.live.value(0).length).toBe(truth.keys[0]?.value_size);
    workspace.write("later.db", Buffer.alloc(bytes.length, 1));
    expect(() => snapshot.live.value(0)).toThrow(/no longer the one that was read/);
    snapshot.close();
  });
});

it("leaves the file as it was", async () => {
  const file = workspace.write("kept.db", snapshotBytes("kubernetes-1.35-main.db"));
  const before = statSync(file, { bigint: true });
  const first = await readSnapshot(file);
  const second = await readSnapshot(file);
  expect(second.sha256).toBe(first.sha256);
  expect(statSync(file, { bigint: true }).mtimeNs).toBe(before.mtimeNs);
});

const countPages = (pages: readonly BuiltPage[]) =>
  pages.reduce((sum, { overflow }) => sum + 1 + overflow, 0);

it("needs no memory for values: half a gigabyte of free pages is only hashed", async () => {
  const small = buildDatabase({ buckets: etcdBuckets(versions.slice(0, 10)), trailer: false });
  const pages = 130_000;
  const database = Buffer.concat([small.bytes, Buffer.alloc(pages * 4096 - small.bytes.length)]);
  const root = small.pages.find(({ bucket }) => bucket === "")?.id ?? 0;
  writeMeta(database, 0, { pageSize: 4096, root, pages });
  writeMeta(database, 1, { pageSize: 4096, root, pages });
  const file = workspace.write("free.db", withTrailer(database));
  const before = process.memoryUsage.rss();
  const snapshot = await readSnapshot(file);
  expect(snapshot).toMatchObject({
    records: 10,
    pages,
    freePages: pages - 2 - countPages(small.pages),
  });
  expect(process.memoryUsage.rss() - before).toBeLessThan(60e6);
});
