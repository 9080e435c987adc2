import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

import { readSnapshot, readSnapshotKeys } from "../../../etcd/snapshot/snapshot";
import { buildDatabase, etcdBuckets, type StoredVersion } from "../../support/bbolt-builder";
import { createWorkspace } from "../../support/kubernetes-fixtures";
import { createRandom } from "../../support/random";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

let files = 0;
async function expectSame(bytes: Uint8Array): Promise<number> {
  const file = workspace.write(`keys-${files++}.db`, bytes);
  const whole = await readSnapshot(file);
  const keys = await readSnapshotKeys(file);
  try {
    expect(keys.live.count).toBe(whole.live.count);
    for (let i = 0; i < whole.live.count; i++) {
      const key = whole.live.key(i);
      expect(keys.live.key(i).equals(key)).toBe(true);
      expect({ ...keys.live.metadata(i), crc: 0 }).toEqual({ ...whole.live.metadata(i), crc: 0 });
      expect(keys.live.indexOf(key)).toBe(i);
      expect(keys.live.value(i).equals(whole.live.value(i))).toBe(true);
    }
    return keys.live.count;
  } finally {
    whole.close();
    keys.close();
  }
}

const FIXTURES = join(__dirname, "../../fixtures");

describe("the keys of a file, read for them alone, are those of the whole reading", () => {
  it.each([
    ...["kubernetes-1.35-main", "kubernetes-1.35-events", "kubernetes-1.35-encrypted"],
    ...["mutation/base", "mutation/newer", "mutation/other"],
    ...["mutation/older-1", "mutation/older-2", "mutation/older-3"],
  ])("in %s", async (name) => {
    const bytes = gunzipSync(readFileSync(join(FIXTURES, `${name}.db.gz`)));
    expect(await expectSame(bytes)).toBeGreaterThan(0);
  });

  it.each([1024, 4096, 16_384, 65_536])(
    "in random histories on pages of %i bytes",
    async (pageSize) => {
      const random = createRandom(`keys on ${pageSize}`);
      const versions: StoredVersion[] = [];
      for (let main = 2; main < 600; main++) {
        const key = Buffer.from(`/registry/pods/${random.below(5)}/${random.below(90)}`);
        const value = random.bytes(random.pick([0, 1, 100, 3000, 9000]));
        const tombstone = random.below(6) === 0;
        const lease = BigInt(random.pick([0, 0, 7, 0x7fff_ffff_ffff]));
        versions.push(tombstone ? { main, key, tombstone } : { main, key, value, lease });
      }
      const { bytes } = buildDatabase({
        buckets: etcdBuckets(versions),
        pageSize,
        stalePages: 20,
      });
      expect(await expectSame(bytes)).toBeGreaterThan(100);
    },
  );

  it("in a store without keys, and in one inside the bucket's own entry", async () => {
    expect(await expectSame(buildDatabase({ buckets: etcdBuckets([]) }).bytes)).toBe(0);
    const versions = [{ main: 2, key: Buffer.from("a"), value: Buffer.from("1") }];
    const inline = buildDatabase({ buckets: etcdBuckets(versions), inline: ["key"] });
    expect(await expectSame(inline.bytes)).toBe(1);
  });
});

it("does not hash: a changed byte of a value is given as it lies there", async () => {
  const value = Buffer.from("the value as it was written");
  const { bytes } = buildDatabase({
    buckets: etcdBuckets([{ main: 2, key: Buffer.from("a"), value }]),
  });
  const changed = Buffer.from(bytes);
  changed.write("T", bytes.indexOf(value));
  const file = workspace.write("changed.db", changed);
  expect((await readSnapshot(file)).trailer).toBe("differs");
  const keys = await readSnapshotKeys(file);
  expect(keys.live.value(0).toString()).toBe("The value as it was written");
  keys.close();
});
