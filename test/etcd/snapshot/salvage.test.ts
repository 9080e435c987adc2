/** Keys out of damaged files: nothing that is shown is another key's, and whatever is missing was said. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { readBackupKeys, salvageBackup } from "../../../etcd/backup/read-backup";
import { fnv1a64 } from "../../../etcd/snapshot/meta-page";
import { isWhole, salvageKeys, type SalvagedKeys } from "../../../etcd/snapshot/salvage";
import { readSnapshotKeys } from "../../../etcd/snapshot/snapshot";
import { SnapshotError } from "../../../etcd/snapshot/snapshot-error";
import { beginCommand } from "../../support/lab";
import type { SnapshotKeys } from "../../../etcd/snapshot/types";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { streamedZipOf, tarOf, zipOf } from "../../support/pack";
import { createRandom } from "../../support/random";

const PAGE = 4096;
const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});
const good = snapshotBytes("kubernetes-1.35-main.db");
const whole = workspace.write("whole.db", good);
/** Digest of the value of each key. */
const truth = new Map<string, string>();

beforeAll(async () => {
  const opened = await readSnapshotKeys(whole);
  const { live } = opened;
  for (let i = 0; i < live.count; i++)
    truth.set(live.key(i).toString("latin1"), digest(live.value(i)));
  opened.close();
  expect(truth.size).toBe(readTruth("kubernetes-1.35-main.db").keys.length);
});

function digest(value: Buffer): string {
  return createHash("sha256").update(value).digest("hex");
}

/** A copy with some bytes overwritten. */
function damaged(change: (bytes: Buffer) => Buffer | undefined): string {
  const bytes = Buffer.from(good);
  return workspace.write("damaged.db", change(bytes) ?? bytes);
}

function zeroed(...pages: readonly number[]): string {
  return damaged((bytes) => {
    for (const page of pages) bytes.fill(0, page * PAGE, (page + 1) * PAGE);
    return bytes;
  });
}

/** How the keys that were found stand to the truth. */
function compared({ live }: SalvagedKeys): { same: number; other: number; unknown: number } {
  const found = { same: 0, other: 0, unknown: 0 };
  for (let i = 0; i < live.count; i++) {
    const key = live.key(i).toString("latin1");
    if (live.indexOf(live.key(i)) !== i) throw new Error(`key ${i} is not found`);
    const expected = truth.get(key);
    if (expected === undefined) found.unknown += 1;
    else if (expected === digest(live.value(i))) found.same += 1;
    else found.other += 1;
  }
  return found;
}

/** Pages by the kind in their header. */
function pagesOf(kind: 1 | 2): readonly number[] {
  const pages = good.length / PAGE;
  return Array.from({ length: Math.floor(pages) }, (_, page) => page).filter(
    (page) =>
      page > 1 &&
      good.readBigUInt64LE(page * PAGE) === BigInt(page) &&
      good.readUInt16LE(page * PAGE + 8) === kind,
  );
}

describe("a file that is whole", () => {
  it.each(["kubernetes-1.35-main.db", "kubernetes-1.35-events.db"] as const)(
    "%s gives what the reader gives",
    async (name) => {
      const file = workspace.write(name, snapshotBytes(name));
      const [salvaged, read] = [await salvageKeys(file), await readSnapshotKeys(file)];
      expect(isWhole(salvaged.losses)).toBe(true);
      expect(salvaged.live.count).toBe(read.live.count);
      const all = ({ live }: SnapshotKeys): readonly unknown[] =>
        Array.from({ length: live.count }, (_, i) => ({
          ...{ key: live.key(i).toString("latin1"), value: digest(live.value(i)) },
          ...{ ...live.metadata(i), crc: undefined },
        }));
      expect(all(salvaged)).toEqual(all(read));
      expect(salvaged.live.indexOf(Buffer.from("zzz"))).toBe(-1 - read.live.count);
      salvaged.close();
      read.close();
    },
  );
});

