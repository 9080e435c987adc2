/** Where an unpacked backup lies: for nobody else to read, no longer than needed, and never more than fits. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";

import { openBackup, removeKept } from "../../../etcd/backup/backup-file";
import { readBackup } from "../../../etcd/backup/read-backup";
import { NoRoomError, openUnnamedPlace } from "../../../etcd/backup/place";
import { fnv1a64 } from "../../../etcd/snapshot/meta-page";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});
const good = snapshotBytes("kubernetes-1.35-events.db");
const packed = workspace.write("packed", gzipSync(good));

const before = process.env.TMPDIR;
const temporary = workspace.path("temporary");
beforeEach(() => {
  fs.mkdirSync(temporary);
  process.env.TMPDIR = temporary;
});
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  // Nothing with a name was left, whatever the test did.
  fs.rmdirSync(temporary);
});

/** Files open in this process that have no name any more. */
function unnamed(): readonly string[] {
  return fs.readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(temporary);
    } catch {
      return false; // the one that the folder was read through
    }
  });
}

it("has no name, belongs to its user alone, and is gone when the snapshot is closed", async () => {
  const { snapshot, backup } = await readBackup(packed);
  expect(fs.readdirSync(temporary)).toEqual([]);
  expect(unnamed()).toHaveLength(1);
  expect(fs.statSync(backup.path).mode & 0o777).toBe(0o600);
  expect(fs.statSync(backup.path).nlink).toBe(0);
  expect(fs.readFileSync(backup.path).equals(good)).toBe(true);
  snapshot.close();
  expect(unnamed()).toEqual([]);
});

it("is gone after a failure and after an interruption", async () => {
  const cut = workspace.write("cut", fs.readFileSync(packed).subarray(0, -1000));
  await expect(readBackup(cut)).rejects.toThrow(/damaged or cut off/);
  const damaged = workspace.write("damaged", gzipSync(good.subarray(0, -4096)));
  await expect(readBackup(damaged)).rejects.toThrow(/cut short/);
  const controller = new AbortController();
  const read = readBackup(packed, {
    signal: controller.signal,
    onUnpack: () => {
      controller.abort(new Error("interrupted"));
    },
  });
  await expect(read).rejects.toThrow("interrupted");
  expect(unnamed()).toEqual([]);
});

/** The good one, with so many pages by one or both of its meta pages. */
function claiming(pages: bigint, metas: readonly number[]): Buffer {
  const changed = Buffer.from(good);
  for (const meta of metas) {
    changed.writeBigUInt64LE(pages, meta + 40);
    changed.writeBigUInt64LE(fnv1a64(changed.subarray(meta, meta + 56)), meta + 56);
  }
  return changed;
}
const META_0 = 16;
const META_1 = 4096 + 16;

it("is not begun when the disk has not the room", () => {
  const place = openUnnamedPlace("backup.gz");
  const expecting = () => {
    place.expect(2 ** 52);
  };
  expect(expecting).toThrow(NoRoomError);
  expect(expecting).toThrow(
    /backup\.gz: unpacked it takes 4096 TiB, and the disk of .* has .* free .*set TMPDIR to a folder on a larger disk/,
  );
  place.discard();
  expect(unnamed()).toEqual([]);
});

it("is not begun for what is a thousand times as large as what is packed", async () => {
  const file = workspace.write("huge", gzipSync(claiming(2n ** 40n, [META_0, META_1])));
  await expect(openBackup(file)).rejects.toThrow(
    /by its meta pages it takes 4096 TiB unpacked, out of .* KiB: the limit is 1\.0 GiB, 1000 times .*unpack it yourself/,
  );
  expect(unnamed()).toEqual([]);
});

