import { createHash } from "node:crypto";

import { encodeMessage } from "../../etcd/wire/protobuf";
import { fnv1a64 } from "../../etcd/snapshot/meta-page";

/** An entry of a bucket. */
export interface BoltEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A bbolt database to be built byte by byte, in shapes that an etcd of this machine would not write. */
export interface BoltRecipe {
  readonly buckets: Readonly<Record<string, readonly BoltEntry[]>>;
  /** Default: 4096. */
  readonly pageSize?: number;
  /** Buckets whose only page lies inside the bucket's own entry. Default: none. */
  readonly inline?: readonly string[];
  /** At most this many elements a page, for deep trees out of few entries. Default: as many as fit. */
  readonly elementsPerPage?: number;
  /** Free pages between the data, each a stale copy of the leaf before it. Default: 0. */
  readonly stalePages?: number;
  /** Whether the free pages are listed in a page of their own. Default: as etcd, not. */
  readonly freelist?: boolean;
  /** Default: true. */
  readonly trailer?: boolean;
}

/** Where things lie in a built database. */
export interface BuiltPage {
  readonly id: number;
  readonly bucket: string;
  readonly kind: "branch" | "leaf" | "stale" | "freelist";
  readonly overflow: number;
}

export interface BuiltDatabase {
  readonly bytes: Buffer;
  readonly pageSize: number;
  readonly pages: readonly BuiltPage[];
}

const HEADER = 16;
const ELEMENT = 16;
const FLAGS = { branch: 1, leaf: 2, stale: 2, freelist: 0x10 } as const;

/** Builds the database, and the 32 bytes of SHA-256 behind it. */
export function buildDatabase(recipe: BoltRecipe): BuiltDatabase {
  const pageSize = recipe.pageSize ?? 4096;
  const chunks: Buffer[] = [Buffer.alloc(2 * pageSize)];
  const pages: BuiltPage[] = [];
  let next = 2;
  let stale = recipe.stalePages ?? 0;

  function place(bucket: string, kind: BuiltPage["kind"], count: number, body: Buffer): number {
    const id = next;
    const total = Math.ceil((HEADER + body.length) / pageSize);
    const page = Buffer.alloc(total * pageSize);
    page.writeUInt32LE(id, 0);
    page.writeUInt16LE(FLAGS[kind], 8);
    page.writeUInt16LE(count, 10);
    page.writeUInt32LE(total - 1, 12);
    body.copy(page, HEADER);
    chunks.push(page);
    pages.push({ id, bucket, kind, overflow: total - 1 });
    next += total;
    if (kind === "leaf" && stale > 0) {
      stale--;
      place(bucket, "stale", count, body);
    }
    return id;
  }

  /** Groups entries into leaf pages and puts branch pages over them until one page is left. */
  function placeTree(bucket: string, entries: readonly BoltEntry[]): number {
    const most = recipe.elementsPerPage ?? Infinity;
    const leafSize = ({ key, value }: BoltEntry) => ELEMENT + key.length + value.length;
    let level = groups(entries, pageSize - HEADER, most, leafSize).map((group) => ({
      key: group[0]?.key ?? Buffer.alloc(0),
      id: place(
        bucket,
        "leaf",
        group.length,
        leafBody(group, () => 0),
      ),
    }));
    while (level.length > 1) {
      const size = ({ key }: { key: Buffer }) => ELEMENT + key.length;
      level = groups(level, pageSize - HEADER, most, size).map((group) => ({
        key: group[0]?.key ?? Buffer.alloc(0),
        id: place(bucket, "branch", group.length, branchBody(group)),
      }));
    }
    return level[0]?.id ?? 0;
  }

  const roots = Object.entries(recipe.buckets)
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([name, entries]): BoltEntry => {
      const header = Buffer.alloc(16);
      if (recipe.inline?.includes(name) === true) {
        const inline = Buffer.alloc(HEADER);
        inline.writeUInt16LE(FLAGS.leaf, 8);
        inline.writeUInt16LE(entries.length, 10);
        const value = Buffer.concat([header, inline, leafBody(entries, () => 0)]);
        return { key: Buffer.from(name), value };
      }
      header.writeBigUInt64LE(BigInt(placeTree(name, entries)), 0);
      return { key: Buffer.from(name), value: header };
    });
  const root = place(
    "",
    "leaf",
    roots.length,
    leafBody(roots, () => 1),
  );
  const freelist = recipe.freelist === true ? place("", "freelist", 0, Buffer.alloc(0)) : undefined;

  const database = Buffer.concat(chunks);
  for (const page of [0, 1] as const) {
    writeMeta(database, page, { pageSize, root, pages: next, ...(freelist && { freelist }) });
  }
  const bytes = recipe.trailer === false ? database : withTrailer(database);
  return { bytes, pageSize, pages };
}

/** The database and its SHA-256, as `etcdctl snapshot save` writes them. */
export function withTrailer(database: Buffer): Buffer {
  return Buffer.concat([database, createHash("sha256").update(database).digest()]);
}

