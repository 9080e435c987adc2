/**
 * bbolt's meta pages, the root of everything (go.etcd.io/bbolt `internal/common/meta.go`), chosen as bbolt chooses
 * them (`db.go`: `getPageSize`, `mmap`, `meta`), because what it chooses is what etcd serves.
 */
import { BBOLT } from "../wire/magics";
import { readFully, type SourceFile } from "./file";
import { describeForeignFile } from "./foreign-file";
import { SnapshotError } from "./snapshot-error";

/** There are two, in pages 0 and 1; the valid one with the greater transaction id counts. */
export interface MetaPage {
  readonly pageSize: number;
  /** Root page of the bucket of buckets. */
  readonly root: number;
  /** First page of the list of free pages; absent when it is not stored, as etcd does not. */
  readonly freelist?: number;
  /** How many pages the database has ("high-water mark"). */
  readonly pages: number;
  readonly transaction: bigint;
}

/** Both meta pages, looked at. */
export interface MetaPages {
  readonly meta: MetaPage;
  readonly badMetaPage?: 0 | 1;
}

/** `BBOLT` as etcd reads it. */
export const MAGIC = BBOLT.readUInt32LE();
export const VERSION = 2;
const PAGE_HEADER = 16;
const META_BYTES = 64;
const NO_FREELIST = 0xffff_ffff_ffff_ffffn;
/** Page sizes of the machines that etcd runs on, and the smaller ones that bbolt allows. */
const PAGE_SIZES = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];
/** Where bbolt looks for a second meta page when the first is damaged, in this order: 1 KiB to 16 MiB. */
const SECOND_PAGES = Array.from({ length: 15 }, (_, i) => 1024 * 2 ** i);
const HEAD_BYTES = 4096;
/** As many bytes of a file's beginning as `mostDatabaseBytes` looks at. */
export const META_HEAD_BYTES = 65_536 + PAGE_HEADER + META_BYTES;

/** @throws SnapshotError when neither meta page is valid: then the file is of another kind. */
export function readMetaPages(source: SourceFile): MetaPages {
  const head = Buffer.alloc(Math.min(HEAD_BYTES, source.size));
  readFully(source, head, 0);
  const first = parseMeta(head.subarray(PAGE_HEADER));
  if (first === undefined) {
    const second = findSecond(source);
    if (second === undefined) {
      throw new SnapshotError(source.path, describeForeignFile(head, source.size), {
        kind: "foreign",
      });
    }
    return { meta: second, badMetaPage: 0 };
  }
  assertPageSize(source.path, 0, first.pageSize);
  const second = metaAt(source, first.pageSize);
  if (second === undefined) return { meta: first, badMetaPage: 1 };
  // bbolt takes the size from the first and everything else from this one: no etcd writes two that differ.
  if (second.pageSize !== first.pageSize) {
    throw new SnapshotError(
      source.path,
      `it says pages of ${second.pageSize} bytes, the other meta page says ${first.pageSize}`,
      { page: 1, offset: first.pageSize + PAGE_HEADER + 8 },
    );
  }
  return { meta: second.transaction > first.transaction ? second : first };
}

function metaAt(source: SourceFile, page: number): MetaPage | undefined {
  const bytes = Buffer.alloc(META_BYTES);
  if (page + PAGE_HEADER + META_BYTES > source.size) return undefined;
  readFully(source, bytes, page + PAGE_HEADER);
  return parseMeta(bytes);
}

/** The first place where one may be decides, whatever size it says. */
function findSecond(source: SourceFile): MetaPage | undefined {
  for (const page of SECOND_PAGES) {
    const meta = metaAt(source, page);
    if (meta === undefined) continue;
    if (meta.pageSize !== page) {
      throw new SnapshotError(
        source.path,
        `it says pages of ${meta.pageSize} bytes, but lies where pages of ${page} bytes would have it, and the first ` +
          "meta page is damaged",
        { page: 1, offset: page + PAGE_HEADER + 8 },
      );
    }
    assertPageSize(source.path, page, meta.pageSize);
    return meta;
  }
  return undefined;
}

/** The newest meta page that is valid at all, wherever one may lie: for a salvage. Undefined where there is none. */
export function anyMetaPage(source: SourceFile): MetaPage | undefined {
  return [0, ...PAGE_SIZES]
    .flatMap((page) => metaAt(source, page) ?? [])
    .filter(({ pageSize }) => PAGE_SIZES.includes(pageSize))
    .sort((a, b) => Number(b.transaction - a.transaction))[0];
}

const PAGES_GUESSED_BY = 64;

