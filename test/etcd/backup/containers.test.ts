/** What other programs make of a backup: read, or named with the way out. Made by those programs where they are here. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { openBackup } from "../../../etcd/backup/backup-file";
import { V2BackupError } from "../../../etcd/backup/opened-backup";
import { readBackup } from "../../../etcd/backup/read-backup";
import { NoProgramError } from "../../../etcd/backup/damage";
import { SnapshotError } from "../../../etcd/snapshot/snapshot";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { tarOf, zipOf, type Entry } from "../../support/pack";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

const FIXTURES = join(__dirname, "../../fixtures");
const good = snapshotBytes("kubernetes-1.35-events.db");
const truth = readTruth("kubernetes-1.35-events.db");
const V2 = join(FIXTURES, "v2-backup");
const has = (program: string) => spawnSync(program, ["--version"]).error === undefined;

let files = 0;
const write = (bytes: Uint8Array): string => workspace.write(`container-${files++}`, bytes);

function run(program: string, args: readonly string[], input?: Buffer): Buffer {
  const { status, stdout, stderr } = spawnSync(program, args, { input, maxBuffer: 2 ** 28 });
  expect(stderr.toString() + String(status)).toMatch(/0$/);
  return stdout;
}

async function read(file: string) {
  const { snapshot, backup } = await readBackup(file);
  snapshot.close();
  expect(snapshot.live.count).toBe(truth.live_keys);
  expect(snapshot.hashKv()).toBe(truth.hashkv.hash);
  return backup;
}

async function refused(file: string): Promise<string> {
  const error = await openBackup(file)
    .then(({ name }) => readBackup(name))
    .catch((refusal: unknown) => refusal);
  expect(error).toBeInstanceOf(SnapshotError);
  expect((error as SnapshotError).file).toBe(file);
  return (error as SnapshotError).problem;
}

/** A member's directory: its database grown ahead by 8 MiB of hole, with a log beside it. */
function dataDirectory(): string {
  const directory = workspace.path(`data-${files++}`);
  const log = join(directory, "member/wal/0000000000000000-0000000000000000.wal");
  fs.mkdirSync(join(directory, "member/snap"), { recursive: true });
  fs.mkdirSync(join(directory, "member/wal"));
  const database = join(directory, "member/snap/db");
  fs.writeFileSync(database, good.subarray(0, -32));
  fs.truncateSync(database, good.length - 32 + 8 * 2 ** 20);
  fs.writeFileSync(log, "");
  fs.truncateSync(log, 2 ** 20);
  return directory;
}

