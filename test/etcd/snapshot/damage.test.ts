// One thing broken at a time: the reader must refuse the file, name the place and say what it found.
import { createHash } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";

import { readSnapshot, readSnapshotKeys, SnapshotError } from "../../../etcd/snapshot/snapshot";
import {
  buildDatabase,
  etcdBuckets,
  type BuiltPage,
  type StoredVersion,
} from "../../support/bbolt-builder";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

let files = 0;
/** The error that a file is refused with, also when only its keys are read. */
async function refusal(bytes: Uint8Array): Promise<SnapshotError> {
  const file = workspace.write(`damaged-${files++}.db`, bytes);
  try {
    await readSnapshot(file);
  } catch (error) {
    expect(error).toBeInstanceOf(SnapshotError);
    if (!(error instanceof SnapshotError)) throw error;
    expect(error.file).toBe(file);
    expect(error.message.startsWith(`${file}: `)).toBe(true);
    await expect(readSnapshotKeys(file)).rejects.toThrow(error.message);
    return error;
  }
  throw new Error("the damaged file was accepted");
}

const PAGE = 4096;
const versions = Array.from({ length: 2000 }, (_, i): StoredVersion => ({
  main: i + 2,
  key: Buffer.from(`/registry/pods/ns/pod-${i}`),
  value: Buffer.alloc(100, i),
}));
const built = buildDatabase({ buckets: etcdBuckets(versions), elementsPerPage: 20 });
const leaves = built.pages.filter(({ bucket, kind }) => bucket === "key" && kind === "leaf");
const branches = built.pages.filter(({ bucket, kind }) => bucket === "key" && kind === "branch");
function nth(pages: readonly BuiltPage[], n: number): number {
  const page = pages[n];
  if (page === undefined) throw new Error(`no page ${n}`);
  return page.id;
}
const leaf = nth(leaves, 10);
const branch = nth(branches, 1);
/** Where element `i` of a page begins, and where its key does (a leaf's). */
const elementAt = (page: number, i: number) => page * PAGE + 16 + i * 16;
const keyAt = (bytes: Buffer, page: number, i: number) =>
  elementAt(page, i) + bytes.readUInt32LE(elementAt(page, i) + 4);
/** Where the stored KeyValue begins. */
const recordAt = (bytes: Buffer, page: number, i: number) => keyAt(bytes, page, i) + 17;

interface Damage {
  readonly what: string;
  readonly apply: (bytes: Buffer) => void;
  readonly page: number;
  /** Where in the file; not checked where absent. */
  readonly offset?: number;
  readonly message: RegExp;
}

