/** Backups as people keep them: each form is read like the plain file, or refused with what is in it. */
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";

import { openBackup } from "../../../etcd/backup/backup-file";
import { kindOf } from "../../../etcd/backup/kinds";
import { manifestOf } from "../../../etcd/backup/manifest-beside";
import { readBackup } from "../../../etcd/backup/read-backup";
import { inspect } from "../../../etcd/inspect/inspection";
import { SnapshotError } from "../../../etcd/snapshot/snapshot";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { tarOf, zipOf, type Entry } from "../../support/pack";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

const FIXTURES = join(__dirname, "../../fixtures");
const fixture = (name: string) => readFileSync(join(FIXTURES, name));
const good = snapshotBytes("kubernetes-1.35-events.db");
const truth = readTruth("kubernetes-1.35-events.db");
const packed = {
  gzip: fixture("kubernetes-1.35-events.db.gz"),
  zstd: fixture("packed/snapshot.db.zst"),
  xz: fixture("packed/snapshot.db.xz"),
  bzip2: fixture("packed/snapshot.db.bz2"),
};
const text = Buffer.from("notes\n".repeat(100));

let files = 0;
/** Under a name that says nothing. */
function write(bytes: Uint8Array): string {
  return workspace.write(`backup-${files++}`, bytes);
}

/** A folder with these files. */
function folder(entries: readonly Entry[]): string {
  const name = `folder-${files++}`;
  for (const [path, bytes] of entries) {
    mkdirSync(join(workspace.path(name), path, ".."), { recursive: true });
    workspace.write(join(name, path), bytes);
  }
  if (entries.length === 0) mkdirSync(workspace.path(name));
  return workspace.path(name);
}

async function expectRead(file: string, format: string, entry?: string): Promise<void> {
  const { snapshot, backup } = await readBackup(file);
  try {
    expect(backup.name).toBe(file);
    expect(inspect(snapshot).census.resources[0]?.keys).toBe(295);
    expect(snapshot).toMatchObject({
      bytes: truth.file_size,
      sha256: truth.file_sha256,
      trailer: "matches",
      revision: truth.revision,
    });
    expect(snapshot.hashKv()).toBe(truth.hashkv.hash);
    expect(snapshot.live.value(0).length).toBe(truth.keys[0]?.value_size);
    expect(backup.container?.format).toBe(format);
    expect(backup.container?.entry).toBe(entry);
  } finally {
    snapshot.close();
  }
}

async function expectRefused(file: string, message: RegExp): Promise<void> {
  const error = await readBackup(file).then(
    ({ snapshot }) => {
      snapshot.close();
    },
    (refusal: unknown) => refusal,
  );
  expect(error).toBeInstanceOf(SnapshotError);
  expect((error as SnapshotError).file).toBe(file);
  expect((error as SnapshotError).message).toMatch(message);
  expect((error as SnapshotError).message.startsWith(`${file}: `)).toBe(true);
}

