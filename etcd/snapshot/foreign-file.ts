/** What a file is that is no etcd snapshot, by the bytes that it begins with, and what its user can do about it. */
import { GZIP, XZ, ZSTD } from "../wire/magics";
import { copiedAsText, COPY_AS_BYTES } from "./copied-as-text";
import { isOpenPgp } from "./open-pgp";

/** A file of another kind. */
export interface ForeignKind {
  /** With its article: `a 7z archive`. */
  readonly what: string;
  /** What to do about it, where there is something to do. */
  readonly wayOut?: string;
}

type Row = readonly [magic: Buffer, what: string, wayOut?: string];

const hex = (digits: string) => Buffer.from(digits, "hex");
const text = (characters: string) => Buffer.from(characters, "latin1");
const unpack = (program: string) => `unpack it first (${program})`;
const decrypt = (program: string) => `decrypt it first (${program})`;

const AGE = "a file that is encrypted with age";
const PGP = "a file that is encrypted with OpenPGP";
const OPENSSL = "a file that is encrypted with openssl enc";
const CMS = "a file that is encrypted as CMS (S/MIME)";
const UTF_16 = "a text in UTF-16, as `>` of Windows PowerShell writes whatever goes through it";
const openssl = decrypt("openssl enc -d, with the cipher and the options that encrypted it");
const cms = decrypt("openssl cms -decrypt -binary, with -inform PEM or DER");

/** Encrypted ones, then compressed ones and archives that are not read here, then what people mistake for a backup. */
const ROWS: readonly Row[] = [
  [text("age-encryption.org/v1"), AGE, decrypt("age -d -i KEYFILE")],
  [text("-----BEGIN AGE ENCRYPTED FILE-----"), AGE, decrypt("age -d -i KEYFILE")],
  [text("-----BEGIN PGP MESSAGE-----"), PGP, decrypt("gpg -d")],
  [text("Salted__"), OPENSSL, openssl],
  [text("U2FsdGVkX1"), OPENSSL, openssl],
  [text("-----BEGIN PKCS7-----"), CMS, cms],
  [text("-----BEGIN CMS-----"), CMS, cms],
  [text("$ANSIBLE_VAULT;"), "a file of Ansible Vault", decrypt("ansible-vault decrypt")],
  [
    text("vault:v"),
    "a text that Vault's transit engine encrypted",
    decrypt("vault write transit/decrypt/…"),
  ],
  [
    hex("4c554b53babe"),
    "a disk that is encrypted with LUKS",
    "open it (cryptsetup) and name the file on it",
  ],
  [hex("377abcaf271c"), "a 7z archive", unpack("7z x")],
  [hex("04224d18"), "an lz4 file", unpack("lz4 -d")],
  [hex("02214c18"), "an lz4 file of the old form", unpack("lz4 -d")],
  [text("LZIP"), "an lzip file", unpack("lzip -d")],
  [hex("894c5a4f000d0a1a0a"), "an lzop file", unpack("lzop -d")],
  [hex("ff060000734e61507059"), "a snappy file", unpack("snzip -d")],
  [hex("1f9d"), "a file of compress (.Z)", unpack("uncompress, or gzip -d")],
  [hex("1fa0"), "a file of compress (.Z) of the old form", unpack("gzip -d")],
  [hex("1f1e"), "a file of pack (.z)", unpack("gzip -d")],
  [text("Rar!\x1a\x07"), "a RAR archive", unpack("unrar x, or 7z x")],
  [text("xar!"), "a xar archive", unpack("7z x")],
  [text("MSCF"), "a cabinet archive", unpack("7z x")],
  [
    text("PK00PK"),
    "the first part of a zip archive that was split",
    "join its parts first (zip -s 0)",
  ],
  [
    text("PK\x07\x08"),
    "the first part of a zip archive that was split",
    "join its parts first (zip -s 0)",
  ],
  [text("07070"), "a cpio archive", unpack("cpio -id")],
  [text("!<arch>"), "an ar archive", unpack("ar x")],
  [text("hsqs"), "a squashfs image", unpack("unsquashfs")],
  [text("QFI\xfb"), "a disk image (qcow2)", "mount it, and name the file on it"],
  [
    text("SQLite format 3\0"),
    "an SQLite database, as k3s keeps one when it runs without etcd",
    "it is no backup of etcd",
  ],
  [
    text("version https://git-lfs.github.com/"),
    "a pointer of Git LFS and not the file",
    "fetch that first (git lfs pull)",
  ],
  [hex("feff"), UTF_16, `a backup that did is lost. ${COPY_AS_BYTES}`],
  [hex("fffe"), UTF_16, `a backup that did is lost. ${COPY_AS_BYTES}`],
];

