/**
 * Which pages of a damaged file hold keys: those that the tree leads to, level by level, whatever is wrong with some of
 * them; and where a page that would have led to others is lost, those leaves to which nothing leads any more and which
 * begin where it began. bbolt's pages: go.etcd.io/bbolt `internal/common/page.go`.
 */
import { MAX_DEPTH } from "./buckets";
import { readFully, type SourceFile } from "./file";
import { anyMetaPage, guessPageSize } from "./meta-page";
import { checkPageId, ELEMENT_BYTES, PAGE_HEADER, pageKind } from "./page";
import { elementsIn, revisionAt, type SalvagedPage } from "./salvage-records";
import { SnapshotError } from "./snapshot-error";

/** A page that cannot be read, and why not. */
export interface DamagedPlace {
  readonly page: number;
  readonly problem: string;
}

interface Pages {
  readonly pages: readonly SalvagedPage[];
  readonly damaged: readonly DamagedPlace[];
  readonly missingBytes: number;
}

/** A page that something leads to, and the revisions that lie below it: from `low` to before `high`. */
interface Reference {
  readonly id: number;
  readonly low: number;
  readonly high: number;
}

interface Header {
  readonly kind: "branch" | "leaf";
  /** With its overflow pages. */
  readonly bytes: number;
}

const KEY_BUCKET = "key";
/** Root and sequence number; of a small bucket its only page follows (go.etcd.io/bbolt `internal/common/inode.go`). */
const BUCKET_HEADER = 16;
const USUAL_PAGE_SIZE = 4096;
const EVERYTHING = { low: 0, high: Infinity };

/** Finds the pages with keys of a file whatever is wrong with it. */
export function findPages(source: SourceFile): Pages {
  const newest = anyMetaPage(source);
  // The pages tell their size themselves: many of them, against one that may be what is damaged.
  const pageSize = guessPageSize(source) ?? newest?.pageSize ?? USUAL_PAGE_SIZE;
  const meta = newest?.pageSize === pageSize ? newest : undefined;
  const count = Math.floor(source.size / pageSize);
  const search = new Search(source, pageSize, count);
  const root = meta === undefined ? undefined : search.keyRoot(meta.root);
  if (root === undefined) search.gaps.push(EVERYTHING);
  else if (typeof root === "number") search.walk(root);
  else search.found.push(root);
  if (search.gaps.length > 0) search.addStrays();
  const { found, damaged } = search;
  const missingBytes = Math.max(0, (meta?.pages ?? 0) * pageSize - source.size);
  return { pages: found, damaged, missingBytes };
}

class Search {
  readonly found: SalvagedPage[] = [];
  readonly damaged: DamagedPlace[] = [];
  /** Revisions that lie below pages which are lost. */
  readonly gaps: Pick<Reference, "low" | "high">[] = [];
  /** Pages that were come to: each counts once, so that no loop is walked. */
  readonly #taken: Uint8Array;

  constructor(
    readonly source: SourceFile,
    readonly pageSize: number,
    readonly count: number,
  ) {
    this.#taken = new Uint8Array(count);
  }

  /** Where the bucket `key` begins: with a page, or, of few keys, inside another; undefined where nothing says it. */
  keyRoot(root: number): number | SalvagedPage | undefined {
    let ids = [root];
    for (let depth = 0; depth < MAX_DEPTH && ids.length > 0; depth++) {
      const below: number[] = [];
      for (const id of ids) {
        const header = this.#tryHeader(id);
        if (header === undefined) continue;
        this.#taken[id] = 1;
        const bytes = this.#read(id, header.bytes);
        if (header.kind === "branch") below.push(...branchElements(bytes).map((one) => one.id));
        const begin = header.kind === "leaf" ? keyBucketIn(bytes) : undefined;
        if (begin === undefined) continue;
        if ("root" in begin) return begin.root;
        return { offset: id * this.pageSize + begin.at, bytes: begin.bytes, isStray: false };
      }
      ids = below;
    }
    return undefined;
  }

