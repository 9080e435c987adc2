import type { MetaPage } from "./meta-page";
import { ELEMENT_BYTES, PAGE_HEADER, parsePage, readPage, type Page, type PagedFile } from "./page";
import { SnapshotError } from "./snapshot-error";

/** A key and its value in one of the small buckets. */
export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The bucket `key`, which is not read here: either a page that its tree begins with, or a page inside a value. */
export type KeyBucket =
  | { readonly root: number }
  | { readonly inline: Buffer; readonly page: number; readonly offset: number };

/** All top-level buckets of an etcd database. */
export interface Buckets {
  readonly key: KeyBucket;
  /** The entries of all the others, in key order. */
  readonly small: ReadonlyMap<string, readonly Entry[]>;
}

interface LeafEntry extends Entry {
  readonly isBucket: boolean;
  readonly page: number;
  /** Where the value begins in the file. */
  readonly valueOffset: number;
}

const BUCKET_HEADER = 16;
/** What every etcd of version 3 makes when it first starts (`server/storage/schema/bucket.go`), besides `key`. */
const ALWAYS_THERE = [
  ...["alarm", "auth", "authRoles", "authUsers", "cluster"],
  ...["lease", "members", "members_removed", "meta"],
];
/** bbolt's trees are a handful of levels deep; more is a loop or nonsense. */
export const MAX_DEPTH = 32;

/** Reads every bucket but `key`. */
export function readBuckets(file: PagedFile, meta: MetaPage): Buckets {
  const { path } = file.source;
  const roots: LeafEntry[] = [];
  collectTree(file, meta.root, roots);
  const small = new Map<string, readonly Entry[]>();
  let key: KeyBucket | undefined;
  for (const bucket of roots) {
    const place = { page: bucket.page, offset: bucket.valueOffset };
    const name = bucket.key.toString();
    if (!bucket.isBucket) {
      throw new SnapshotError(path, `"${name}" is an entry among the buckets`, place);
    }
    if (bucket.value.length < BUCKET_HEADER) {
      throw new SnapshotError(
        path,
        `the header of bucket "${name}" has ${bucket.value.length} bytes, expected ${BUCKET_HEADER}`,
        place,
      );
    }
    const root = Number(bucket.value.readBigUInt64LE(0));
    const inline = bucket.value.subarray(BUCKET_HEADER);
    const offset = bucket.valueOffset + BUCKET_HEADER;
    if (name === "key") {
      key = root === 0 ? { inline, page: bucket.page, offset } : { root };
      continue;
    }
    const entries: LeafEntry[] = [];
    if (root === 0) collectLeaf(file, parsePage(path, bucket.page, inline, offset), entries);
    else collectTree(file, root, entries);
    small.set(name, entries);
  }
  if (key === undefined) {
    const names = [...small.keys()].join(", ");
    throw new SnapshotError(
      path,
      `this is a bbolt database, but not etcd's: it has no bucket "key"; its buckets are: ${names || "none"}`,
      { kind: "no-key-bucket" },
    );
  }
  // An etcd would make the missing one anew, empty, and nobody would notice what was in it.
  const missing = ALWAYS_THERE.filter((name) => !small.has(name));
  if (missing.length > 0) {
    const others = [...small.keys()].filter((name) => !ALWAYS_THERE.includes(name));
    throw new SnapshotError(
      path,
      `it has no bucket ${missing.map((name) => `"${name}"`).join(", ")}, which every etcd makes when it first starts` +
        (others.length > 0
          ? `; what else it has: ${others.map((name) => JSON.stringify(name)).join(", ")}`
          : ""),
    );
  }
  return { key, small };
}

function collectTree(file: PagedFile, id: number, into: LeafEntry[], depth = 1): void {
  const page = readPage(file, id);
  const place = { page: id, offset: page.offset };
  if (page.kind === "leaf") {
    collectLeaf(file, page, into);
    return;
  }
  if (depth >= MAX_DEPTH) {
    throw new SnapshotError(
      file.source.path,
      `the tree is more than ${MAX_DEPTH} levels deep`,
      place,
    );
  }
  if (page.count === 0) {
    throw new SnapshotError(file.source.path, "a branch page without elements", place);
  }
  for (let i = 0; i < page.count; i++) {
    const element = PAGE_HEADER + i * ELEMENT_BYTES;
    const key = slice(
      file,
      page,
      i,
      page.bytes.readUInt32LE(element),
      page.bytes.readUInt32LE(element + 4),
    );
    const before = into.length;
    collectTree(file, Number(page.bytes.readBigUInt64LE(element + 8)), into, depth + 1);
    const first = into[before];
    if (first !== undefined && Buffer.compare(first.key, key) < 0) {
      throw new SnapshotError(
        file.source.path,
        `the first key of page ${first.page} is before the key that this branch page gives for it (element ${i})`,
        place,
      );
    }
  }
}

function collectLeaf(file: PagedFile, page: Page, into: LeafEntry[]): void {
  if (page.kind !== "leaf") {
    throw new SnapshotError(file.source.path, "an inline bucket holds no leaf page", {
      page: page.id,
      offset: page.offset,
    });
  }
  for (let i = 0; i < page.count; i++) {
    const element = PAGE_HEADER + i * ELEMENT_BYTES;
    const position = page.bytes.readUInt32LE(element + 4);
    const keyBytes = page.bytes.readUInt32LE(element + 8);
    const valueBytes = page.bytes.readUInt32LE(element + 12);
    const both = slice(file, page, i, position, keyBytes + valueBytes);
    const key = both.subarray(0, keyBytes);
    const previous = into.at(-1);
    if (previous !== undefined && Buffer.compare(previous.key, key) >= 0) {
      throw new SnapshotError(file.source.path, `the keys do not ascend at element ${i}`, {
        page: page.id,
        offset: page.offset + element,
      });
    }
    into.push({
      key,
      value: both.subarray(keyBytes),
      isBucket: (page.bytes.readUInt32LE(element) & 1) === 1,
      page: page.id,
      valueOffset: page.offset + element + position + keyBytes,
    });
  }
}

/** `length` bytes at `position`, which bbolt counts from the element itself. */
function slice(file: PagedFile, page: Page, i: number, position: number, length: number): Buffer {
  const element = PAGE_HEADER + i * ELEMENT_BYTES;
  const start = element + position;
  if (start < PAGE_HEADER + page.count * ELEMENT_BYTES || start + length > page.bytes.length) {
    throw new SnapshotError(
      file.source.path,
      `element ${i} reaches from byte ${start} to ${start + length} of the page, which has ${page.bytes.length}`,
      { page: page.id, offset: page.offset + element },
    );
  }
  return page.bytes.subarray(start, start + length);
}
