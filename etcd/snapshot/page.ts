/** bbolt's pages: read, their headers checked, their elements found. */
import { readFully, type SourceFile } from "./file";
import type { PageMap } from "./page-map";
import { SnapshotError } from "./snapshot-error";

/** bbolt's page header and elements: go.etcd.io/bbolt `internal/common/page.go`. */
export const PAGE_HEADER = 16;
export const ELEMENT_BYTES = 16;
const BRANCH = 0x01;
const LEAF = 0x02;

/** The database as pages. */
export interface PagedFile {
  readonly source: SourceFile;
  readonly pageSize: number;
  readonly pages: number;
  readonly map: PageMap;
}

/** A branch or leaf page with its overflow pages, or an inline one inside another page's element. */
export interface Page {
  readonly id: number;
  readonly kind: "branch" | "leaf";
  readonly count: number;
  readonly bytes: Buffer;
  /** Where `bytes` begin in the file. */
  readonly offset: number;
}

/**
 * Reads a page that the tree leads to, and checks its header.
 * @param into a page's length of bytes to read into. Default: fresh ones.
 */
export function readPage(
  file: PagedFile,
  id: number,
  into: Buffer = Buffer.allocUnsafe(file.pageSize),
): Page {
  const { source, pageSize } = file;
  file.map.reach(id, 0);
  const offset = id * pageSize;
  let bytes = into;
  readFully(source, bytes, offset);
  checkPageId(source.path, id, offset, bytes.readUInt32LE(0), bytes.readUInt32LE(4));
  const overflow = bytes.readUInt32LE(12);
  if (overflow > 0) {
    file.map.reachOverflow(id, overflow);
    bytes = Buffer.allocUnsafe(pageSize * (overflow + 1));
    readFully(source, bytes, offset);
  }
  return parsePage(source.path, id, bytes, offset);
}

/** The page inside the value of a small bucket; `id` is the page that holds it. */
export function parsePage(path: string, id: number, bytes: Buffer, offset: number): Page {
  if (bytes.length < PAGE_HEADER) {
    throw new SnapshotError(path, `an inline bucket of ${bytes.length} bytes has no page header`, {
      page: id,
      offset,
    });
  }
  const flags = bytes.readUInt16LE(8);
  const count = bytes.readUInt16LE(10);
  if (PAGE_HEADER + count * ELEMENT_BYTES > bytes.length) {
    throw new SnapshotError(
      path,
      `says that it holds ${count} elements, which do not fit into its ${bytes.length} bytes`,
      { page: id, offset: offset + 10 },
    );
  }
  return { id, kind: pageKind(path, id, offset, flags), count, bytes, offset };
}

/** @throws SnapshotError unless the page's header names the page that was read. */
export function checkPageId(
  path: string,
  id: number,
  offset: number,
  low: number,
  high: number,
): void {
  if (low === id && high === 0) return;
  const found = high * 2 ** 32 + low;
  throw new SnapshotError(
    path,
    found === 0
      ? `the page's header is zero; expected the header of page ${id}: these bytes were probably never written`
      : `the page's header says page ${found}, expected ${id}`,
    { page: id, offset },
  );
}

/** @throws SnapshotError when the flags are neither those of a branch nor of a leaf page. */
export function pageKind(
  path: string,
  id: number,
  offset: number,
  flags: number,
): "branch" | "leaf" {
  if (flags === BRANCH) return "branch";
  if (flags === LEAF) return "leaf";
  throw new SnapshotError(
    path,
    `the page's flags are 0x${flags.toString(16)}, expected 0x1 (branch) or 0x2 (leaf)`,
    { page: id, offset: offset + 8 },
  );
}