describe("is read as the plain file is", () => {
  it.each(Object.entries(packed))("a %s file", async (format, bytes) => {
    await expectRead(write(bytes), format);
  });

  it.each(Object.entries(packed))("a %s file that was written in two parts", async (_, bytes) => {
    // As parallel compressors do; here the second part is another whole file, so the reader finds too much.
    await expectRefused(write(Buffer.concat([bytes, bytes])), /286752 bytes too long/);
  });

  it("the zip archive of k3s", async () => {
    await expectRead(write(fixture("packed/k3s.zip")), "zip", "etcd-snapshot-node1-1770000000");
  });

  it("the archive that OpenShift's backup is kept in", async () => {
    const entry = "assets/backup/snapshot_2026-11-23_010000.db";
    await expectRead(write(fixture("packed/openshift.tar.gz")), "tar in gzip", entry);
  });

  it("a tar archive, also of a compressed snapshot", async () => {
    await expectRead(write(tarOf([["a/etcd.db", good]])), "tar", "a/etcd.db");
    const inside: readonly Entry[] = [
      ["_etcd_backup.meta", text],
      ["etcd.backup.gz", packed.gzip],
    ];
    await expectRead(write(tarOf(inside)), "tar", "etcd.backup.gz");
    await expectRead(write(gzipSync(tarOf(inside))), "tar in gzip", "etcd.backup.gz");
    await expectRead(write(zipOf(inside)), "zip", "etcd.backup.gz");
  });

  it.each([
    ["behind blanks", false, (sum: number) => `${sum.toString(8).padStart(7)}\0`],
    ["up to its field's end", false, (sum: number) => sum.toString(8).padStart(8, "0")],
    ["of signed bytes", true, (sum: number) => `${sum.toString(8).padStart(6, "0")}\0 `],
    ["of signed bytes behind blanks", true, (sum: number) => `${sum.toString(8).padStart(6)}\0 `],
  ])("a tar archive whose headers have their sum %s", async (_, isSigned, written) => {
    const name = "sauvegardes-d\u00e9j\u00e0-v\u00e9rifi\u00e9es/etcd.db";
    const archive = tarOf([[name, good]]);
    const header = archive.subarray(0, 512);
    header.fill(" ", 148, 156);
    const bytes = [...(isSigned ? new Int8Array(header) : header)];
    header.write(written(bytes.reduce((sum, byte) => sum + byte, 0)), 148);
    await expectRead(write(archive), "tar", name);
    await expectRead(write(gzipSync(archive)), "tar in gzip", name);
  });

  it("and no tar archive is seen in a database whose first signed bytes add up to nothing", () => {
    const head = Buffer.alloc(4096);
    head.writeUInt32LE(0xed0cdaed, 16);
    head.writeUInt32LE(2, 20);
    const sum = 8 * 0x20 + new Int8Array(head).reduce((total, byte) => total + byte, 0);
    // The field of the sum stays empty, which is no sum of 0.
    head.fill(0xff, 300, 300 + sum);
    expect(kindOf(head)).toBe("database");
  });

  it("the directories of OpenShift, kops and gardener", async () => {
    const manifests = gzipSync(tarOf([["pod.yaml", text]]));
    await expectRead(
      folder([
        ["snapshot_2026.db", good],
        ["static_kuberesources_2026.tar.gz", manifests],
      ]),
      "directory",
      "snapshot_2026.db",
    );
    await expectRead(
      folder([
        ["etcd.backup.gz", packed.gzip],
        ["_etcd_backup.meta", Buffer.from('{"etcdVersion":"3.6.0"}')],
      ]),
      "gzip in a directory",
      "etcd.backup.gz",
    );
    const gardener = folder([
      ["Full-00000000-00000320-1770000000.zst", packed.zstd],
      ["Incr-00000321-00000400-1770003600.gz", gzipSync('[{"type":"PUT"}]')],
    ]);
    await expectRead(gardener, "zstd in a directory", "Full-00000000-00000320-1770000000.zst");
    const backup = await openBackup(gardener);
    backup.dispose();
    expect(backup.notes).toEqual([
      "beside it in the directory: Incr-00000321-00000400-1770003600.gz (a gzip file, in it a text file)",
    ]);
  });

  it("through a link, and in a directory that names it twice", async () => {
    const directory = folder([["monday.db.gz", packed.gzip]]);
    symlinkSync("monday.db.gz", join(directory, "latest"));
    await expectRead(join(directory, "latest"), "gzip");
    await expectRead(directory, "gzip in a directory", "monday.db.gz");
  });

  it("with the manifest beside it, or beside what it was before it was packed", async () => {
    const sha256 = truth.file_sha256;
    const source = { revision: 320, compactRevision: 0, hashKv: 1, hashKvRevision: 320 };
    const manifest = {
      schemaVersion: 1,
      takenAt: "2026-11-22T19:00:00Z",
      sha256,
      bytes: 1,
      source,
    };
    const directory = folder([
      ["a.db.gz", packed.gzip],
      ["a.db.json", Buffer.from(JSON.stringify(manifest))],
      ["b.db.gz", packed.gzip],
    ]);
    for (const [name, found] of [
      ["a.db.gz", sha256],
      ["b.db.gz", undefined],
    ] as const) {
      const backup = await openBackup(join(directory, name));
      backup.dispose();
      expect(manifestOf(backup)?.sha256).toBe(found);
    }
  });
});

describe("a data directory", () => {
  const database = Buffer.concat([good.subarray(0, -32), Buffer.alloc(3 * 4096)]);
  it.each(["", "member"])("is read, with a word about its log: %s", async (below) => {
    const directory = folder([
      ["member/snap/db", database],
      ["member/wal/0000000000000000-0000000000000000.wal", Buffer.alloc(10)],
    ]);
    const { snapshot, backup } = await readBackup(join(directory, below));
    snapshot.close();
    expect(snapshot.trailer).toBe("absent");
    expect(snapshot.live.count).toBe(truth.live_keys);
    expect(backup.container?.format).toBe("data directory");
    expect(backup.notes.join()).toMatch(/1 file in .*wal.* newer entries/);
  });
});