/** The page size by which most of the first pages bear their own number; undefined where none does. */
export function guessPageSize(source: SourceFile): number | undefined {
  const fitting = (pageSize: number): number => {
    const header = Buffer.alloc(PAGE_HEADER);
    let count = 0;
    for (let id = 2; id < PAGES_GUESSED_BY && (id + 1) * pageSize <= source.size; id++) {
      readFully(source, header, id * pageSize);
      if (header.readBigUInt64LE(0) === BigInt(id)) count += 1;
    }
    return count;
  };
  const best = PAGE_SIZES.map((pageSize) => ({ pageSize, count: fitting(pageSize) })).reduce(
    (a, b) => (b.count > a.count ? b : a),
  );
  return best.count > 0 ? best.pageSize : undefined;
}

function assertPageSize(path: string, at: number, pageSize: number): void {
  if (PAGE_SIZES.includes(pageSize)) return;
  throw new SnapshotError(
    path,
    `it says pages of ${pageSize} bytes; etcd's have a power of two from ${PAGE_SIZES[0] ?? 0} to ` +
      `${PAGE_SIZES.at(-1) ?? 0}, 4096 on most machines`,
    { page: at === 0 ? 0 : 1, offset: at + PAGE_HEADER + 8 },
  );
}

/** Undefined unless magic, version and checksum are right, which is all that bbolt asks of one. */
function parseMeta(bytes: Buffer): MetaPage | undefined {
  if (bytes.length < META_BYTES) return undefined;
  if (bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== VERSION) return undefined;
  if (fnv1a64(bytes.subarray(0, 56)) !== bytes.readBigUInt64LE(56)) return undefined;
  const freelist = bytes.readBigUInt64LE(32);
  return {
    pageSize: bytes.readUInt32LE(8),
    root: Number(bytes.readBigUInt64LE(16)),
    ...(freelist === NO_FREELIST ? {} : { freelist: Number(freelist) }),
    pages: Number(bytes.readBigUInt64LE(40)),
    transaction: bytes.readBigUInt64LE(48),
  };
}

/**
 * How many bytes a database can take at most, by the meta pages in its first `META_HEAD_BYTES`: the greatest that a
 * valid one says, so that one damaged meta page does not leave it open. 0: neither is valid, so there is nothing that
 * a reader could use. The 32 bytes of SHA-256 come on top, and of a database copied out of a data directory the pages
 * that bbolt keeps ahead (`MOST_GROWN_AHEAD_BYTES`).
 */
export function mostDatabaseBytes(head: Buffer): number {
  const first = parseMeta(head.subarray(PAGE_HEADER));
  const places = first === undefined ? SECOND_PAGES : [first.pageSize];
  const second = places
    .map((page) => parseMeta(head.subarray(page + PAGE_HEADER)))
    .find((meta) => meta !== undefined);
  const sizes = [first, second].flatMap((meta) =>
    meta !== undefined && PAGE_SIZES.includes(meta.pageSize) ? [meta.pages * meta.pageSize] : [],
  );
  return Math.max(0, ...sizes);
}

/**
 * How much of a snapshot is missing in a file of `size` bytes that begins with `head` (`META_HEAD_BYTES` of it), by the
 * meta page that counts: 0 when it is long enough for the database; undefined when no meta page is valid.
 */
export function missingBytes(head: Buffer, size: number): number | undefined {
  const most = mostDatabaseBytes(head);
  return most === 0 ? undefined : Math.max(0, most - size);
}

/** FNV-1a, 64 bits: the only checksum that bbolt keeps, and only of its meta pages. */
export function fnv1a64(bytes: Uint8Array): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of bytes) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  }
  return hash;
}

const TRAILER_BYTES = 32;
/** bbolt lets its file grow ahead of its pages by 16 MiB at a time (`db.go`, `grow`); this leaves room for two. */
export const MOST_GROWN_AHEAD_BYTES = 32 * 2 ** 20;

/**
 * Compares the file's size with what its meta page says. A database copied out of a data directory may go on with
 * pages that were never used.
 * @returns whether the 32 bytes of SHA-256 follow the database.
 * @throws SnapshotError with both numbers when the file was cut or has grown.
 */
export function hasTrailer(source: SourceFile, { pages, pageSize }: MetaPage): boolean {
  const database = pages * pageSize;
  const expected = database + TRAILER_BYTES;
  if (source.size === expected) return true;
  const ahead = source.size - database;
  if (ahead >= 0 && ahead <= MOST_GROWN_AHEAD_BYTES && ahead % pageSize === 0) return false;
  const says = `its meta page says ${database} bytes of database (${pages} pages of ${pageSize}) and ${TRAILER_BYTES} of SHA-256 follow, ${expected} in all`;
  throw new SnapshotError(
    source.path,
    source.size < expected
      ? `the file is cut short: ${expected - source.size} of its bytes are missing. It has ${source.size} bytes; ${says}`
      : `the file is ${source.size - expected} bytes too long. It has ${source.size} bytes; ${says}. A database copied from a data directory is longer like this: take a snapshot with \`etcdctl snapshot save\``,
    { kind: "cut" },
  );
}