const DAMAGES: readonly Damage[] = [
  {
    what: "a leaf that says it is another page",
    apply: (bytes) => bytes.writeUInt32LE(7, leaf * PAGE),
    page: leaf,
    offset: leaf * PAGE,
    message: new RegExp(`header says page 7, expected ${leaf}`),
  },
  {
    what: "a leaf of zeros",
    apply: (bytes) => bytes.fill(0, leaf * PAGE, (leaf + 1) * PAGE),
    page: leaf,
    offset: leaf * PAGE,
    message: /header is zero; expected the header of page/,
  },
  {
    what: "a leaf that says it is a list of free pages",
    apply: (bytes) => bytes.writeUInt16LE(0x10, leaf * PAGE + 8),
    page: leaf,
    offset: leaf * PAGE + 8,
    message: /flags are 0x10, expected 0x1 \(branch\) or 0x2 \(leaf\)/,
  },
  {
    what: "a leaf that says it is a branch",
    apply: (bytes) => bytes.writeUInt16LE(1, leaf * PAGE + 8),
    page: leaf,
    message: /a branch page where its neighbours are leaf pages/,
  },
  {
    what: "a leaf without elements",
    apply: (bytes) => bytes.writeUInt16LE(0, leaf * PAGE + 10),
    page: leaf,
    message: /a leaf page without elements/,
  },
  {
    what: "more elements than fit into the page",
    apply: (bytes) => bytes.writeUInt16LE(60_000, leaf * PAGE + 10),
    page: leaf,
    offset: leaf * PAGE + 10,
    message: /holds 60000 elements, which do not fit into its 4096 bytes/,
  },
  {
    what: "an element that points out of its page",
    apply: (bytes) => bytes.writeUInt32LE(0x7fff_ffff, elementAt(leaf, 3) + 4),
    page: leaf,
    offset: elementAt(leaf, 3),
    message: /element 3 does not lie within the page's 4096 bytes/,
  },
  {
    what: "an element that points into the page's header",
    apply: (bytes) => bytes.writeUInt32LE(0, elementAt(leaf, 0) + 4),
    page: leaf,
    message: /element 0 does not lie within/,
  },
  {
    what: "a value longer than its page",
    apply: (bytes) => bytes.writeUInt32LE(0xffff_fff0, elementAt(leaf, 19) + 12),
    page: leaf,
    message: /element 19 does not lie within/,
  },
  {
    what: "a bucket among the records",
    apply: (bytes) => bytes.writeUInt32LE(1, elementAt(leaf, 2)),
    page: leaf,
    message: /element 2 has the flags 0x1, expected 0/,
  },
  {
    what: "a key that is no revision",
    apply: (bytes) => bytes.writeUInt8(0x2d, keyAt(bytes, leaf, 4) + 8),
    page: leaf,
    message: /the key of element 4 \(17 bytes\) is not a revision/,
  },
  {
    what: "a revision beyond 2^53",
    apply: (bytes) => bytes.writeUInt8(0x40, keyAt(bytes, leaf, 4)),
    page: leaf,
    message:
      /revision 4611686018427388110 is beyond 2\^53.*etcd serves it.*etcdutl snapshot restore/,
  },
  {
    what: "revisions that do not ascend",
    apply: (bytes) => bytes.writeUInt32BE(3, keyAt(bytes, leaf, 4) + 4),
    page: leaf,
    message: /do not ascend: element 4 has 3/,
  },
  {
    what: "a first revision before the one that the branch gives",
    apply: (bytes) => bytes.writeUInt32BE(3, keyAt(bytes, leaf, 0) + 4),
    page: leaf,
    message: /the first revision of the page, 3, is not 202\.0/,
  },
  {
    what: "a last revision that is not before the next page's first",
    apply: (bytes) => {
      // The branch page says that leaf 11 begins at 212 instead of 222; leaf 10 ends at 221.
      const element = elementAt(nth(branches, 0), 11);
      bytes.writeUInt32BE(212, element + bytes.readUInt32LE(element) + 4);
    },
    page: leaf,
    message: /the last revision of the page, 221, is not before 212\.0, where the next page begins/,
  },
  {
    what: "a key that is longer than its record",
    apply: (bytes) => bytes.writeUInt8(0xff, recordAt(bytes, leaf, 5) + 1),
    page: leaf,
    message: /the record of element 5 \(\d+ bytes\)/,
  },
  {
    what: "a field that a KeyValue does not have",
    apply: (bytes) => bytes.writeUInt8(0x7a, recordAt(bytes, leaf, 5)),
    page: leaf,
    message: /element 5 has a field with the tag 0x7a/,
  },
  {
    what: "a record of another revision than its key",
    apply: (bytes) => {
      const at = bytes.indexOf(Buffer.from([0x18]), recordAt(bytes, leaf, 5) + 20);
      bytes.writeUInt8((bytes[at + 1] ?? 0) ^ 1, at + 1);
    },
    page: leaf,
    message: /element 5 says mod revision \d+, its key in the bucket says another/,
  },
  {
    what: "overflow pages that are other leaves",
    apply: (bytes) => bytes.writeUInt32LE(1, leaf * PAGE + 12),
    page: leaf + 1,
    message: new RegExp(`it is an overflow page of page ${leaf} too`),
  },
  {
    what: "overflow pages beyond the end",
    apply: (bytes) => bytes.writeUInt32LE(0xffff, leaf * PAGE + 12),
    page: leaf,
    message: /its 65535 overflow pages go beyond the last page/,
  },
  {
    what: "a branch that leads to one page twice",
    apply: (bytes) => {
      bytes.copy(bytes, elementAt(branch, 1) + 8, elementAt(branch, 0) + 8, elementAt(branch, 1));
    },
    page: nth(leaves, 20),
    message: /the tree leads to this page twice/,
  },
  {
    what: "a branch that leads out of the file",
    apply: (bytes) => bytes.writeUInt32LE(0x7f_ffff, elementAt(branch, 1) + 8),
    page: branch,
    message: /element 1 leads to page 8388607, but a data page is one of 2 to/,
  },
  {
    what: "a branch whose revisions do not ascend",
    apply: (bytes) => {
      const key = elementAt(branch, 3) + bytes.readUInt32LE(elementAt(branch, 3));
      bytes.writeUInt32BE(1, key + 4);
    },
    page: branch,
    message: /revision 1\.0 of element 3 does not come after/,
  },
  {
    what: "a branch element that points out of its page",
    apply: (bytes) => bytes.writeUInt32LE(0xffff_0000, elementAt(branch, 3)),
    page: branch,
    message: /the key of element 3 .* is not a revision/,
  },
  {
    what: "a branch without elements",
    apply: (bytes) => bytes.writeUInt16LE(0, branch * PAGE + 10),
    page: branch,
    message: /a branch page without elements/,
  },
  {
    what: "a branch of zeros",
    apply: (bytes) => bytes.fill(0, branch * PAGE, (branch + 1) * PAGE),
    page: branch,
    message: /header is zero/,
  },
];