/** What a file begins like; undefined when it is no kind that is known here. */
export function foreignKind(head: Buffer): ForeignKind | undefined {
  const row = ROWS.find(([magic]) => head.subarray(0, magic.length).equals(magic));
  if (row !== undefined) {
    const [, what, wayOut] = row;
    return wayOut === undefined ? { what } : { what, wayOut };
  }
  if (isOpenPgp(head)) return { what: PGP, wayOut: decrypt("gpg -d") };
  if (isEnvelopedCms(head)) return { what: CMS, wayOut: cms };
  if (isLzma(head)) return { what: "an lzma file", wayOut: unpack("xz -d --format=lzma") };
  if (!isText(head)) return undefined;
  if (head.includes("ENC[AES256_GCM,")) {
    return { what: "a file that is encrypted with sops", wayOut: decrypt("sops decrypt") };
  }
  if (JWE.test(head.toString("latin1"))) {
    return {
      what: "a file that is encrypted as JWE",
      wayOut: decrypt("clevis decrypt, or jose jwe dec"),
    };
  }
  const encoded = encodedAs(head);
  if (encoded !== undefined) return encoded;
  if (!/^\s*<(!doctype html|html|\?xml)/i.test(head.toString("utf8", 0, 200))) return undefined;
  return {
    what: "a web page or an XML message",
    wayOut: "perhaps a server's answer that there is no such backup: fetch it again",
  };
}

/** `what: wayOut`, for a sentence. */
export function describeForeign({ what, wayOut }: ForeignKind): string {
  return wayOut === undefined ? what : `${what}: ${wayOut}`;
}

/** Says what a file without a valid bbolt meta page is instead, from its first bytes. */
export function describeForeignFile(head: Buffer, size: number): string {
  if (size === 0) return "the file is empty (0 bytes)";
  const kind = foreignKind(head) ?? readElsewhere(head);
  if (kind !== undefined) return `this is no etcd snapshot but ${describeForeign(kind)}`;
  if (head.every((byte) => byte === 0)) {
    return `the first ${head.length} bytes are all zero, so this is no etcd snapshot: perhaps a copy that was never filled`;
  }
  const copied = copiedAsText(head);
  if (copied !== undefined) return `this is no etcd snapshot any more: ${copied}`;
  if (isText(head)) return "this is a text file, not an etcd snapshot: it has no bbolt meta page";
  return "no bbolt meta page was found, so this is no etcd snapshot, or both of its meta pages are damaged";
}

/** Kinds that backups are read out of (etcd/backup), for whoever reads a plain file only. */
function readElsewhere(head: Buffer): ForeignKind | undefined {
  const rows: readonly Row[] = [
    [GZIP, "a gzip file", unpack("gunzip")],
    [ZSTD, "a zstd file", unpack("unzstd")],
    [XZ, "an xz file", unpack("unxz")],
    [text("BZh"), "a bzip2 file", unpack("bunzip2")],
    [text("PK\x03\x04"), "a zip archive", unpack("unzip")],
  ];
  const row = rows.find(([magic]) => head.subarray(0, magic.length).equals(magic));
  return row === undefined ? undefined : { what: row[1], wayOut: row[2] ?? "" };
}

/** Five parts in base64url, of which the first is a JSON object, and the fourth is long (RFC 7516, 7.1). */
const JWE = /^eyJ[\w-]*(\.[\w-]*){3,4}\s*$/;

/** Bytes in letters: nothing but these, in a line that is longer than a word, or a hash. */
function encodedAs(head: Buffer): ForeignKind | undefined {
  const letters = head.toString("latin1");
  const [line = ""] = letters.split(/\r?\n/);
  const decode = (program: string) => `decode it first (${program})`;
  if (/^begin(-base64)? [0-7]{3,4} \S/.test(line)) {
    return { what: "a text of uuencode", wayOut: decode("uudecode") };
  }
  if (line.length < 60) return undefined;
  if (/^[0-9a-f\r\n]*$/i.test(letters)) {
    return letters.length > 256
      ? { what: "a text in hexadecimal", wayOut: decode("xxd -r -p") }
      : undefined;
  }
  if (/^[A-Za-z0-9+/\r\n]+={0,2}\s*$/.test(letters)) {
    return { what: "a text in base64", wayOut: decode("base64 -d") };
  }
  if (/^[\w\r\n-]+={0,2}\s*$/.test(letters)) {
    return { what: "a text in base64url", wayOut: decode("basenc --base64url -d") };
  }
  return undefined;
}

/** CMS in DER: a sequence that begins with the OID of enveloped data (RFC 5652, 6.1). */
function isEnvelopedCms(head: Buffer): boolean {
  const at = head.indexOf(hex("06092a864886f70d010703"));
  return head[0] === 0x30 && at > 0 && at <= 6;
}

/**
 * `.lzma` has no magic: properties (lc, lp, pb) below 225, a dictionary of 2^n or 2^n + 2^(n-1) bytes, and a length that is
 * unknown or can be (xz's `doc/lzma-file-format.txt`, which says to look so).
 */
function isLzma(head: Buffer): boolean {
  if (head.length < 14 || head.readUInt8(0) >= 225 || head[13] !== 0) return false;
  const dictionary = head.readUInt32LE(1);
  const top = 1 << (31 - Math.clz32(dictionary));
  const rest = dictionary - (top >>> 0);
  if (dictionary < 4096 || (rest !== 0 && rest !== top >>> 1)) return false;
  const length = head.readBigUInt64LE(5);
  return length === 0xffff_ffff_ffff_ffffn || (length > 0n && length < 2n ** 40n);
}

/** Whether it can be read by people: UTF-8 without controls. */
export function isText(head: Buffer): boolean {
  const printable = (byte: number) => byte >= 0x20 || byte === 9 || byte === 10 || byte === 13;
  return head.every(printable) && !head.toString("utf8", 0, head.length - 4).includes("\ufffd");
}