  walk(root: number): void {
    let level: readonly Reference[] = [{ id: root, ...EVERYTHING }];
    for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
      const headers = level.map(({ id }) => this.#take(id, false, this.damaged));
      // All leaves of a tree lie equally deep.
      const isLowest = headers.some((header) => header?.kind === "leaf");
      level = level.flatMap((reference, i) => {
        const header = headers[i];
        if (header === undefined && !isLowest) this.gaps.push(reference);
        if (header?.kind !== "branch") return [];
        return childrenOf(this.#read(reference.id, header.bytes), reference);
      });
    }
  }

  /** Leaves that nothing has led to and that begin in a gap. */
  addStrays(): void {
    for (let id = 2; id < this.count; id++) {
      const header = this.#tryHeader(id);
      if (header?.kind !== "leaf") continue;
      const page = this.#read(id, header.bytes);
      const start = PAGE_HEADER + page.readUInt32LE(PAGE_HEADER + 4);
      const first = revisionAt(page, start, page.readUInt32LE(PAGE_HEADER + 8));
      if (first === undefined) continue;
      const { main } = first;
      if (this.gaps.some(({ low, high }) => main >= low && main <= high)) this.#take(id, true);
    }
  }

  #take(id: number, isStray: boolean, missed?: DamagedPlace[]): Header | undefined {
    const header = this.#tryHeader(id, missed);
    if (header === undefined) return undefined;
    this.#taken.fill(1, id, id + header.bytes / this.pageSize);
    if (header.kind === "leaf") {
      this.found.push({ offset: id * this.pageSize, bytes: header.bytes, isStray });
    }
    return header;
  }

  #read(id: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    readFully(this.source, bytes, id * this.pageSize);
    return bytes;
  }

  /** What a page's header says; undefined for one that cannot be read, or was come to before. */
  #tryHeader(id: number, missed?: DamagedPlace[]): Header | undefined {
    const { source, pageSize, count } = this;
    const place = { page: id, offset: id * pageSize };
    try {
      if (id < 2 || id >= count) {
        throw new SnapshotError(source.path, `the file has pages 2 to ${count - 1}`, place);
      }
      if (this.#taken[id] === 1) {
        throw new SnapshotError(source.path, "the tree leads to this page twice", place);
      }
      const header = this.#read(id, PAGE_HEADER);
      const [low, high] = [header.readUInt32LE(0), header.readUInt32LE(4)];
      checkPageId(source.path, id, place.offset, low, high);
      const kind = pageKind(source.path, id, place.offset, header.readUInt16LE(8));
      const pages = header.readUInt32LE(12) + 1;
      if (id + pages > count) {
        const overflow = `its ${pages - 1} overflow pages are not all there`;
        throw new SnapshotError(source.path, overflow, place);
      }
      return { kind, bytes: pages * pageSize };
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error;
      missed?.push({ page: id, problem: error.problem });
      return undefined;
    }
  }
}

/** The elements of a branch page that lie in it, each with the revision that its key gives, if it is one. */
function branchElements(
  bytes: Buffer,
): readonly { readonly id: number; readonly main: number | undefined }[] {
  return Array.from({ length: elementsIn(bytes) }, (_, i) => {
    const element = PAGE_HEADER + i * ELEMENT_BYTES;
    const key = element + bytes.readUInt32LE(element);
    const main = revisionAt(bytes, key, bytes.readUInt32LE(element + 4))?.main;
    return { id: Number(bytes.readBigUInt64LE(element + 8)), main };
  });
}

function childrenOf(bytes: Buffer, { low, high }: Reference): readonly Reference[] {
  const elements = branchElements(bytes);
  return elements.map(({ id, main }, i) => ({
    id,
    low: main ?? low,
    high: elements[i + 1]?.main ?? high,
  }));
}

/** Where a leaf of the bucket of buckets says that the bucket `key` begins; undefined where it is not in there. */
function keyBucketIn(
  bytes: Buffer,
): { readonly root: number } | { readonly at: number; readonly bytes: number } | undefined {
  const count = elementsIn(bytes);
  for (let i = 0; i < count; i++) {
    const element = PAGE_HEADER + i * ELEMENT_BYTES;
    const start = element + bytes.readUInt32LE(element + 4);
    const value = start + bytes.readUInt32LE(element + 8);
    const length = bytes.readUInt32LE(element + 12);
    const isThere = length >= BUCKET_HEADER && value + length <= bytes.length;
    if (!isThere || bytes.toString("latin1", start, value) !== KEY_BUCKET) continue;
    const root = Number(bytes.readBigUInt64LE(value));
    if (root > 0) return { root };
    const inside = length - BUCKET_HEADER;
    return inside < PAGE_HEADER ? undefined : { at: value + BUCKET_HEADER, bytes: inside };
  }
  return undefined;
}
