/** Meta pages as bbolt chooses them, and what the first bytes of a file say about its size. */
import { afterAll, describe, expect, it } from "vitest";

import { fnv1a64, META_HEAD_BYTES, mostDatabaseBytes } from "../../../etcd/snapshot/meta-page";
import { readSnapshot, SnapshotError } from "../../../etcd/snapshot/snapshot";
import { withTrailer } from "../../support/bbolt-builder";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

const PAGE = 4096;
const whole = snapshotBytes("kubernetes-1.35-events.db");
const database = whole.subarray(0, -32);

/** The database with a field of a meta page changed, its checksum and the sha256 at the end made to fit. */
function withMeta(changes: readonly (readonly [page: 0 | 1, offset: number, value: number])[]) {
  const bytes = Buffer.from(database);
  for (const [page, offset, value] of changes) {
    bytes.writeUInt32LE(value, page * PAGE + offset);
    const body = bytes.subarray(page * PAGE + 16, page * PAGE + 80);
    body.writeBigUInt64LE(fnv1a64(body.subarray(0, 56)), 56);
  }
  return withTrailer(bytes);
}

/** The database with the checksum of meta pages broken. */
function withBroken(...pages: readonly (0 | 1)[]): Buffer {
  const bytes = Buffer.from(database);
  for (const page of pages) bytes.writeUInt8((bytes[page * PAGE + 72] ?? 0) ^ 1, page * PAGE + 72);
  return withTrailer(bytes);
}

const PAGE_SIZE_FIELD = 24;

describe("what the first bytes say of the size", () => {
  it.each([
    ["whole", whole, database.length],
    ["the first meta page damaged", withBroken(0), database.length],
    ["the second meta page damaged", withBroken(1), database.length],
    ["both damaged", withBroken(0, 1), 0],
    ["text", Buffer.alloc(70_000, "a"), 0],
    ["nothing", Buffer.alloc(0), 0],
    ["a page size that is none", withMeta([[0, PAGE_SIZE_FIELD, 2 ** 31]]), 0],
  ])("is the greatest that a valid meta page says: %s", (_, bytes, most) => {
    expect(mostDatabaseBytes(bytes.subarray(0, META_HEAD_BYTES))).toBe(most);
  });
});

describe("meta pages that bbolt takes, and that lead it astray", () => {
  it.each([
    ["pages of 1 byte", withMeta([[0, PAGE_SIZE_FIELD, 1]]), "it says pages of 1 bytes"],
    ["pages of 512 bytes", withMeta([[0, PAGE_SIZE_FIELD, 512]]), "it says pages of 512 bytes"],
    ["two sizes", withMeta([[1, PAGE_SIZE_FIELD, 8192]]), "the other meta page says 4096"],
  ])("are refused: %s", async (name, bytes, message) => {
    const file = workspace.write(name, bytes);
    const error = await readSnapshot(file).catch((thrown: unknown) => thrown);
    if (!(error instanceof SnapshotError)) throw error;
    expect(error.message).toContain(message);
    expect(error.kind).toBe("damaged");
  });

  it("are told when one of them is damaged and the other serves", async () => {
    for (const page of [0, 1] as const) {
      const snapshot = await readSnapshot(workspace.write(`bad-${page}`, withBroken(page)));
      expect([snapshot.trailer, snapshot.badMetaPage]).toEqual(["matches", page]);
      snapshot.close();
    }
  });
});
