/**
 * A look at a database of which only the beginning is there: its meta pages, its length, and the pages that the tree
 * leads to, as far as they lie in the beginning or are few enough to be fetched. What is damaged there need not be
 * fetched to its end.
 */
import { hasTrailer, readMetaPages } from "./meta-page";
import type { SourceFile } from "./file";
import { checkPageId, ELEMENT_BYTES, PAGE_HEADER, parsePage, type Page } from "./page";
import { SnapshotError } from "./snapshot-error";

/** Reads bytes that are not in the beginning; undefined where they cannot be had one by one. */
export type ReadFurther = (from: number, to: number) => Promise<Buffer>;

/** The roots of etcd's ten buckets, and some branch pages. */
const MOST_FETCHES = 24;
const BUCKET_HEADER = 16;

/**
 * @param beginning an open file with the first bytes; its `size` is how many
 * @param head the same bytes
 * @param total bytes of the whole, where that is known
 * @throws SnapshotError for what no whole snapshot can begin with
 */
export async function lookEarly(
  beginning: SourceFile,
  head: Buffer,
  total: number | undefined,
  readFurther?: ReadFurther,
): Promise<void> {
  const { path } = beginning;
  const { meta } = readMetaPages(beginning);
  if (total !== undefined) hasTrailer({ ...beginning, size: total }, meta);
  const { pageSize, pages } = meta;
  let fetches = 0;

  async function bytesOf(id: number, count: number): Promise<Buffer | undefined> {
    const [from, to] = [id * pageSize, (id + count) * pageSize];
    if (to <= head.length) return head.subarray(from, to);
    if (readFurther === undefined || fetches >= MOST_FETCHES) return undefined;
    fetches += 1;
    return readFurther(from, to);
  }

  async function pageOf(id: number): Promise<Page | undefined> {
    const offset = id * pageSize;
    const first = await bytesOf(id, 1);
    if (first?.length !== pageSize) return undefined;
    checkPageId(path, id, offset, first.readUInt32LE(0), first.readUInt32LE(4));
    const overflow = first.readUInt32LE(12);
    if (id + overflow >= pages) {
      const problem = `says that it goes on for ${overflow} pages, and the database has ${pages}`;
      throw new SnapshotError(path, problem, { page: id, offset: offset + 12 });
    }
    const bytes = overflow === 0 ? first : await bytesOf(id, overflow + 1);
    return bytes === undefined ? undefined : parsePage(path, id, bytes, offset);
  }

  /** Level by level, so that what is fetched is near the root. */
  let level: readonly Step[] = [{ id: meta.root, isRoots: true }];
  const seen = new Set<number>();
  while (level.length > 0) {
    const next: Step[] = [];
    for (const { id, isRoots } of level) {
      if (id < 2 || id >= pages) {
        const problem = `the tree leads to page ${id}; a data page is one of 2 to ${pages - 1}`;
        throw new SnapshotError(path, problem);
      }
      if (seen.has(id)) continue;
      seen.add(id);
      const page = await pageOf(id);
      if (page !== undefined) next.push(...stepsOf(path, page, isRoots));
    }
    level = next;
  }
}

interface Step {
  readonly id: number;
  /** Whether it is of the bucket of buckets. */
  readonly isRoots: boolean;
}

/** Pages that a page leads to. @throws SnapshotError when an element does not lie in the page */
function stepsOf(path: string, page: Page, isRoots: boolean): readonly Step[] {
  const steps: Step[] = [];
  const { bytes, count, kind } = page;
  for (let i = 0; i < count; i++) {
    const element = PAGE_HEADER + i * ELEMENT_BYTES;
    const isBranch = kind === "branch";
    const position = bytes.readUInt32LE(element + (isBranch ? 0 : 4));
    const keyBytes = bytes.readUInt32LE(element + (isBranch ? 4 : 8));
    const valueBytes = isBranch ? 0 : bytes.readUInt32LE(element + 12);
    const from = element + position;
    if (from + keyBytes + valueBytes > bytes.length) {
      throw new SnapshotError(
        path,
        `element ${i} reaches to byte ${from + keyBytes + valueBytes} of the page, which has ${bytes.length}`,
        { page: page.id, offset: page.offset + element },
      );
    }
    if (isBranch) steps.push({ id: Number(bytes.readBigUInt64LE(element + 8)), isRoots });
    else if (isRoots && valueBytes >= BUCKET_HEADER) {
      const id = Number(bytes.readBigUInt64LE(from + keyBytes));
      // 0: the bucket is small, and lies in the element itself.
      if (id !== 0) steps.push({ id, isRoots: false });
    }
  }
  return steps;
}
