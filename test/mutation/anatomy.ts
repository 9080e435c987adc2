/**
 * Where everything lies in a snapshot file: which byte belongs to what.
 *
 * A plain reader of its own (go.etcd.io/bbolt `internal/common/page.go`, `meta.go`, `bucket.go`), for whole files in
 * memory, so that the damage is not planned by the code that is to find it.
 */
import type { BoltEntry } from "../support/bbolt-builder";

/** Some bytes of the file and what they are. */
export interface Span {
  readonly at: number;
  readonly bytes: number;
  readonly what: string;
}

export interface BucketAnatomy {
  readonly name: string;
  readonly entries: readonly BoltEntry[];
  /** Its leaf pages; empty for one that lies inside the root page. */
  readonly leafPages: readonly number[];
  readonly pageHeaders: readonly Span[];
  readonly elements: readonly Span[];
  readonly keys: readonly Span[];
  readonly values: readonly Span[];
  /** What lies in overflow pages. */
  readonly overflow: readonly Span[];
}

export interface Anatomy {
  readonly pageSize: number;
  readonly pages: number;
  readonly databaseBytes: number;
  /** The meta page that counts. */
  readonly activeMeta: 0 | 1;
  readonly metas: readonly (readonly Span[])[];
  readonly branchPages: readonly number[];
  readonly branchHeaders: readonly Span[];
  readonly branchElements: readonly Span[];
  readonly branchKeys: readonly Span[];
  /** Names, roots and sequences of the buckets. */
  readonly bucketHeads: readonly Span[];
  readonly buckets: ReadonlyMap<string, BucketAnatomy>;
  readonly freePages: readonly number[];
  /** Bytes behind the last element of a page. */
  readonly unused: readonly Span[];
}

const PAGE_HEADER = 16;
const ELEMENT = 16;
const META_FIELDS = [
  ["page id", 0, 8],
  ["page flags", 8, 2],
  ["page count", 10, 2],
  ["page overflow", 12, 4],
  ["magic number", 16, 4],
  ["format version", 20, 4],
  ["page size", 24, 4],
  ["flags", 28, 4],
  ["root page", 32, 8],
  ["root sequence", 40, 8],
  ["freelist page", 48, 8],
  ["number of pages", 56, 8],
  ["transaction", 64, 8],
  ["checksum", 72, 8],
] as const;
const HEADER_FIELDS = [
  ["id", 0, 8],
  ["flags", 8, 2],
  ["count", 10, 2],
  ["overflow", 12, 4],
] as const;

interface Mutable<T> {
  readonly name: string;
  readonly entries: BoltEntry[];
  readonly leafPages: number[];
  readonly pageHeaders: T[];
  readonly elements: T[];
  readonly keys: T[];
  readonly values: T[];
  readonly overflow: T[];
}

