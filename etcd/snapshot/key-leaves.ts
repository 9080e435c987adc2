/** The branch pages of the bucket `key`: which leaf pages there are, and in which order. */
import { MAX_DEPTH } from "./buckets";
import { readFully } from "./file";
import {
  checkPageId,
  ELEMENT_BYTES,
  PAGE_HEADER,
  pageKind,
  readPage,
  type Page,
  type PagedFile,
} from "./page";
import { describeGreatRevision, isRevisionKey } from "./revision-key";
import { SnapshotError } from "./snapshot-error";

/**
 * The leaf pages of the bucket `key` in key order. Read from the branch pages first, because a page that nothing
 * refers to any more can look exactly like a leaf.
 */
export interface KeyLeaves {
  readonly count: number;
  readonly ids: Uint32Array;
  /** The revision that the branch page above gives as each leaf's first; 0 where there is none. */
  readonly lowMain: Float64Array;
  readonly lowSub: Uint32Array;
}

/** Reads all branch levels under `root`. The leaf pages themselves are only noted as reached. */
export function findKeyLeaves(file: PagedFile, root: number): KeyLeaves {
  const pageBytes = Buffer.allocUnsafe(file.pageSize);
  let level = createLevel(1);
  // Before it is put into 32 bits.
  if (root < 2 || root >= file.pages) file.map.reach(root, 0);
  level.ids[0] = root;
  level.count = 1;
  for (let depth = 0; ; depth++) {
    const first = level.ids[0] ?? root;
    if (readKind(file, first) === "leaf") {
      for (const id of level.ids.subarray(0, level.count)) file.map.reach(id, 0);
      return level;
    }
    if (depth === MAX_DEPTH) {
      throw new SnapshotError(file.source.path, `the tree is more than ${MAX_DEPTH} levels deep`, {
        page: first,
        offset: first * file.pageSize,
      });
    }
    const below = createLevel(level.count * 64);
    for (let i = 0; i < level.count; i++) addChildren(file, pageBytes, level, i, below);
    level = below;
  }
}

interface Level extends KeyLeaves {
  count: number;
  ids: Uint32Array;
  lowMain: Float64Array;
  lowSub: Uint32Array;
}

function createLevel(capacity: number): Level {
  return {
    count: 0,
    ids: new Uint32Array(capacity),
    lowMain: new Float64Array(capacity),
    lowSub: new Uint32Array(capacity),
  };
}

function makeRoom(level: Level, more: number): void {
  if (level.count + more <= level.ids.length) return;
  const larger = createLevel(Math.max(level.ids.length * 2, level.count + more));
  larger.ids.set(level.ids);
  larger.lowMain.set(level.lowMain);
  larger.lowSub.set(level.lowSub);
  Object.assign(level, larger, { count: level.count });
}

/** What the header of a page says it is; the page need not be read in full for that. */
function readKind(file: PagedFile, id: number): Page["kind"] {
  if (id < 2 || id >= file.pages) file.map.reach(id, 0);
  const header = Buffer.allocUnsafe(PAGE_HEADER);
  const offset = id * file.pageSize;
  readFully(file.source, header, offset);
  const { path } = file.source;
  checkPageId(path, id, offset, header.readUInt32LE(0), header.readUInt32LE(4));
  return pageKind(path, id, offset, header.readUInt16LE(8));
}

function addChildren(
  file: PagedFile,
  pageBytes: Buffer,
  level: Level,
  parent: number,
  below: Level,
): void {
  const page = readPage(file, at(level.ids, parent), pageBytes);
  const { path } = file.source;
  assertBranch(path, page);
  makeRoom(below, page.count);
  const { bytes } = page;
  const placeOf = (element: number) => ({ page: page.id, offset: page.offset + element });
  let previousMain = at(level.lowMain, parent);
  let previousSub = at(level.lowSub, parent);
  const isRoot = previousMain === 0;
  let start = PAGE_HEADER + page.count * ELEMENT_BYTES;
  for (let i = 0; i < page.count; i++) {
    const element = PAGE_HEADER + i * ELEMENT_BYTES;
    const key = element + bytes.readUInt32LE(element);
    const keyBytes = bytes.readUInt32LE(element + 4);
    // bbolt writes one behind the other (`node.go`, `write`).
    if (key !== start || key + keyBytes > bytes.length || !isRevisionKey(bytes, key, keyBytes)) {
      const problem = `the key of element ${i} (${keyBytes} bytes at byte ${key} of the page, expected at ${start}) is not a revision`;
      throw new SnapshotError(path, problem, placeOf(element));
    }
    const main = bytes.readUInt32BE(key) * 2 ** 32 + bytes.readUInt32BE(key + 4);
    if (main > Number.MAX_SAFE_INTEGER) {
      const { problem, kind } = describeGreatRevision(bytes.readBigUInt64BE(key));
      throw new SnapshotError(path, problem, { ...placeOf(element), kind });
    }
    const sub = bytes.readUInt32BE(key + 13);
    start += keyBytes;
    const order = main === previousMain ? sub - previousSub : main - previousMain;
    // The first is what the page above gives for this one (bbolt `node.go`, `spill`); the root has none above.
    if (i === 0 ? !isRoot && order !== 0 : order <= 0) {
      const problem =
        i === 0
          ? `its first revision is ${main}.${sub}, not ${previousMain}.${previousSub}, which the branch page above gives for it`
          : `revision ${main}.${sub} of element ${i} does not come after ${previousMain}.${previousSub}`;
      throw new SnapshotError(path, problem, placeOf(element));
    }
    const id = bytes.readUInt32LE(element + 12) * 2 ** 32 + bytes.readUInt32LE(element + 8);
    // A file of 16 TiB would have more pages than an id of 32 bits tells apart.
    if (id < 2 || id >= Math.min(file.pages, 2 ** 32)) {
      const problem = `element ${i} leads to page ${id}, but a data page is one of 2 to ${file.pages - 1}`;
      throw new SnapshotError(path, problem, placeOf(element));
    }
    below.ids[below.count] = id;
    below.lowMain[below.count] = main;
    below.lowSub[below.count] = sub;
    below.count++;
    previousMain = main;
    previousSub = sub;
  }
  assertEndsBefore(path, page, level, parent + 1, previousMain, previousSub);
}

function assertBranch(path: string, page: Page): void {
  if (page.kind === "branch" && page.count > 0) return;
  throw new SnapshotError(
    path,
    page.count === 0
      ? "a branch page without elements"
      : "a leaf page where its neighbours are branch pages",
    { page: page.id, offset: page.offset },
  );
}

/** The last revision of a page comes before the first of the next one, where there is one. */
function assertEndsBefore(
  path: string,
  page: Page,
  level: Level,
  next: number,
  main: number,
  sub: number,
): void {
  if (next >= level.count) return;
  const nextMain = at(level.lowMain, next);
  const nextSub = at(level.lowSub, next);
  if (main < nextMain || (main === nextMain && sub < nextSub)) return;
  throw new SnapshotError(
    path,
    `its last revision ${main}.${sub} is not before ${nextMain}.${nextSub}, where the next page begins`,
    { page: page.id, offset: page.offset },
  );
}

/** An element whose index is below the array's length by construction. */
function at(numbers: Uint32Array | Float64Array, index: number): number {
  return numbers[index] ?? 0;
}