it.each([
  ["whole", good],
  ["of which the first is damaged", corrupted(good, [META_0])],
  ["of which the second is damaged", corrupted(good, [META_1])],
])("grows no further than its meta pages say, %s", async (_, database) => {
  const bomb = gzipSync(Buffer.concat([database, Buffer.alloc(40 * 2 ** 20)]), { level: 1 });
  await expect(openBackup(workspace.write("bomb", bomb))).rejects.toThrow(
    /grows beyond what its meta pages say: that is 280 KiB, and at 33\.\d MiB it is not at its end/,
  );
  expect(unnamed()).toEqual([]);
});

it("is not written at all when neither meta page is whole", async () => {
  const nothing = Buffer.concat([corrupted(good, [META_0, META_1]), Buffer.alloc(40 * 2 ** 20)]);
  const file = workspace.write("nothing", gzipSync(nothing, { level: 1 }));
  const backup = await openBackup(file);
  expect(fs.statSync(backup.path).size).toBeLessThan(2 ** 20);
  backup.dispose();
  await expect(readBackup(file)).rejects.toThrow(/nothing: what is in it \(gzip\): no bbolt meta/);
});

/** With a bit of these meta pages' checksums turned. */
function corrupted(database: Buffer, metas: readonly number[]): Buffer {
  const changed = Buffer.from(database);
  for (const meta of metas) changed.writeUInt8((changed[meta + 56] ?? 0) ^ 1, meta + 56);
  return changed;
}

it.each([
  ["is not there", (folder: string) => join(folder, "absent")],
  ["is no directory", (folder: string) => pipe(join(folder, "pipe"))],
  ["is a link that leads back to itself", (folder: string) => loop(join(folder, "loop"))],
])("is not tried where the temporary directory %s", async (problem, make) => {
  const folder = workspace.path(`tmp-${problem.length}`);
  fs.mkdirSync(folder);
  process.env.TMPDIR = make(folder);
  const error = await openBackup(packed).catch((refusal: unknown) => refusal);
  expect(error).toBeInstanceOf(NoRoomError);
  expect((error as Error).message).toContain(
    `the temporary directory, which ${problem}. Set TMPDIR`,
  );
  expect(fs.existsSync(join(folder, "absent"))).toBe(false);
});

function pipe(path: string): string {
  expect(spawnSync("mkfifo", [path]).status).toBe(0);
  return path;
}

function loop(path: string): string {
  fs.symlinkSync(path, path);
  return path;
}

it("stays where it is told to, is used again while it is whole, and only for the same backup", async () => {
  const keepIn = workspace.path("kept");
  const first = await openBackup(packed, { keepIn });
  first.dispose();
  const { mtimeMs } = fs.statSync(first.path);
  expect(fs.readFileSync(first.path).equals(good)).toBe(true);
  for (const [name, mode] of [
    [first.path, 0o600],
    [keepIn, 0o700],
    [first.kept ?? "", 0o700],
  ] as const) {
    expect(fs.statSync(name).mode & 0o777, name).toBe(mode);
  }

  const again = await openBackup(packed, { keepIn });
  expect(again.path).toBe(first.path);
  expect(again.container?.sha256).toBe(first.container?.sha256);
  expect(fs.statSync(again.path).mtimeMs).toBe(mtimeMs);

  fs.truncateSync(first.path, 1000);
  const mended = await openBackup(packed, { keepIn });
  expect(fs.readFileSync(mended.path).equals(good)).toBe(true);

  const other = workspace.write("other", gzipSync(snapshotBytes("kubernetes-1.35-encrypted.db")));
  const next = await openBackup(other, { keepIn });
  expect(fs.readdirSync(keepIn)).toEqual([next.container?.sha256]);
  await expect(openBackup(workspace.write("x", gzipSync("x")), { keepIn })).rejects.toThrow();
  expect(fs.existsSync(keepIn)).toBe(false);

  await openBackup(packed, { keepIn });
  fs.writeFileSync(join(keepIn, "not ours"), "");
  removeKept(keepIn);
  expect(fs.readdirSync(keepIn)).toEqual(["not ours"]);
});