describe("a broken structure", () => {
  it.each(DAMAGES)("is refused: $what", async ({ apply, page, offset, message }) => {
    const bytes = Buffer.from(built.bytes);
    apply(bytes);
    const error = await refusal(bytes);
    expect(error.message).toMatch(message);
    expect(error.page).toBe(page);
    if (offset !== undefined) expect(error.offset).toBe(offset);
    expect(error.message).toContain(`page ${page}, byte ${error.offset ?? "?"}`);
  });

  it("is refused: a root page that is not there", async () => {
    const bytes = buildDatabase({ buckets: { other: [] } }).bytes;
    expect((await refusal(bytes)).message).toMatch(/not etcd's: it has no bucket "key".*other/);
  });

  it("is refused: a bucket whose name is damaged, and with it what was in it", async () => {
    const buckets = etcdBuckets(versions.slice(0, 3));
    const { authUsers = [], ...others } = buckets;
    const { bytes } = buildDatabase({ buckets: { ...others, authWsers: authUsers } });
    expect((await refusal(bytes)).message).toMatch(
      /no bucket "authUsers", which every etcd makes.*what else it has: "authWsers"/,
    );
  });

  describe("a list of free pages", () => {
    const { bytes: listed, pages } = buildDatabase({
      buckets: etcdBuckets(versions.slice(0, 100)),
      stalePages: 3,
      freelist: true,
    });
    const list = pages.find(({ kind }) => kind === "freelist")?.id ?? 0;
    const free = pages.filter(({ kind }) => kind === "stale").map(({ id }) => id);
    const used = pages.find(({ kind }) => kind === "leaf")?.id ?? 0;
    function withList(ids: readonly number[]): Buffer {
      const bytes = Buffer.from(listed);
      bytes.writeUInt16LE(ids.length, list * PAGE + 10);
      ids.forEach((id, i) => bytes.writeBigUInt64LE(BigInt(id), list * PAGE + 16 + i * 8));
      return bytes;
    }

    it("is accepted when it is right, and may leave pages out", async () => {
      for (const ids of [free, free.slice(1), []]) {
        const snapshot = await readSnapshot(workspace.write("listed.db", withList(ids)));
        expect(snapshot.freePages).toBe(free.length);
      }
    });

    it.each([
      ["lists a page in use", [...free, used], /is in use and listed as free/],
      ["lists itself", [...free, list], /is in use and listed as free/],
      ["lists a page beyond the last", [...free, 5000], /lists page 5000 as free after page/],
      ["lists a page twice", [free[0] ?? 0, ...free], /must ascend/],
    ])("is refused when it %s", async (_, ids, message) => {
      const sorted = ids.toSorted((a, b) => a - b);
      expect((await refusal(withList(sorted))).message).toMatch(message);
    });

    it.each([
      ["is no such page", 8, /flags are 0x2, expected 0x10/],
      ["says more than it holds", 10, /lists \d+ free pages, which do not fit/],
    ])("is refused when it %s", async (_, at, message) => {
      const bytes = withList(free);
      bytes.writeUInt16LE(at === 8 ? 2 : 600, list * PAGE + at);
      expect((await refusal(bytes)).message).toMatch(message);
    });
  });

  it("is refused: both meta pages damaged", async () => {
    const bytes = Buffer.from(built.bytes);
    bytes.writeUInt8(9, 16 + 40);
    bytes.writeUInt8(9, PAGE + 16 + 40);
    expect((await refusal(bytes)).message).toMatch(/no bbolt meta page was found.*both.*damaged/);
  });

  it("is never accepted with another content: any byte of page structure of a real snapshot", async () => {
    const good = snapshotBytes("kubernetes-1.35-events.db");
    const reference = await readSnapshot(workspace.write("good.db", good));
    let refused = 0;
    for (let page = 2; page < good.length / PAGE - 1; page++) {
      const bytes = Buffer.from(good);
      const at = page * PAGE + ((page * 13) % 64);
      bytes.writeUInt8((bytes[at] ?? 0) ^ 0x11, at);
      try {
        const snapshot = await readSnapshot(workspace.write("flipped.db", bytes));
        // What is not structure (free pages, unused bytes) is caught by the hash of the content.
        expect(snapshot.trailer).toBe("differs");
        expect(snapshot.sha256).not.toBe(reference.sha256);
      } catch (error) {
        expect(error).toBeInstanceOf(SnapshotError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(30);
  });
});

describe("a length that is not the meta page's", () => {
  const { length } = built.bytes;
  it.each([
    ["cut by 1 byte", -1, /cut short: 1 of its bytes are missing/],
    ["cut by 31 bytes", -31, /cut short: 31 of/],
    ["cut by a page", -PAGE, /cut short: 4096 of/],
    ["cut by the trailer and a byte", -33, /cut short: 33 of/],
    ["grown by 1 byte", 1, /1 bytes too long/],
    ["grown by a page", PAGE, /4096 bytes too long/],
  ])("is refused with both numbers: %s", async (_, change, message) => {
    const changed = Buffer.alloc(length + change);
    built.bytes.copy(changed);
    const error = await refusal(changed);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`It has ${length + change} bytes`);
    expect(error.message).toContain(`${length} in all`);
    expect(error.message).toContain(`(${Math.floor(length / PAGE)} pages of 4096)`);
  });

  it.each([0, 3 * PAGE])(
    "is that of a database out of a data directory, which bbolt lets grow ahead by %i bytes",
    async (ahead) => {
      const database = Buffer.concat([built.bytes.subarray(0, -32), Buffer.alloc(ahead)]);
      const snapshot = await readSnapshot(workspace.write("ahead.db", database));
      expect(snapshot.trailer).toBe("absent");
      expect(snapshot.bytes).toBe(database.length);
      expect(snapshot.sha256).toBe(createHash("sha256").update(database).digest("hex"));
      expect(snapshot.live.count).toBe(versions.length);
    },
  );

  it("is refused at once for a cut real snapshot, although its size still fits a trailer", async () => {
    const bytes = snapshotBytes("kubernetes-1.35-main.db");
    const error = await refusal(bytes.subarray(0, bytes.length - PAGE));
    expect(error.message).toMatch(
      /cut short: 4096 .* 1482784 bytes.* 1486848 bytes of database \(363 pages/,
    );
  });
});
