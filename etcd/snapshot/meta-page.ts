import { describeForeignFile } from "./foreign-file";
import { readFully, type SourceFile } from "./file";
import { SnapshotError } from "./snapshot-error";

/**
 * bbolt's meta page, the root of everything (go.etcd.io/bbolt `internal/common/meta.go`). There are two, in pages
 * 0 and 1; the valid one with the greater transaction id counts.
 */
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

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const PAGE_HEADER = 16;
const META_BYTES = 64;
const NO_FREELIST = 0xffff_ffff_ffff_ffffn;
/** Page sizes of the machines that etcd runs on, and the rest of what bbolt allows. */
const PAGE_SIZES = [4096, 16_384, 65_536, 8192, 32_768, 1024, 2048];
const HEAD_BYTES = 4096;

/** @throws SnapshotError when neither meta page is valid: then the file is of another kind. */
export function readMetaPages(source: SourceFile): MetaPages {
  const head = Buffer.alloc(Math.min(HEAD_BYTES, source.size));
  readFully(source, head, 0);
  const first = parseMeta(head.subarray(PAGE_HEADER));
  const second = findSecond(source, first === undefined ? PAGE_SIZES : [first.pageSize]);
  if (first === undefined) {
    if (second === undefined) {
      throw new SnapshotError(source.path, describeForeignFile(head, source.size));
    }
    return { meta: second, badMetaPage: 0 };
  }
  if (second === undefined) return { meta: first, badMetaPage: 1 };
  return { meta: second.transaction > first.transaction ? second : first };
}

function findSecond(source: SourceFile, pageSizes: readonly number[]): MetaPage | undefined {
  const bytes = Buffer.alloc(META_BYTES);
  for (const pageSize of pageSizes) {
    const offset = pageSize + PAGE_HEADER;
    if (offset + META_BYTES > source.size) continue;
    readFully(source, bytes, offset);
    const meta = parseMeta(bytes);
    if (meta?.pageSize === pageSize) return meta;
  }
  return undefined;
}

function parseMeta(bytes: Buffer): MetaPage | undefined {
  if (bytes.length < META_BYTES) return undefined;
  if (bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== VERSION) return undefined;
  if (fnv1a64(bytes.subarray(0, 56)) !== bytes.readBigUInt64LE(56)) return undefined;
  if (!PAGE_SIZES.includes(bytes.readUInt32LE(8))) return undefined;
  const freelist = bytes.readBigUInt64LE(32);
  return {
    pageSize: bytes.readUInt32LE(8),
    root: Number(bytes.readBigUInt64LE(16)),
    ...(freelist === NO_FREELIST ? {} : { freelist: Number(freelist) }),
    pages: Number(bytes.readBigUInt64LE(40)),
    transaction: bytes.readBigUInt64LE(48),
  };
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
const MOST_GROWN_AHEAD_BYTES = 32 * 2 ** 20;

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
  );
}
