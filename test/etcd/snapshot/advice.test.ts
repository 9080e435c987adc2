/** Every error about a file ends with what to do, by what the file is. */
import { afterAll, expect, it } from "vitest";

import { readSnapshot, SnapshotError } from "../../../etcd/snapshot/snapshot";
import { withTrailer } from "../../support/bbolt-builder";
import { createWorkspace } from "../../support/kubernetes-fixtures";
import { readBase } from "../../mutation/base";
import { databaseOf } from "../../mutation/mutant";
import { build, contentsOf } from "../../mutation/records";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});
const base = readBase();
const PAGE = base.good.anatomy.pageSize;

async function refusal(name: string, bytes: Buffer): Promise<SnapshotError> {
  const error = await readSnapshot(workspace.write(name, bytes)).catch((thrown: unknown) => thrown);
  if (!(error instanceof SnapshotError)) throw new Error("it was read", { cause: error });
  return error;
}

/** Both meta pages lead to a leaf of the bucket `key`, as a copy made while etcd writes may have it. */
function withNonsenseRoot(): Buffer {
  const database = databaseOf(base.good.file);
  const [leaf = 0] = base.good.anatomy.buckets.get("key")?.leafPages ?? [];
  const rootPage = Number(database.readBigUInt64LE(base.good.anatomy.activeMeta * PAGE + 32));
  const page = Buffer.from(database.subarray(leaf * PAGE, (leaf + 1) * PAGE));
  page.writeBigUInt64LE(BigInt(rootPage), 0);
  page.copy(database, rootPage * PAGE);
  return database;
}

it("is: take a snapshot, for a copy of a database that was being written to", async () => {
  const error = await refusal("copy.db", withNonsenseRoot());
  expect(error.kind).toBe("damaged");
  expect(error.advice).toMatch(
    /probably copied while etcd was writing to it: take a backup with `etcdctl snapshot save`$/,
  );
  expect(error.message).toMatch(/is an entry among the buckets/);
  // The name of that bucket is a revision, full of zero bytes.
  expect(error.message).toContain("\\u{0}");
  expect(error.message).not.toContain("\0");
});

it("is: another member, where the sha256 fits; fetch it again, where it does not", async () => {
  const damaged = withTrailer(withNonsenseRoot());
  expect((await refusal("source.db", damaged)).advice).toMatch(/Take a backup from another member/);
  damaged.writeUInt8((damaged.at(-1) ?? 0) ^ 1, damaged.length - 1);
  expect((await refusal("transport.db", damaged)).advice).toMatch(
    /fetch it again from where it was stored/,
  );
  const cut = await refusal("cut.db", base.good.file.subarray(0, 20_000));
  expect([cut.kind, cut.advice]).toEqual(["cut", expect.stringContaining("Fetch it again")]);
});

it("is: etcdutl and etcd, for a revision that cannot be counted exactly here", async () => {
  const contents = contentsOf(base.good);
  const mark = Buffer.alloc(17);
  mark.writeBigUInt64BE(9_007_199_254_741_072n, 0);
  mark.write("_", 8);
  contents.set("meta", [
    ...(contents.get("meta") ?? []).filter(({ key }) => !key.toString().endsWith("CompactRev")),
    { key: Buffer.from("finishedCompactRev"), value: mark },
    { key: Buffer.from("scheduledCompactRev"), value: mark },
  ]);
  const error = await refusal("great.db", build(contents));
  expect(error.kind).toBe("limit");
  expect(error.message).toMatch(/revision 9007199254741072 is beyond 2\^53 .*etcd serves it/);
  expect(error.advice).toMatch(/`etcdutl snapshot restore` and etcd itself can still restore it/);
});
