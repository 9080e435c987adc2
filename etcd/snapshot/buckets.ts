/**
 * The small buckets of an etcd database (all but `key`), walked entry by entry, and where the bucket `key` begins.
 *
 * Nothing is kept of an entry: a bucket may hold a million leases. The checks are those that `key-leaves.ts` and
 * `wasm/leaf.ts` make in the bucket `key`: each branch key is the first key of the page that it leads to (bbolt
 * `node.go`, `spill`: it finds a page again by that key, and where it does not fit writes beside it), the elements lie
 * one behind the other (`node.go`, `write`), and no bucket lies in a bucket.
 */
import { visible } from "../wire/visible";
import type { MetaPage } from "./meta-page";
import { ELEMENT_BYTES, PAGE_HEADER, parsePage, readPage, type Page, type PagedFile } from "./page";
import { SnapshotError, type Place } from "./snapshot-error";

/** A key and its value in one of the small buckets; views of a page that is read again for each. */
export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly page: number;
  /** Where the value begins in the file. */
  readonly offset: number;
}

/** The bucket `key`, which is not read here: either a page that its tree begins with, or a page inside a value. */
export type KeyBucket =
  | { readonly root: number }
  | { readonly inline: Buffer; readonly page: number; readonly offset: number };

type Root = KeyBucket;

const BUCKET_HEADER = 16;
/** An element's flags: 0, or 1 of a bucket. */
const BUCKET = 1;
/** What every etcd of version 3 makes when it first starts (`server/storage/schema/bucket.go`), besides `key`. */
const ALWAYS_THERE = [
  ...["alarm", "auth", "authRoles", "authUsers", "cluster"],
  ...["lease", "members", "members_removed", "meta"],
];
/** bbolt's trees are a handful of levels deep; more is a loop or nonsense. */
export const MAX_DEPTH = 32;

/**
 * Reads the bucket of buckets, then has every one of them but `key` visited, once.
 * @param visitorOf told a bucket's name, gives what is to see its entries
 */
export function readBuckets(
  file: PagedFile,
  meta: MetaPage,
  visitorOf: (name: string) => (entry: Entry) => void,
): KeyBucket {
  const { path } = file.source;
  const roots = readRoots(file, meta);
  const names = [...roots.keys()];
  const key = roots.get("key");
  if (key === undefined) {
    throw new SnapshotError(
      path,
      `this is a bbolt database, but not etcd's: it has no bucket "key"; its buckets are: ${names.map(visible).join(", ") || "none"}`,
      { kind: "no-key-bucket" },
    );
  }
  // An etcd would make the missing one anew, empty, and nobody would notice what was in it.
  const missing = ALWAYS_THERE.filter((name) => !roots.has(name));
  if (missing.length > 0) {
    const others = names.filter((name) => name !== "key" && !ALWAYS_THERE.includes(name));
    throw new SnapshotError(
      path,
      `it has no bucket ${missing.map((name) => `"${name}"`).join(", ")}, which every etcd makes when it first starts` +
        (others.length > 0
          ? `; what else it has: ${others.map((name) => `"${visible(name)}"`).join(", ")}`
          : ""),
    );
  }
  for (const [name, root] of roots) {
    if (name !== "key") walkBucket(file, root, visitorOf(name));
  }
  return key;
}

function readRoots(file: PagedFile, meta: MetaPage): ReadonlyMap<string, Root> {
  const { path } = file.source;
  const roots = new Map<string, Root>();
  walkTree(file, meta.root, BUCKET, ({ key, value, page, offset }) => {
    const name = key.toString();
    const shown = visible(name);
    if (value.length < BUCKET_HEADER) {
      throw new SnapshotError(
        path,
        `the header of bucket "${shown}" has ${value.length} bytes, expected ${BUCKET_HEADER}`,
        { page, offset },
      );
    }
    const root = Number(value.readBigUInt64LE(0));
    if (root === 0) {
      const inline = Buffer.from(value.subarray(BUCKET_HEADER));
      roots.set(name, { inline, page, offset: offset + BUCKET_HEADER });
      return;
    }
    if (root < 2 || root >= file.pages || value.length > BUCKET_HEADER) {
      throw new SnapshotError(
        path,
        value.length > BUCKET_HEADER
          ? `the header of bucket "${shown}" has ${value.length} bytes, expected ${BUCKET_HEADER} where it begins at page ${root}`
          : `bucket "${shown}" begins at page ${root}, but a data page is one of 2 to ${file.pages - 1}`,
        { page, offset },
      );
    }
    roots.set(name, { root });
  });
  return roots;
}