describe("is refused with what was found", () => {
  it.each<readonly [string, Uint8Array, RegExp]>([
    [
      "compressed twice",
      gzipSync(packed.gzip),
      /compressed twice: this is a gzip file, and in it is a gzip/,
    ],
    ["compressed twice, in two ways", gzipSync(packed.xz), /a gzip file, and in it is an xz file/],
    ["a zip archive in a gzip file", gzipSync(zipOf([["a", good]])), /in it is a zip archive/],
    [
      "a compressed text",
      gzipSync(text),
      /a gzip file, and what is in it is no etcd snapshot but a text/,
    ],
    ["compressed nothing", gzipSync(Buffer.alloc(0)), /no etcd snapshot but an empty file/],
    [
      "two in a zip archive",
      zipOf([
        ["a.db", good],
        ["b.db", good],
      ]),
      /2 etcd snapshots: a\.db, b\.db/,
    ],
    [
      "two in a tar archive",
      tarOf([
        ["a.db", good],
        ["b.gz", packed.gzip],
      ]),
      /2 etcd snapshots: a\.db, b\.gz/,
    ],
    [
      "two in a tar.gz",
      gzipSync(
        tarOf([
          ["a.db", good],
          ["b.db", good],
        ]),
      ),
      /a tar archive in a gzip file with 2/,
    ],
    [
      "none in a zip archive",
      zipOf([["a.txt", text]]),
      /without an etcd snapshot. It holds a\.txt \(a text file\)/,
    ],
    [
      "none in a tar archive",
      tarOf([["a.txt", text]]),
      /without an etcd snapshot. It holds a\.txt \(a text file\)/,
    ],
    [
      "an encrypted entry",
      zipOf([["a.db", good]], true),
      /It holds a\.db \(encrypted: unpack it with its password first\)/,
    ],
    ["an empty zip archive", zipOf([]), /a zip archive without an etcd snapshot. It is empty/],
    ["an empty tar.gz", gzipSync(Buffer.alloc(10_240)), /no etcd snapshot but a file of zeros/],
    ["no plain file in a tar archive", tarOf([["a.db", Buffer.alloc(0)]], "6"), /a\.db \(a pipe\)/],
    [
      "a .part in an archive",
      tarOf([["a.db.part", good]]),
      /a\.db\.part \(was still being written\)/,
    ],
    [
      "archives in an archive",
      tarOf([["a.zip", zipOf([["a", good]])]]),
      /a\.zip \(a zip archive\)/,
    ],
  ])("%s", async (_, bytes, message) => {
    await expectRefused(write(bytes), message);
  });

  it("a directory with none, or with two", async () => {
    await expectRefused(
      folder([]),
      /a directory without an etcd snapshot or database. It holds no file/,
    );
    await expectRefused(folder([["a.txt", text]]), /It holds a\.txt \(a text file\)/);
    await expectRefused(
      folder([
        ["a.db", good],
        ["b.gz", packed.gzip],
      ]),
      /2 etcd snapshots: a\.db, b\.gz/,
    );
    await expectRefused(
      folder([
        ["a.zip", zipOf([])],
        ["b.zip", zipOf([])],
      ]),
      /with 2 archives: a\.zip, b\.zip/,
    );
    await expectRefused(folder([["a.db.part", good]]), /a\.db\.part \(still being written\)/);
  });

  it("a file that is still being written, and what is not there", async () => {
    await expectRefused(workspace.write("whole.db.part", good), /still being written/);
    await expectRefused(workspace.path("absent"), /there is no such file/);
    symlinkSync("nowhere", workspace.path("dangling"));
    await expectRefused(workspace.path("dangling"), /there is no such file/);
  });

  it("a damaged snapshot, by the name of what it is packed in", async () => {
    const cut = gzipSync(good.subarray(0, -4096));
    await expectRefused(write(cut), /what is in it \(gzip\): the file is cut short: 4096/);
  });
});

describe("damage of what it is packed in", () => {
  const all = { ...packed, zip: fixture("packed/k3s.zip"), tar: tarOf([["a.db", good]]) };

  it.each(Object.entries(all))("is seen wherever a %s file is cut", async (kind, bytes) => {
    const ends = [0.3, 0.9].map((part) => Math.floor(bytes.length * part));
    // Behind the last file of a tar archive come only zeros.
    if (kind !== "tar") ends.push(bytes.length - 1);
    for (const end of ends) {
      await expectRefused(write(bytes.subarray(0, end)), /damaged or cut off/);
    }
  });

  it.each(Object.entries(all))(
    "never passes as good: flipped bits in a %s file",
    async (_, bytes) => {
      let seen = 0;
      for (let i = 1; i <= 4; i++) {
        const flipped = Buffer.from(bytes);
        const at = Math.floor((bytes.length * i) / 5);
        flipped.writeUInt8((flipped[at] ?? 0) ^ 4, at);
        try {
          const { snapshot } = await readBackup(write(flipped));
          snapshot.close();
          if (snapshot.sha256 === truth.file_sha256) continue; // the bit meant nothing: a date, a padding
          expect(snapshot.trailer).toBe("differs");
        } catch (error) {
          expect(error).toBeInstanceOf(SnapshotError);
        }
        seen++;
      }
      expect(seen).toBeGreaterThan(0);
    },
  );
});
