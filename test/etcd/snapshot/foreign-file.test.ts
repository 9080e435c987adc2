import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import { TYPESCRIPT } from "../../support/typescript";

import { readSnapshot } from "../../../etcd/snapshot/snapshot";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

const head = (start: string | Buffer) =>
  Buffer.concat([Buffer.from(start), Buffer.from([0, 1, 2, 255]), Buffer.alloc(5000, 0xa5)]);

const snapshot = snapshotBytes("kubernetes-1.35-events.db");
const packed = (format: string) =>
  readFileSync(join(__dirname, `../../fixtures/packed/snapshot.db.${format}`));
const asText = (bytes: Buffer) => Buffer.from(bytes.toString("utf8"));
const asLatin1 = (bytes: Buffer) => Buffer.from(bytes.toString("latin1"));
const marked = (bytes: Buffer) => Buffer.concat([Buffer.from("\ufeff"), bytes]);
const inUtf16 = (characters: string) => Buffer.from(characters, "utf16le");
const withCrLf = (bytes: Buffer) =>
  Buffer.from(bytes.toString("latin1").replaceAll("\n", "\r\n"), "latin1");

/** As a database is whose tenth transaction was its last: the meta page itself grows in a terminal. */
function withLineFeedsInMeta(): Buffer {
  const bytes = Buffer.from(snapshot);
  for (const page of [0, 4096]) bytes.writeUInt8(10, page + 64);
  return bytes;
}

it.each([
  ["empty", Buffer.alloc(0), "the file is empty (0 bytes)"],
  ["gzip", gzipSync(snapshotBytes("kubernetes-1.35-events.db")), "a gzip file: unpack it first"],
  ["zstd", head(Buffer.from("28b52ffd", "hex")), "a zstd file: unpack it first"],
  ["xz", head(Buffer.from("fd377a585a00", "hex")), "an xz file: unpack it first"],
  ["bzip2", head("BZh9"), "a bzip2 file: unpack it first"],
  ["zip", head("PK\x03\x04"), "a zip archive: unpack it first"],
  ["sqlite", head("SQLite format 3\0"), "an SQLite database, as k3s keeps one"],
  ["zeros", Buffer.alloc(40_000), "the first 4096 bytes are all zero"],
  ["short zeros", Buffer.alloc(10), "the first 10 bytes are all zero"],
  ["text", Buffer.from('{"kind": "Liste, größer"}\n'.repeat(400)), "this is a text file"],
  ["base64", Buffer.from(snapshot.toString("base64")), "a text in base64: decode it first"],
  ["base64url", Buffer.from(snapshot.toString("base64url")), "a text in base64url: decode it"],
  ["hexadecimal", Buffer.from(snapshot.toString("hex")), "decode it first (xxd -r -p)"],
  ["uuencode", Buffer.from("begin 644 a.db\nM[[N_\n"), "decode it first (uudecode)"],
  [
    "JWE",
    Buffer.from(`eyJhbGciOiJkaXIifQ..a_b-.${"a-_Z".repeat(999)}`),
    "(clevis decrypt, or jose jwe",
  ],
  [
    "a JWT",
    Buffer.from(`eyJhbGciOiJkaXIifQ.${"a".repeat(99)}.${"b".repeat(43)}`),
    "is a text file",
  ],
  ["a hash", Buffer.from(`${"0123456789abcdef".repeat(4)}\n`), "this is a text file"],
  [
    "LFS",
    Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    "git lfs pull",
  ],
  ["sops", Buffer.from('{"data": "ENC[AES256_GCM,data:YQ==]"}'), "decrypt it first (sops decrypt)"],
  ["UTF-16", Buffer.from("\ufeffbytes", "utf16le"), "as `>` of Windows PowerShell writes"],
  ["replaced", asText(snapshot), "every byte that is no UTF-8, and they are lost. Take the backup"],
  ["replaced gzip", asText(gzipSync(snapshot)), "every byte that is no UTF-8, and they are lost"],
  ["replaced zstd", asText(packed("zst")), "every byte that is no UTF-8, and they are lost"],
  ["replaced xz", asText(packed("xz")), "every byte that is no UTF-8, and they are lost"],
  ["Latin-1", asLatin1(snapshot), "`iconv -f UTF-8 -t LATIN1` gives them back"],
  ["replaced, marked", marked(asText(snapshot)), "every byte that is no UTF-8, and they are lost"],
  ["Latin-1, marked", marked(asLatin1(snapshot)), "gives them back without its first three bytes"],
  ["marked", marked(snapshot), "`tail -c +4` gives what is behind that"],
  ["UTF-16, other order", inUtf16(`\ufeff${asText(snapshot).toString()}`).swap16(), "PowerShell"],
  ["UTF-16, unmarked", inUtf16(snapshot.toString("latin1")), "for text and wrote it in UTF-16"],
  ["UTF-16, replaced", inUtf16(snapshot.toString("utf8")), "for text and wrote it in UTF-16"],
  ["UTF-16, gzip", inUtf16(gzipSync(snapshot).toString("utf8")).swap16(), "wrote it in UTF-16"],
  ["terminal", withCrLf(snapshot), "Each line feed in it has a carriage return before it: it went"],
  ["terminal, meta page", withCrLf(withLineFeedsInMeta()), "any more: each line feed in it has a"],
  ["short text", Buffer.from("hi"), "this is a text file"],
  ["noise", head("\x80\x81"), "no bbolt meta page was found"],
])("says what the file is instead: %s", async (name, bytes, message) => {
  const file = workspace.write(name, bytes);
  await expect(readSnapshot(file)).rejects.toThrow(`${file}: `);
  await expect(readSnapshot(file)).rejects.toThrow(message);
});

it("says that there is no such file", async () => {
  const file = workspace.path("absent.db");
  await expect(readSnapshot(file)).rejects.toThrow(`${file}: there is no such file`);
});

it("says that it is a directory", async () => {
  const directory = workspace.path(".");
  await expect(readSnapshot(directory)).rejects.toThrow("is a directory");
});

it("says that it is no plain file", async () => {
  await expect(readSnapshot("/dev/null")).rejects.toThrow("is not a plain file");
});

it("says that the permission is missing", () => {
  const file = workspace.write("private.db", snapshotBytes("kubernetes-1.35-events.db"));
  chmodSync(file, 0o000);
  // Root may read everything, so another user asks: nobody.
  const program = `
    require(${JSON.stringify(TYPESCRIPT)});
    require(${JSON.stringify(join(__dirname, "../../../etcd/snapshot/snapshot.ts"))})
      .readSnapshot(${JSON.stringify(file)})
      .catch((error) => console.log(error.name, error.message));`;
  chmodSync(workspace.path("."), 0o755);
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", program], {
    encoding: "utf8",
    env: { ...process.env, TMPDIR: "/tmp" },
    ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
  });
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^SnapshotError .*private\.db: no permission to read this file/);
});