/** Takes a whole snapshot apart; it must be a good one. */
export function dissect(file: Buffer): Anatomy {
  const pageSize = file.readUInt32LE(24);
  const transactionOf = (page: number) => file.readBigUInt64LE(page * pageSize + 64);
  const activeMeta = transactionOf(1) > transactionOf(0) ? 1 : 0;
  const meta = activeMeta * pageSize;
  const pages = Number(file.readBigUInt64LE(meta + 56));
  const used = new Set([0, 1]);
  const branchPages: number[] = [];
  const branchHeaders: Span[] = [];
  const branchElements: Span[] = [];
  const branchKeys: Span[] = [];
  const bucketHeads: Span[] = [];
  const unused: Span[] = [];
  const buckets = new Map<string, BucketAnatomy>();

  function header(at: number, what: string): readonly Span[] {
    return HEADER_FIELDS.map(([field, offset, bytes]) => ({
      at: at + offset,
      bytes,
      what: `${what}: ${field}`,
    }));
  }

  function leaf(at: number, end: number, what: string, into: Mutable<Span>): void {
    const count = file.readUInt16LE(at + 10);
    let last = at + PAGE_HEADER + count * ELEMENT;
    for (let i = 0; i < count; i++) {
      const element = at + PAGE_HEADER + i * ELEMENT;
      const name = `${what}, element ${i}`;
      const key = element + file.readUInt32LE(element + 4);
      const keyBytes = file.readUInt32LE(element + 8);
      const valueBytes = file.readUInt32LE(element + 12);
      const fields = ["flags", "position", "key size", "value size"];
      fields.forEach((field, n) => {
        into.elements.push({ at: element + n * 4, bytes: 4, what: `${name}: ${field}` });
      });
      into.keys.push({ at: key, bytes: keyBytes, what: `${name}: key` });
      into.values.push({ at: key + keyBytes, bytes: valueBytes, what: `${name}: value` });
      into.entries.push({
        key: file.subarray(key, key + keyBytes),
        value: file.subarray(key + keyBytes, key + keyBytes + valueBytes),
      });
      last = Math.max(last, key + keyBytes + valueBytes);
    }
    if (last < end) unused.push({ at: last, bytes: end - last, what: `${what}: unused bytes` });
  }

  function tree(id: number, into: Mutable<Span>): void {
    const at = id * pageSize;
    const overflow = file.readUInt32LE(at + 12);
    for (let page = id; page <= id + overflow; page++) used.add(page);
    const end = at + (overflow + 1) * pageSize;
    if (file.readUInt16LE(at + 8) === 2) {
      const what = `page ${id} (leaf of "${into.name}")`;
      into.leafPages.push(id);
      into.pageHeaders.push(...header(at, what));
      leaf(at, end, what, into);
      if (overflow > 0) {
        const bytes = overflow * pageSize;
        into.overflow.push({ at: at + pageSize, bytes, what: `${what}: overflow` });
      }
      return;
    }
    const what = `page ${id} (branch of "${into.name}")`;
    branchPages.push(id);
    branchHeaders.push(...header(at, what));
    const count = file.readUInt16LE(at + 10);
    let last = at + PAGE_HEADER + count * ELEMENT;
    for (let i = 0; i < count; i++) {
      const element = at + PAGE_HEADER + i * ELEMENT;
      const key = element + file.readUInt32LE(element);
      const keyBytes = file.readUInt32LE(element + 4);
      const name = `${what}, element ${i}`;
      branchElements.push(
        { at: element, bytes: 4, what: `${name}: position` },
        { at: element + 4, bytes: 4, what: `${name}: key size` },
        { at: element + 8, bytes: 8, what: `${name}: child page` },
      );
      branchKeys.push({ at: key, bytes: keyBytes, what: `${name}: key` });
      last = Math.max(last, key + keyBytes);
      tree(Number(file.readBigUInt64LE(element + 8)), into);
    }
    if (last < end) unused.push({ at: last, bytes: end - last, what: `${what}: unused bytes` });
  }

  const root = empty("");
  tree(Number(file.readBigUInt64LE(meta + 32)), root);
  root.entries.forEach(({ key, value }, i) => {
    const bucket = empty(key.toString());
    const [nameSpan, valueSpan] = [root.keys[i], root.values[i]];
    if (nameSpan === undefined || valueSpan === undefined) return;
    const what = `bucket "${bucket.name}"`;
    bucketHeads.push(
      { ...nameSpan, what: `${what}: name` },
      { at: valueSpan.at, bytes: 8, what: `${what}: root page` },
      { at: valueSpan.at + 8, bytes: 8, what: `${what}: sequence` },
    );
    const page = Number(value.readBigUInt64LE(0));
    if (page === 0) {
      const at = valueSpan.at + 16;
      bucket.pageHeaders.push(...header(at, `${what}, inline page`));
      leaf(at, valueSpan.at + valueSpan.bytes, `${what}, inline page`, bucket);
    } else {
      tree(page, bucket);
    }
    buckets.set(bucket.name, bucket);
  });
  buckets.set("", root);

  const all = Array.from({ length: pages }, (_, id) => id);
  return {
    pageSize,
    pages,
    databaseBytes: pages * pageSize,
    activeMeta,
    metas: [0, 1].map((page) =>
      META_FIELDS.map(([field, offset, bytes]) => ({
        at: page * pageSize + offset,
        bytes,
        what: `meta page ${page}${page === activeMeta ? "" : " (not the one that counts)"}: ${field}`,
      })),
    ),
    branchPages,
    branchHeaders,
    branchElements,
    branchKeys,
    bucketHeads,
    buckets,
    freePages: all.filter((id) => !used.has(id)),
    unused,
  };
}

function empty(name: string): Mutable<Span> {
  return {
    name,
    entries: [],
    leafPages: [],
    pageHeaders: [],
    elements: [],
    keys: [],
    values: [],
    overflow: [],
  };
}

/** One bucket; etcd has always made all of them. */
export function bucketOf({ buckets }: Anatomy, name: string): BucketAnatomy {
  const bucket = buckets.get(name);
  if (bucket === undefined) throw new Error(`the base has no bucket "${name}"`);
  return bucket;
}