function walkBucket(file: PagedFile, root: Root, visit: (entry: Entry) => void): void {
  if ("root" in root) {
    walkTree(file, root.root, 0, visit);
    return;
  }
  const page = parsePage(file.source.path, root.page, root.inline, root.offset);
  if (page.kind !== "leaf") {
    throw new SnapshotError(file.source.path, "an inline bucket holds no leaf page", {
      page: page.id,
      offset: page.offset,
    });
  }
  createWalk(file, 0, visit).leaf(page);
}

function walkTree(file: PagedFile, id: number, flags: number, visit: (entry: Entry) => void): void {
  createWalk(file, flags, visit).tree(id, undefined, 1);
}

/** @param flags what every element has */
function createWalk(file: PagedFile, flags: number, visit: (entry: Entry) => void) {
  const { path } = file.source;
  /** The last key that was visited. */
  let previous: Buffer | undefined;
  const refuse = (problem: string, place: Place) => new SnapshotError(path, problem, place);

  /** `first`: the key that the branch page above gives for this page. */
  function tree(id: number, first: Buffer | undefined, depth: number): void {
    const page = readPage(file, id);
    const place = { page: id, offset: page.offset };
    if (page.kind === "leaf") {
      leaf(page, first);
      return;
    }
    if (depth >= MAX_DEPTH) {
      throw refuse(`the tree is more than ${MAX_DEPTH} levels deep`, place);
    }
    if (page.count === 0) throw refuse("a branch page without elements", place);
    let start = PAGE_HEADER + page.count * ELEMENT_BYTES;
    for (let i = 0; i < page.count; i++) {
      const element = PAGE_HEADER + i * ELEMENT_BYTES;
      const position = page.bytes.readUInt32LE(element);
      const keyBytes = page.bytes.readUInt32LE(element + 4);
      const key = slice(path, page, i, start, position, keyBytes);
      start += keyBytes;
      if (i === 0 && first !== undefined) assertFirst(path, page, key, first);
      tree(Number(page.bytes.readBigUInt64LE(element + 8)), key, depth + 1);
    }
  }

  function leaf(page: Page, first?: Buffer): void {
    if (page.count === 0 && first !== undefined) {
      throw refuse("a leaf page without elements", { page: page.id, offset: page.offset });
    }
    let start = PAGE_HEADER + page.count * ELEMENT_BYTES;
    for (let i = 0; i < page.count; i++) {
      const element = PAGE_HEADER + i * ELEMENT_BYTES;
      const place = { page: page.id, offset: page.offset + element };
      const position = page.bytes.readUInt32LE(element + 4);
      const keyBytes = page.bytes.readUInt32LE(element + 8);
      const valueBytes = page.bytes.readUInt32LE(element + 12);
      const both = slice(path, page, i, start, position, keyBytes + valueBytes);
      start += both.length;
      const key = both.subarray(0, keyBytes);
      const found = page.bytes.readUInt32LE(element);
      if (found !== flags) throw refuse(describeFlags(i, key, found, flags), place);
      if (i === 0 && first !== undefined) assertFirst(path, page, key, first);
      if (previous !== undefined && Buffer.compare(previous, key) >= 0) {
        throw refuse(`the keys do not ascend at element ${i}`, place);
      }
      previous = key;
      const offset = page.offset + element + position + keyBytes;
      visit({ key, value: both.subarray(keyBytes), page: page.id, offset });
    }
  }

  return { tree, leaf };
}

function assertFirst(path: string, page: Page, key: Buffer, first: Buffer): void {
  if (key.equals(first)) return;
  throw new SnapshotError(
    path,
    `its first key is not the one that the branch page above gives for it (${key.length} and ${first.length} bytes)`,
    { page: page.id, offset: page.offset },
  );
}

/** `length` bytes at `position`, which bbolt counts from the element itself; they lie behind those of the one before. */
function slice(
  path: string,
  page: Page,
  i: number,
  start: number,
  position: number,
  length: number,
): Buffer {
  const element = PAGE_HEADER + i * ELEMENT_BYTES;
  if (element + position !== start || start + length > page.bytes.length) {
    throw new SnapshotError(
      path,
      `element ${i} reaches from byte ${element + position} to ${element + position + length} of the page, which ` +
        `has ${page.bytes.length}; expected from byte ${start} on`,
      { page: page.id, offset: page.offset + element },
    );
  }
  return page.bytes.subarray(start, start + length);
}

function describeFlags(i: number, key: Buffer, found: number, expected: number): string {
  const name = `"${visible(key.subarray(0, 60).toString())}"`;
  if (expected === BUCKET && found === 0) return `${name} is an entry among the buckets`;
  return found === BUCKET
    ? `${name} is a bucket inside of a bucket`
    : `element ${i} has the flags 0x${found.toString(16)}, expected ${expected}`;
}