/** Writes meta page 0 or 1; the greater transaction id is page 1's, as an odd transaction leaves it. */
export function writeMeta(
  database: Buffer,
  page: 0 | 1,
  meta: { pageSize: number; root: number; pages: number; freelist?: number },
): void {
  const start = page * meta.pageSize;
  database.writeUInt32LE(page, start);
  database.writeUInt16LE(4, start + 8);
  const body = database.subarray(start + HEADER, start + HEADER + 64);
  body.writeUInt32LE(0xed0cdaed, 0);
  body.writeUInt32LE(2, 4);
  body.writeUInt32LE(meta.pageSize, 8);
  body.writeBigUInt64LE(BigInt(meta.root), 16);
  body.writeBigUInt64LE(
    meta.freelist === undefined ? 0xffff_ffff_ffff_ffffn : BigInt(meta.freelist),
    32,
  );
  body.writeBigUInt64LE(BigInt(meta.pages), 40);
  body.writeBigUInt64LE(BigInt(10 + page), 48);
  body.writeBigUInt64LE(fnv1a64(body.subarray(0, 56)), 56);
}

function groups<T>(
  items: readonly T[],
  room: number,
  most: number,
  size: (item: T) => number,
): T[][] {
  const result: T[][] = [[]];
  let used = 0;
  for (const item of items) {
    const last = result.at(-1) ?? [];
    if (last.length > 0 && (last.length >= most || used + size(item) > room)) {
      result.push([item]);
      used = size(item);
    } else {
      last.push(item);
      used += size(item);
    }
  }
  return result;
}

function leafBody(entries: readonly BoltEntry[], flags: (entry: BoltEntry) => number): Buffer {
  const elements = Buffer.alloc(entries.length * ELEMENT);
  let data = elements.length;
  entries.forEach((entry, i) => {
    elements.writeUInt32LE(flags(entry), i * ELEMENT);
    elements.writeUInt32LE(data - i * ELEMENT, i * ELEMENT + 4);
    elements.writeUInt32LE(entry.key.length, i * ELEMENT + 8);
    elements.writeUInt32LE(entry.value.length, i * ELEMENT + 12);
    data += entry.key.length + entry.value.length;
  });
  return Buffer.concat([elements, ...entries.flatMap(({ key, value }) => [key, value])]);
}

function branchBody(children: readonly { readonly key: Buffer; readonly id: number }[]): Buffer {
  const elements = Buffer.alloc(children.length * ELEMENT);
  let data = elements.length;
  children.forEach(({ key, id }, i) => {
    elements.writeUInt32LE(data - i * ELEMENT, i * ELEMENT);
    elements.writeUInt32LE(key.length, i * ELEMENT + 4);
    elements.writeBigUInt64LE(BigInt(id), i * ELEMENT + 8);
    data += key.length;
  });
  return Buffer.concat([elements, ...children.map(({ key }) => key)]);
}

/** A version of a key, as etcd keeps it in the bucket `key`. */
export interface StoredVersion {
  readonly main: number;
  readonly sub?: number;
  readonly key: Buffer;
  readonly create?: number;
  readonly version?: number;
  readonly value?: Buffer;
  readonly lease?: bigint;
  readonly tombstone?: boolean;
}

/** A version that may be encoded as no etcd does it. */
export interface StoredRecord extends StoredVersion {
  /** The `mvccpb.KeyValue` as it shall stand there. Default: encoded as etcd does it. */
  readonly stored?: Buffer;
}

/** The bucket entry of a version: revision key and `mvccpb.KeyValue`. */
export function storedEntry(stored: StoredRecord): BoltEntry {
  const tombstone = stored.tombstone === true;
  const key = Buffer.alloc(tombstone ? 18 : 17);
  key.writeBigUInt64BE(BigInt(stored.main), 0);
  key[8] = 0x5f;
  key.writeBigUInt64BE(BigInt(stored.sub ?? 0), 9);
  if (tombstone) key[17] = 0x74;
  return {
    key,
    value: stored.stored ?? encodedVersion(stored),
  };
}

function encodedVersion(stored: StoredVersion): Buffer {
  return stored.tombstone === true
    ? encodeMessage([[1, stored.key]])
    : encodeMessage([
        [1, stored.key],
        [2, stored.create ?? stored.main],
        [3, stored.main],
        [4, stored.version ?? 1],
        [5, stored.value ?? Buffer.alloc(0)],
        [6, stored.lease ?? 0n],
      ]);
}

/** Bytes of a compaction mark in the bucket `meta`. */
export function revisionBytes(main: number): Buffer {
  return storedEntry({ main, key: Buffer.alloc(0) }).key;
}

/** The buckets of an etcd with these versions in `key`; the others are empty unless given. */
export function etcdBuckets(
  versions: readonly StoredRecord[],
  more: Readonly<Record<string, readonly BoltEntry[]>> = {},
): Record<string, readonly BoltEntry[]> {
  return {
    alarm: [],
    auth: [],
    authRoles: [],
    authUsers: [],
    cluster: [{ key: Buffer.from("clusterVersion"), value: Buffer.from("3.6.0") }],
    lease: [],
    members: [],
    members_removed: [],
    meta: [],
    ...more,
    key: versions.map(storedEntry),
  };
}