describe("a data directory in a tar archive, with its holes", () => {
  it.each([
    ["as it comes", []],
    ["sparse, GNU's form", ["-S"]],
    ["sparse, pax 0.0", ["-S", "--format=posix", "--sparse-version=0.0"]],
    ["sparse, pax 0.1", ["-S", "--format=posix", "--sparse-version=0.1"]],
    ["sparse, pax 1.0", ["-S", "--format=posix", "--sparse-version=1.0"]],
    ["of version 7", ["--format=v7"]],
  ])("is read: %s", async (_, options) => {
    const archive = run("tar", ["-cf", "-", ...options, "-C", dataDirectory(), "."]);
    for (const bytes of [archive, gzipSync(archive), deflateSync(archive)]) {
      const backup = await read(write(bytes));
      expect(backup.container?.entry).toBe("./member/snap/db");
      expect(backup.notes).toEqual([
        "this is a member's database, not a backup: its log beside it (1 file in ./member/wal) may hold newer entries, and those are not read",
      ]);
    }
  });

  it("is read out of many pieces, and under a name that no old header holds", async () => {
    // Every other page a hole: more pieces than a header has room for.
    const name = `${"d".repeat(120)}/${"e".repeat(140)}.db`;
    const scattered = Buffer.from(good);
    const folder = workspace.path("scattered");
    fs.mkdirSync(join(folder, name, ".."), { recursive: true });
    fs.writeFileSync(join(folder, name), scattered);
    fs.writeFileSync(join(folder, "holes"), "");
    const fd = fs.openSync(join(folder, "holes"), "r+");
    for (let i = 0; i < 300; i += 1) fs.writeSync(fd, "x", i * 65_536);
    fs.closeSync(fd);
    for (const options of [["-S"], ["-S", "--format=posix"]]) {
      const archive = run("tar", ["-cf", "-", ...options, "-C", folder, "holes", name]);
      const backup = await read(write(archive));
      expect(backup.container?.entry).toBe(name);
    }
  });

  it("is refused where the map of its holes is wrong, or it is cut", async () => {
    const archive = run("tar", ["-cSf", "-", "-C", dataDirectory(), "member/snap/db"]);
    // The offset of the first piece, in octal digits, and the header's sum made to fit.
    const changed = Buffer.from(archive);
    changed.write("77777777777\0", 386);
    changed.write("        ", 148);
    const sum = changed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    changed.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    expect(await refused(write(changed))).toMatch(/damaged or cut off \(the map of a sparse file/);
    expect(await refused(write(archive.subarray(0, 50_000)))).toMatch(
      /it ends in the middle of member\/snap\/db/,
    );
  });

  it("names entries that are no files", async () => {
    const folder = workspace.path("odd");
    fs.mkdirSync(folder);
    fs.writeFileSync(join(folder, "notes.txt"), "notes\n".repeat(100));
    fs.linkSync(join(folder, "notes.txt"), join(folder, "other.db"));
    fs.symlinkSync("/backups/real.db", join(folder, "snap.db"));
    run("mkfifo", [join(folder, "pipe")]);
    const names = ["notes.txt", "other.db", "snap.db", "pipe"];
    const archive = run("tar", ["-cf", "-", "-C", folder, ...names]);
    expect(await refused(write(archive))).toContain(
      "It holds notes.txt (a text file), other.db (a hard link to notes.txt), " +
        "snap.db (a symbolic link to /backups/real.db), pipe (a pipe)",
    );
    expect(await refused(write(tarOf([["a", good]], "Q")))).toContain('a (an entry of type "Q"');
  });
});

describe("a backup of the v2 store", () => {
  const member = (prefix: string): readonly Entry[] =>
    fs
      .readdirSync(V2, { recursive: true, encoding: "utf8" })
      .filter((name) => name.startsWith("member") && fs.statSync(join(V2, name)).isFile())
      .map((name) => [`${prefix}${name}`, fs.readFileSync(join(V2, name))]);

  it.each<readonly [string, (entries: readonly Entry[]) => Buffer]>([
    ["tar", tarOf],
    ["tar.gz", (entries) => gzipSync(tarOf(entries))],
    ["zip", zipOf],
  ])("is told in %s as in its directory, whatever the order", async (_, pack) => {
    for (const entries of [member("v2b/"), [...member("")].reverse()]) {
      for (const kept of [entries, entries.filter(([name]) => !name.endsWith("snap/db"))]) {
        const file = write(pack(kept));
        const error = await readBackup(file).catch((refusal: unknown) => refusal);
        expect(error).toBeInstanceOf(V2BackupError);
        expect((error as V2BackupError).store.keys).toHaveLength(35);
        expect((error as V2BackupError).message).toContain(
          `${file}: this is a backup of an etcd v2`,
        );
      }
    }
  });

  it("is a note beside a v3 database, and its damage is named by the archive and the entry", async () => {
    const entries = member("b/").map(([name, bytes]): Entry => [
      name,
      name.endsWith("snap/db") ? good.subarray(0, -32) : bytes,
    ]);
    const backup = await read(write(tarOf(entries)));
    expect(backup.notes.join("\n")).toMatch(/log beside it.*\n.*also holds 35 keys of the old v2/);
    const damaged = member("b/").map(([name, bytes]): Entry => {
      const changed = Buffer.from(bytes);
      if (name.endsWith(".snap")) changed.writeUInt8((changed[5000] ?? 0) ^ 1, 5000);
      return [name, changed];
    });
    expect(await refused(write(tarOf(damaged)))).toMatch(
      /what is in it \(tar\): b\/member\/snap\/.*\.snap: .*wrong checksum/,
    );
  });
});

describe("is named, with the way out", () => {
  const noise = Buffer.alloc(5000, 0xa5);
  const headed = (head: string | Buffer) => Buffer.concat([Buffer.from(head), noise]);
  const kinds: readonly (readonly [string, () => Buffer, RegExp])[] = [
    ["age", () => headed("age-encryption.org/v1\n-> X25519 "), /encrypted with age: .*age -d/],
    ["age in armor", () => headed("-----BEGIN AGE ENCRYPTED FILE-----\n"), /with age: .*age -d/],
    ["openssl", () => headed("Salted__12345678"), /with openssl enc: .*openssl enc -d/],
    ["openssl in base64", () => headed("U2FsdGVkX1+abc"), /with openssl enc/],
    ["OpenPGP in armor", () => headed("-----BEGIN PGP MESSAGE-----\n"), /with OpenPGP: .*gpg -d/],
    [
      "OpenPGP for a key, old form",
      () => headed(Buffer.from("85010c03a1b2c3d4e5f6a7b801", "hex")),
      /with OpenPGP: .*gpg -d/,
    ],
    [
      "OpenPGP for a key, new form",
      () => headed(Buffer.from("c1c0b403a1b2c3d4e5f6a7b801", "hex")),
      /with OpenPGP/,
    ],
    ["7z", () => headed(Buffer.from("377abcaf271c0004", "hex")), /a 7z archive: .*7z x/],
    ["rar", () => headed("Rar!\x1a\x07\x01\0"), /a RAR archive: .*unrar x/],
    ["compress", () => headed(Buffer.from("1f9d90", "hex")), /compress \(\.Z\): .*uncompress/],
    ["lzip", () => headed("LZIP\x01"), /an lzip file: .*lzip -d/],
    ["cpio", () => headed("070701"), /a cpio archive/],
    ["LUKS", () => headed(Buffer.from("4c554b53babe0002", "hex")), /LUKS/],
    [
      "a server's answer",
      () => Buffer.from('<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'),
      /an XML message: .*fetch it again/,
    ],
  ];

  it.each(kinds)("%s, also inside of archives", async (_, make, message) => {
    const bytes = make();
    expect(await refused(write(bytes))).toMatch(message);
    expect(await refused(write(gzipSync(bytes)))).toMatch(message);
    const entries: readonly Entry[] = [["b.db", bytes]];
    expect(await refused(write(zipOf(entries)))).toMatch(message);
    expect(await refused(write(tarOf(entries)))).toMatch(message);
    expect(await refused(write(tarOf([["b.gz", gzipSync(bytes)]])))).toMatch(message);
    const folder = workspace.path(`folder-${files++}`);
    fs.mkdirSync(folder);
    fs.writeFileSync(join(folder, "b.db"), bytes);
    expect(await refused(folder)).toMatch(message);
  });

  it.runIf(has("gpg"))("what gpg makes with a passphrase", async () => {
    const home = workspace.path("gnupg");
    fs.mkdirSync(home, { mode: 0o700 });
    for (const more of [[], ["--armor"]]) {
      const options = ["--homedir", home, "--batch", "--pinentry-mode", "loopback", "-o", "-"];
      const given = ["--passphrase", "synthetic", "--symmetric", ...more];
      const { stdout } = spawnSync("gpg", [...options, ...given], { input: good });
      expect(stdout.length).toBeGreaterThan(1000);
      expect(await refused(write(stdout))).toMatch(/with OpenPGP: .*gpg -d/);
    }
    spawnSync("gpgconf", ["--homedir", home, "--kill", "all"]);
  });

  it.runIf(has("lz4"))("what lz4 makes", async () => {
    expect(await refused(write(run("lz4", ["-c"], good)))).toMatch(/an lz4 file: .*lz4 -d/);
  });

  it.runIf(has("xz"))("what xz makes in its old form", async () => {
    const packed = run("xz", ["--format=lzma", "-c"], good);
    expect(await refused(write(packed))).toMatch(/an lzma file: .*xz -d --format=lzma/);
  });

  it.runIf(has("openssl"))("what openssl makes", async () => {
    const options = ["enc", "-aes-256-cbc", "-pbkdf2", "-pass", "pass:synthetic"];
    expect(await refused(write(run("openssl", options, good)))).toMatch(/with openssl enc/);
    expect(await refused(write(run("openssl", [...options, "-a"], good)))).toMatch(/openssl enc/);
  });

  it("never a random file", async () => {
    for (let seed = 1; seed < 3000; seed += 1) {
      const bytes = Buffer.alloc(64);
      for (let i = 0; i < 64; i += 1)
        bytes.writeUInt8(((seed * 7919 + i * 104_729) ^ (seed >> 3)) & 255, i);
      // Half of them with the first bit set, as every OpenPGP packet has.
      if (seed % 2 === 0) bytes.writeUInt8((bytes[0] ?? 0) | 0x80, 0);
      const file = workspace.write("noise", bytes);
      const problem = await refused(file);
      if (/OpenPGP|lzma/.test(problem)) expect.fail(`${bytes.toString("hex")}: ${problem}`);
    }
  });
});

describe("zip", () => {
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", int(sys.argv[3])) as z: z.write(sys.argv[2], "snap.db")`;
  const zipped = (method: number): string => {
    const file = workspace.path(`zip-${files++}`);
    run("python3", ["-c", script, file, write(good), String(method)]);
    return file;
  };

  it.runIf(has("python3"))(
    "of method bzip2 is read, LZMA is named and not called damage",
    async () => {
      expect((await read(zipped(12))).container?.entry).toBe("snap.db");
      expect(await refused(zipped(14))).toMatch(
        /snap\.db \(compressed by a method that is not read here, LZMA: unpack the archive first/,
      );
    },
  );

  it("may call its files what it likes", async () => {
    for (const name of [
      "/abs/snap.db",
      "../../snap.db",
      "C:\\backup\\snap.db",
      "a=b 'c' \"d\" $e.db",
    ]) {
      const backup = await read(write(zipOf([[name, good]])));
      expect(backup.container?.entry).toBe(name);
    }
  });
});

it.each([
  ["gzip", () => gzipSync(good)],
  ["zip", () => zipOf([["snap.db", good]])],
  ["tar in gzip", () => gzipSync(tarOf([["snap.db", good]]))],
  ["zstd", () => fs.readFileSync(join(FIXTURES, "packed/snapshot.db.zst"))],
  ["xz", () => fs.readFileSync(join(FIXTURES, "packed/snapshot.db.xz"))],
] as const)("%s that went through a terminal is told for it", async (_name, made) => {
  const text = made().toString("latin1").replaceAll("\n", "\r\n");
  const message = await refused(write(Buffer.from(text, "latin1")));
  expect(message).toMatch(
    /: each line feed in it has a carriage return before it: it went through/,
  );
});

describe("a form that is not read here is named with the way out, and not called damage", () => {
  const NOT_DAMAGE = /^(?!.*damaged).*unpack it first/;

  it.runIf(has("xz"))("xz: another check, a great dictionary", async () => {
    const sha256 = await refused(write(run("xz", ["-c", "--check=sha256"], good)));
    expect(sha256).toMatch(/it has options that are not read here, as its check SHA-256/);
    expect(sha256).toMatch(NOT_DAMAGE);
    const great = await refused(write(run("xz", ["-c", "--lzma2=dict=128MiB"], good)));
    expect(great).toMatch(/its dictionary takes more than 64 MiB/);
    expect(great).toMatch(NOT_DAMAGE);
  });

  it.runIf(has("zstd"))("zstd: a dictionary of its own", async () => {
    const dictionary = workspace.path("dictionary");
    const samples = Array.from({ length: 40 }, (_, at) => {
      const sample = workspace.path(`sample-${at}`);
      fs.writeFileSync(sample, good.subarray(at * 3000, at * 3000 + 3000));
      return sample;
    });
    run("zstd", ["-q", "--train", ...samples, "-o", dictionary, "--maxdict=4096"]);
    const message = await refused(write(run("zstd", ["-q", "-c", "-D", dictionary], good)));
    expect(message).toMatch(/it was compressed with a dictionary of its own/);
    expect(message).toMatch(NOT_DAMAGE);
  });

  it("zstd: a window of 2 GiB, as `--long=31` makes of a pipe", async () => {
    // Its window descriptor and a raw block, the last one (RFC 8878, 3.1.1).
    const frame = Buffer.from("28b52ffd00a8090000" + "00", "hex");
    const message = await refused(write(frame));
    expect(message).toMatch(/it takes a window of 2 GiB/);
    expect(message).toMatch(NOT_DAMAGE);
    const inside = await refused(write(zipOf([["snap.db.zst", frame]])));
    expect(inside).toMatch(/It holds snap\.db\.zst \(a zstd file, and it takes a window of 2 GiB/);
    expect(inside).toMatch(NOT_DAMAGE);
  });
});

describe("bzip2", () => {
  it("takes its program, and says so where that is not here", async () => {
    const packed = fs.readFileSync(join(FIXTURES, "packed/snapshot.db.bz2"));
    const before = process.env.PATH;
    process.env.PATH = workspace.path(".");
    try {
      const error = await readBackup(write(packed)).catch((refusal: unknown) => refusal);
      expect(error).toBeInstanceOf(NoProgramError);
      expect((error as Error).message).toMatch(/no program bzip2 on this computer\. Install it/);
    } finally {
      process.env.PATH = before;
    }
    await read(write(packed));
  });

  it("stops when it grows too far", async () => {
    const bomb = run("bzip2", ["-c"], Buffer.concat([good, Buffer.alloc(60 * 2 ** 20)]));
    expect(await refused(write(bomb))).toMatch(/grows beyond what its meta pages say/);
  });
});