describe("a damaged file", () => {
  it("with any one page lost gives all keys but its own, and says which page", async () => {
    let complete = 0;
    for (const page of pagesOf(2)) {
      const salvaged = await salvageKeys(zeroed(page));
      const { same, other, unknown } = compared(salvaged);
      // What it had may have been deleted by what is lost; a value that was newer is lost with its page.
      const missed = salvaged.losses.pages.map((one) => one.page);
      if (salvaged.losses.strayKeys > 0) expect(missed).toEqual([]);
      else if (same < truth.size || other + unknown > 0) expect(missed).toEqual([page]);
      else complete += 1;
      // All of them where the bucket of buckets is lost.
      expect([0, salvaged.live.count]).toContain(salvaged.losses.strayKeys);
      expect(same).toBeGreaterThan(truth.size - 40);
      salvaged.close();
    }
    // Pages of other buckets, and those to which nothing leads any more.
    expect(complete).toBeGreaterThan(5);
  });

  it("without its branch pages gives every key, and says that nothing leads to them", async () => {
    const salvaged = await salvageKeys(zeroed(...pagesOf(1)));
    expect(compared(salvaged)).toMatchObject({ same: truth.size, other: 0 });
    expect(salvaged.losses.strayKeys).toBe(salvaged.live.count);
    expect(salvaged.losses.pages.length).toBeGreaterThan(0);
    salvaged.close();
  });

  it("without its meta pages gives every key", async () => {
    const salvaged = await salvageKeys(zeroed(0, 1));
    expect(compared(salvaged)).toMatchObject({ same: truth.size, other: 0 });
    expect(isWhole(salvaged.losses)).toBe(false);
    salvaged.close();
  });

  it("whose meta pages name a wrong page size gives every key", async () => {
    for (const size of [1024, 8192, 65_536]) {
      const salvaged = await salvageKeys(
        damaged((bytes) => {
          for (const meta of [16, PAGE + 16]) {
            bytes.writeUInt32LE(size, meta + 8);
            bytes.writeBigUInt64LE(fnv1a64(bytes.subarray(meta, meta + 56)), meta + 56);
          }
          return bytes;
        }),
      );
      expect(compared(salvaged)).toMatchObject({ same: truth.size, other: 0 });
      expect(isWhole(salvaged.losses)).toBe(false);
      salvaged.close();
    }
  });

  it("cut anywhere gives what is left, and says how much is missing", async () => {
    let last = truth.size;
    for (let size = good.length - PAGE; size > 64 * PAGE; size -= 37 * PAGE) {
      const salvaged = await salvageKeys(damaged((bytes) => bytes.subarray(0, size)));
      expect(salvaged.losses.missingBytes).toBe(good.length - 32 - size);
      const { same } = compared(salvaged);
      expect(same).toBeLessThanOrEqual(last);
      last = same;
      salvaged.close();
    }
    expect(last).toBeLessThan(truth.size);
  });

  it("never gives a value to another key, nor ends otherwise than in a sentence: 300 files", async () => {
    const random = createRandom(7);
    let keys = 0;
    for (let round = 0; round < 300; round++) {
      const file = damaged((bytes) => {
        for (let n = 0; n < 1 + (round % 20); n++) {
          const at = random.below(bytes.length - 64);
          // Headers and elements more often than values.
          const start = round % 2 === 0 ? at : at - (at % PAGE) + (at % 64);
          for (let i = 0; i < 8; i++) bytes[start + i] = random.below(256);
        }
        return bytes;
      });
      try {
        const salvaged = await salvageKeys(file);
        for (let i = 0; i < salvaged.live.count; i++) salvaged.live.value(i);
        keys += salvaged.live.count;
        salvaged.close();
      } catch (error) {
        expect(error).toBeInstanceOf(SnapshotError);
      }
    }
    expect(keys).toBeGreaterThan(300 * 200);
  });

  it("of which nothing can be read is refused", async () => {
    await expect(salvageKeys(damaged((bytes) => bytes.fill(0)))).rejects.toThrow(SnapshotError);
  });
});

