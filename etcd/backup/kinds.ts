/** What a file is, by the bytes that it begins with; its name is asked for one thing only. */
import { constants, inflateSync } from "node:zlib";
import { describeForeign, foreignKind, isText } from "../snapshot/foreign-file";
import { BBOLT, GZIP, XZ, ZSTD } from "../wire/magics";
import { isTarHeader } from "./tar-header";

export type Compression = "gzip" | "zlib" | "zstd" | "xz" | "bzip2";
export type Archive = "zip" | "tar";
const COMPRESSIONS: readonly Compression[] = ["gzip", "zlib", "zstd", "xz", "bzip2"];
/** `database`: a bbolt database, which an etcd snapshot is. */
export type Kind = Compression | Archive | "database" | "other";

/** As many bytes of the beginning as `kindOf` looks at: the second meta page of the largest pages lies there. */
export const HEAD_BYTES = 65_536 + 128;

const PAGE_HEADER = 16;
/** Where a meta page may begin: at the first page, or at the second one of any size, if the first is damaged. */
const META_PAGES = [0, 4096, 16_384, 65_536, 8192, 32_768, 1024, 2048];

const MAGICS: readonly (readonly [Kind, Buffer])[] = [
  ["gzip", GZIP],
  ["zstd", ZSTD],
  ["xz", XZ],
  ["bzip2", Buffer.from("BZh")],
  ["zip", Buffer.from("PK\x03\x04")],
  ["zip", Buffer.from("PK\x05\x06")], // without an entry
];

export function kindOf(head: Buffer): Kind {
  const magic = MAGICS.find(([, bytes]) => head.subarray(0, bytes.length).equals(bytes));
  if (magic !== undefined) return magic[0];
  if (isSkippableFrame(head)) return "zstd";
  if (isZlib(head)) return "zlib";
  // First, because the database in an archive may begin where a second meta page could.
  if (isTarHeader(head)) return "tar";
  return META_PAGES.some((page) => beginsMetaPage(head, page)) ? "database" : "other";
}

export function isCompression(kind: Kind): kind is Compression {
  return COMPRESSIONS.some((compression) => compression === kind);
}

export function isArchive(kind: Kind): kind is Archive {
  return kind === "zip" || kind === "tar";
}

/**
 * Whether a file is still being written, by the one name that means something: `etcdctl snapshot save FILE` writes to
 * `FILE.part` and renames it at the end (etcd `client/v3/snapshot/v3_snapshot.go`).
 */
export function isUnfinished(name: string): boolean {
  return name.endsWith(".part");
}

/** `a gzip file`, `a tar archive`; of what is none of these: what it looks like, and what to do about it. */
export function describeKind(kind: Kind, head: Buffer): string {
  switch (kind) {
    case "gzip":
    case "zlib":
    case "zstd":
    case "bzip2":
      return `a ${kind} file`;
    case "xz":
      return "an xz file";
    case "zip":
    case "tar":
      return `a ${kind} archive`;
    case "database":
      return "an etcd database";
    case "other":
      return describeOther(head);
  }
}

function describeOther(head: Buffer): string {
  if (head.length === 0) return "an empty file";
  if (head.every((byte) => byte === 0)) return "a file of zeros";
  const foreign = foreignKind(head);
  if (foreign !== undefined) return describeForeign(foreign);
  return isText(head) ? "a text file" : "a file of a kind that is not known here";
}

function beginsMetaPage(head: Buffer, page: number): boolean {
  const at = page + PAGE_HEADER;
  return (
    head.length >= at + 8 &&
    head.subarray(at, at + 4).equals(BBOLT) &&
    head.readUInt32LE(at + 4) === 2
  );
}

/** zstd's own skippable frames, which some parallel compressors begin with (RFC 8878, 3.1.2). */
function isSkippableFrame(head: Buffer): boolean {
  return head.length >= 8 && head.readUInt32LE(0) >>> 4 === 0x0184d2a5;
}

/** zlib's two bytes (RFC 1950, 2.2) could begin a text as well: what follows must unpack. */
function isZlib(head: Buffer): boolean {
  if (head.length < 6 || head[0] !== 0x78 || head.readUInt16BE(0) % 31 !== 0) return false;
  try {
    inflateSync(head.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH });
    return true;
  } catch {
    return false;
  }
}
