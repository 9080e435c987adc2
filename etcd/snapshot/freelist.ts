/**
 * bbolt's list of free pages, in a page of its own (go.etcd.io/bbolt `internal/freelist/shared.go`, `Read`). etcd does not
 * store it; a database that has one is believed by every etcd that opens it, which then writes over the pages listed.
 */
import { readFully } from "./file";
import { checkPageId, PAGE_HEADER, type PagedFile } from "./page";
import { SnapshotError } from "./snapshot-error";

const FREELIST = 0x10;
/** With this in the header, the count is the first of the ids: it takes more than 16 bits. */
const COUNT_FOLLOWS = 0xffff;
const ID_BYTES = 8;

/**
 * Reads the list and marks its own pages as reached.
 * @returns the free pages, ascending; to be compared with what the trees reach, by `assertFree`.
 * @throws SnapshotError when it is no such page, or lists what cannot be.
 */
export function readFreelist(file: PagedFile, id: number): readonly number[] {
  const { source, pageSize, pages, map } = file;
  const { path } = source;
  map.reach(id, 0);
  const offset = id * pageSize;
  const header = Buffer.alloc(PAGE_HEADER);
  readFully(source, header, offset);
  checkPageId(path, id, offset, header.readUInt32LE(0), header.readUInt32LE(4));
  const flags = header.readUInt16LE(8);
  if (flags !== FREELIST) {
    throw new SnapshotError(
      path,
      `the page's flags are 0x${flags.toString(16)}, expected 0x10: the meta page says that free pages are listed here`,
      { page: id, offset: offset + 8 },
    );
  }
  const overflow = header.readUInt32LE(12);
  map.reachOverflow(id, overflow);
  const body = Buffer.allocUnsafe((overflow + 1) * pageSize - PAGE_HEADER);
  readFully(source, body, offset + PAGE_HEADER);
  const inHeader = header.readUInt16LE(10);
  const first = inHeader === COUNT_FOLLOWS ? 1 : 0;
  const count = first === 1 ? Number(body.readBigUInt64LE(0)) : inHeader;
  if ((first + count) * ID_BYTES > body.length) {
    throw new SnapshotError(
      path,
      `says that it lists ${count} free pages, which do not fit into its ${body.length} bytes`,
      { page: id, offset: offset + 10 },
    );
  }
  const free: number[] = [];
  for (let i = 0; i < count; i++) {
    const at = (first + i) * ID_BYTES;
    const page = Number(body.readBigUInt64LE(at));
    const before = free.at(-1) ?? 1;
    if (page <= before || page >= pages) {
      throw new SnapshotError(
        path,
        `lists page ${page} as free after page ${before}; they must ascend, and the last is ${pages - 1}`,
        { page: id, offset: offset + PAGE_HEADER + at },
      );
    }
    free.push(page);
  }
  return free;
}

/** @throws SnapshotError when a page that is listed as free was reached: etcd would write over it. */
export function assertFree({ source, pageSize, map }: PagedFile, free: readonly number[]): void {
  const used = free.find((page) => map.isReached(page));
  if (used === undefined) return;
  throw new SnapshotError(
    source.path,
    "is in use and listed as free: the first etcd that writes would overwrite it",
    { page: used, offset: used * pageSize },
  );
}
