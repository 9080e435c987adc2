/** A file of another kind, by the bytes it begins with, and what to do about it. */
const KINDS: readonly { readonly magic: Buffer; readonly hint: string }[] = [
  { magic: Buffer.from([0x1f, 0x8b]), hint: unpack("a gzip file", "gunzip") },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), hint: unpack("a zstd file", "unzstd") },
  { magic: Buffer.from("\xfd7zXZ\0", "latin1"), hint: unpack("an xz file", "unxz") },
  { magic: Buffer.from("BZh"), hint: unpack("a bzip2 file", "bunzip2") },
  { magic: Buffer.from("PK\x03\x04"), hint: unpack("a zip archive", "unzip") },
  {
    magic: Buffer.from("SQLite format 3\0"),
    hint: "this is an SQLite database, as k3s keeps one when it runs without etcd, not an etcd snapshot",
  },
];

function unpack(what: string, program: string): string {
  return `this is ${what}; unpack it first (${program})`;
}

/** Says what a file without a valid bbolt meta page is instead, from its first bytes. */
export function describeForeignFile(head: Buffer, size: number): string {
  if (size === 0) return "the file is empty (0 bytes)";
  const kind = KINDS.find(({ magic }) => head.subarray(0, magic.length).equals(magic));
  if (kind !== undefined) return kind.hint;
  if (head.every((byte) => byte === 0)) {
    return `the first ${head.length} bytes are all zero, so this is no etcd snapshot: perhaps a copy that was never filled`;
  }
  if (isText(head)) return "this is a text file, not an etcd snapshot: it has no bbolt meta page";
  return "no bbolt meta page was found, so this is no etcd snapshot, or both of its meta pages are damaged";
}

function isText(head: Buffer): boolean {
  const printable = (byte: number) => byte >= 0x20 || byte === 9 || byte === 10 || byte === 13;
  return head.every(printable) && !head.toString("utf8", 0, head.length - 4).includes("\ufffd");
}