describe("a packed backup that is cut off", () => {
  const PACKED = {
    gz: gzipSync(good),
    zst: execFileSync("zstd", ["-c"], { input: good, stdio: ["pipe", "pipe", "ignore"] }),
    xz: execFileSync("xz", ["-c"], { input: good }),
    tar: tarOf([["etcd/snapshot.db", good]]),
    tgz: gzipSync(tarOf([["etcd/snapshot.db", good]])),
    zip: zipOf([["etcd/snapshot.db", good]]),
    "streamed.zip": streamedZipOf([["etcd/snapshot.db", good]]),
    "second.zip": streamedZipOf([
      ["notes", Buffer.from("a note")],
      ["folder/", Buffer.alloc(0)],
      ["snapshot.db", good],
    ]),
  };

  it.each(Object.keys(PACKED) as (keyof typeof PACKED)[])(
    "as .%s gives what was unpacked of it, and says what ended it and how much is missing",
    async (kind) => {
      const bytes = PACKED[kind];
      const file = workspace.write(`cut.${kind}`, bytes.subarray(0, bytes.length * 0.9));
      await expect(readBackupKeys(file)).rejects.toThrow(/damaged or cut off|ends in the middle/);

      const salvaged = await salvageBackup(file);

      const { losses } = salvaged;
      expect(losses.packing).toMatch(/^(an?|a) \w+ (file|archive), and it .*(damaged|cut off|end)/);
      expect(losses.missingBytes).toBeGreaterThan(0);
      expect(losses.missingBytes).toBeLessThan(good.length * 0.6);
      expect(isWhole(losses)).toBe(false);
      const { same, unknown } = compared(salvaged);
      expect(same).toBeGreaterThan(truth.size / 3);
      expect(unknown).toBe(0);
      salvaged.close();
    },
  );

  it("behind the database is read whole, and not called good", async () => {
    const tar = tarOf([
      ["etcd/snapshot.db", good],
      ["etcd/certificates", Buffer.alloc(10_000, "c")],
    ]);
    const file = workspace.write("behind.tar", tar.subarray(0, tar.length - 8000));
    const salvaged = await salvageBackup(file);
    expect(salvaged.losses).toMatchObject({ pages: [], records: 0, missingBytes: 0 });
    expect(salvaged.losses.packing).toMatch(/cut off|middle/);
    expect(compared(salvaged)).toEqual({ same: truth.size, other: 0, unknown: 0 });
    salvaged.close();
  });

  it("in a zip of a method that is not read is named with the way out", async () => {
    const zip = Buffer.from(PACKED.zip.subarray(0, PACKED.zip.length * 0.9));
    zip.writeUInt16LE(14, 8); // LZMA
    const file = workspace.write("lzma.zip", zip);
    await expect(salvageBackup(file)).rejects.toThrow(/not read here, LZMA: unpack the archive/);
  });

  it("within the first pages is refused as before", async () => {
    const file = workspace.write("short.gz", PACKED.gz.subarray(0, 200));
    await expect(salvageBackup(file)).rejects.toThrow(/this is a gzip file, and it is damaged/);
    const zip = workspace.write("short.zip", PACKED.zip.subarray(0, 20));
    await expect(salvageBackup(zip)).rejects.toThrow(/this is a zip archive, and it is damaged/);
  });
});

describe("ls and get with --salvage", () => {
  const run = (...args: readonly string[]) => beginCommand(args).ended;

  it("print what there is, say what is lost, and call nothing good", async () => {
    const [leaf = 0] = pagesOf(2).slice(-1);
    const file = zeroed(leaf, ...pagesOf(1));
    const listed = await run("ls", "/", file, "--salvage", "-r");
    expect(listed.code).toBe(1);
    expect(listed.stdout).toContain("/registry/namespaces/default\n");
    expect(listed.stderr).toMatch(/warning: \d+ keys? were found in pages to which nothing leads/);
    expect(listed.stderr).toMatch(/this is no backup to restore/);
    const got = await run("get", "/registry/namespaces/default", file, "--salvage");
    expect([got.code, (JSON.parse(got.stdout) as { kind: string }).kind]).toEqual([1, "Namespace"]);
    expect((await run("get", "/registry/namespaces/default", file)).code).toBe(2);
  });

  it("name what a packed file ended in, and what is missing of the database", async () => {
    const packed = gzipSync(good);
    const file = workspace.write("cut.db.gz", packed.subarray(0, packed.length * 0.9));
    const listed = await run("ls", "/", file, "--salvage", "-r");
    expect(listed.code).toBe(1);
    expect(listed.stdout).toContain("/registry/namespaces/default\n");
    expect(listed.stderr).toMatch(
      /^warning: this is a gzip file, and it is damaged or cut off.*; what comes before that was unpacked/,
    );
    expect(listed.stderr).toMatch(/\nwarning: the last \d+ KiB of the file are missing\n/);
  });

  it("of a file whose keys are whole say that, and refuse what is no file", async () => {
    const listed = await run("ls", "/", whole, "--salvage");
    expect([listed.code, listed.stderr]).toEqual([
      0,
      "every page that holds keys could be read; `inspect` says what is wrong with the file\n",
    ]);
    const served = await run("ls", "/", "--salvage", "--endpoint", "http://127.0.0.1:1");
    expect(served.code).toBe(2);
    expect(served.stderr).toMatch(/--salvage reads around the damage of a backup/);
  });
});
