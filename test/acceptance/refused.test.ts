/**
 * What cannot be restored, and a computer that will not do, are refused before anything is made: each with its own
 * message, the right exit code, and nothing changed.
 *
 * Through the whole command: settings, program, engine, exit code. All shapes of damage: test/etcd/snapshot.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { gzipSync } from "node:zlib";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { BackupError, readBackup } from "../../components/backup";
import { currentReport } from "../../etcd/report/evidence";
import { REPORT_FILES } from "../../etcd/report/report";
import { ensureEtcd } from "../../machine/programs/programs";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { beginCommand, openLab, type Ended, type Lab } from "../support/lab";
import { timeLimit } from "../support/time-limit.cjs";

const files = createWorkspace();
const good = snapshotBytes("kubernetes-1.35-main.db");
afterAll(() => {
  files.remove();
});

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
});
afterEach(() => lab.dispose());

/** Everything that a refusal must be; `stack` is the engine's own folder, empty of resources. */
function expectRefusal(
  ended: Ended,
  code: number,
  message: RegExp,
  directory = lab.directory,
): void {
  expect(ended.stderr).toMatch(message);
  expect(ended.code, ended.stderr).toBe(code);
  expect(ended.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m); // no stack trace
  const verdict = code === 2 ? "fail" : "incomplete";
  expect(ended.stdout).toMatch(new RegExp(`^${verdict}  nothing was compared.*\\n$`, "i"));
  for (const made of ["etcd", "client"]) {
    expect(fs.existsSync(path.join(directory, made)), made).toBe(false);
  }
  // Evidence of this run, in all forms; the last line says the cause and what to type.
  const report = currentReport(directory);
  expect(report).toMatchObject({ verdict, stack: "local", ended: { phase: "preflight" } });
  for (const file of REPORT_FILES)
    expect(fs.existsSync(path.join(directory, file)), file).toBe(true);
  expect(ended.stderr.trimEnd().split("\n").at(-1)).toMatch(/^error: .*; .*`npx etcd-restore /);
}

/** The sample with bit 0 of one byte flipped. */
function flipped(offset: number): Buffer {
  const bytes = Buffer.from(good);
  bytes.writeUInt8((bytes[offset] ?? 0) ^ 1, offset);
  return bytes;
}

const KEY = good.indexOf("/registry/configmaps/shop/web-config");
const REFUSED: readonly (readonly [string, () => string, RegExp])[] = [
  ["no file", () => files.path("absent.db"), /absent\.db.*(there is no|no such) file/i],
  ["a directory", () => path.dirname(files.path("x")), /directory/],
  ["an empty file", () => files.write("empty.db", Buffer.alloc(0)), /empty/],
  ["a text", () => files.write("text.db", Buffer.from("# notes\n".repeat(9000))), /no .*meta page/],
  ["a gzip file of a text", () => files.write("notes.gz", gzipSync("# notes\n")), /gzip file/],
  [
    "a file cut by 1 byte",
    () => files.write("cut-1.db", good.subarray(0, -1)),
    /1486879.*1486880/s,
  ],
  ["a file cut by 32 bytes", () => files.write("cut-32.db", good.subarray(0, -32)), /sha256/],
  [
    "a file cut by a page",
    () => files.write("cut-page.db", good.subarray(0, -4096)),
    /1482784.*1486880/s,
  ],
  ["a flipped byte in a value", () => files.write("value.db", flipped(271178)), /sha256/],
  ["a flipped byte in a key", () => files.write("key.db", flipped(KEY + 12)), /sha256/],
  [
    "a flipped byte in the trailer",
    () => files.write("trailer.db", flipped(good.length - 5)),
    /sha256/,
  ],
];

test.each(REFUSED)("%s is refused before anything is registered", async (_what, file, message) => {
  const refusal = await readBackup(file(), "auto", lab.directory).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(BackupError);
  expect((refusal as BackupError).message).toMatch(message);
  // Pulumi prints the message of such an error alone; the command makes exit code 2 of it.
  expect(pulumi.RunError.isInstance(refusal)).toBe(true);
});

test.each(REFUSED.filter(([what]) => /no file|in a value|a gzip/.test(what)))(
  "%s: the whole command says so, with exit code 2, and makes nothing",
  async (_what, file, message) => {
    expectRefusal(await lab.run("start", file()), 2, message);
  },
);

test("a wrong setting: every problem is named", async () => {
  const ended = await lab.run("start", "-c", "verification=some", "-c", "etcdVersion=new");
  expectRefusal(ended, 2, /etcdVersion is "new".*verification is "some"/s);
});

test("an etcd older than the one that wrote the backup", async () => {
  expectRefusal(await lab.run("start", "-c", "etcdVersion=3.5"), 2, /etcd 3\.6\.0 wrote it/);
});

test("a taken port is named, with who holds it", async () => {
  const server = net.createServer().listen(lab.clientPort, "127.0.0.1");
  try {
    const ended = await lab.run("start");
    expectRefusal(ended, 3, new RegExp(`port ${lab.clientPort} .*taken by process ${process.pid}`));
  } finally {
    server.close();
  }
});

test("etcd programs of the wrong version are named, with what is needed", async () => {
  const older = path.dirname((await ensureEtcd("3.5")).etcd);
  const ended = await lab.run("start", "-c", `etcdPrograms=${older}`);
  expectRefusal(ended, 3, /3\.5\.\d+.*3\.6|3\.6.*3\.5\.\d+/s);
});

test.skipIf(process.getuid?.() !== 0)(
  "no permission to read the backup (needs root, to become somebody else)",
  async () => {
    const file = files.write("secret.db", good);
    fs.chmodSync(file, 0o000);
    fs.chmodSync(path.dirname(file), 0o755);
    const home = files.path("nobody");
    fs.mkdirSync(home);
    fs.chownSync(home, 65534, 65534);
    const ended = await beginCommand(
      ["start", file, "-c", `labDirectory=${home}/lab`, "-c", `clientPort=${lab.clientPort}`],
      65534,
    ).ended;
    expectRefusal(ended, 2, /permission|may not read/i, `${home}/lab`);
  },
);

test.skipIf(process.getuid?.() !== 0)(
  "a full disk: said with numbers, and there is nothing half restored (needs root, to mount a small disk)",
  async () => {
    fs.mkdirSync(lab.directory, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m,mode=0700", "tmpfs", lab.directory]);
    try {
      const ended = await lab.run("start");
      expect(ended.stderr).toMatch(/not enough space .*\d+ MiB needed, \d+ MiB free/);
      expect(ended.code, ended.stderr).toBe(3);
      expect(fs.existsSync(path.join(lab.directory, "etcd", "data"))).toBe(false);
      const stopped = await lab.run("stop");
      expect(stopped.code, stopped.stderr).toBe(0);
    } finally {
      execFileSync("umount", ["--lazy", lab.directory]);
    }
  },
);

test.skipIf(process.getuid?.() !== 0)(
  "a disk that is full to the last byte: stop frees it, and leaves no lock (needs root, to mount a small disk)",
  async () => {
    const disk = path.dirname(lab.directory);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=400m,mode=0700", "tmpfs", disk]);
    try {
      const started = await lab.run("start");
      expect(started.code, started.stderr).toBe(0);
      expect(() => {
        fs.writeFileSync(path.join(disk, "filler"), Buffer.alloc(400 * 2 ** 20));
      }).toThrow("ENOSPC");

      const again = await lab.run("start", "-c", "verification=quick");
      expect(again.stderr).toMatch(/no space is left on the device/);
      expect(again.stderr).not.toMatch(/^\s+at /m);
      expect(again.code, again.stderr).toBe(3);
      expect(fs.readdirSync(path.join(lab.directory, "stack")).sort()).toEqual([
        ...["local.key", "local.passphrase", "local.state.json", "room"],
      ]);

      const stopped = await lab.run("stop");
      expect(stopped.code, stopped.stderr).toBe(0);
      expect(fs.readdirSync(disk)).toEqual(["filler"]);
    } finally {
      execFileSync("umount", ["--lazy", disk]);
    }
  },
  timeLimit(360_000), // three commands
);
