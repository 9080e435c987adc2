/** A packed backup in the program: unpacked once, owned by the stack, gone when it is refused or the stack goes. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { BackupError, readBackup, type Backup } from "../../components/backup";
import { SnapshotRestore } from "../../components/restore/snapshot-restore";
import { Verification } from "../../components/verification";
import { fnv1a64 } from "../../etcd/snapshot/meta-page";
import { snapshotBytes } from "../support/kubernetes-fixtures";
import { mockEngine, type MockEngine } from "../support/mock-engine";
import { temporaryDirectory } from "../support/temporary";

const COMMAND = "command:local:Command";
const good = snapshotBytes("kubernetes-1.35-events.db");
const MACHINE = {
  name: "etcd",
  instanceId: "1",
  settings: "1",
  site: {
    ...{ environmentFile: "/e", programs: "/p", service: "s" },
    ...{ nextEnvironmentFile: "/n", certificateDirectory: "/t" },
  },
};
const RESTORED = { restored: true, seconds: { check: 0, restore: 0, prove: 0, start: 0 } };
const REPORT = {
  verdict: "pass",
  restored: {
    ...{ endpoint: "e", revision: 1, compactRevision: 0, keys: 1, hashKv: 1 },
    ...{ etcdVersion: "3.6.16", clusterId: "c" },
  },
};

async function packed(bytes: Buffer) {
  const lab = await temporaryDirectory();
  const file = join(lab, "backup.gz");
  fs.writeFileSync(file, gzipSync(bytes));
  return { file, lab, unpackedIn: join(lab, "unpacked") };
}

/** What the program registers for a backup, its scripts having printed something. */
async function plan(backup: Backup): Promise<MockEngine> {
  const engine = await mockEngine({
    outputs: {
      [COMMAND]: (_inputs, name) => ({
        stdout: JSON.stringify(name === "restore-snapshot" ? RESTORED : REPORT),
      }),
    },
  });
  new SnapshotRestore("restore", { backup, machines: [MACHINE] });
  new Verification("verification", {
    ...{ backup, endpoints: ["https://127.0.0.1:4001"], clientDirectory: "/c", level: "full" },
    ...{ restored: "once", reportDirectory: "/r" },
  });
  await engine.settled();
  return engine;
}

test("is unpacked once; the same backup again touches nothing", async () => {
  const { file, lab, unpackedIn } = await packed(good);
  const backup = await readBackup(file, "auto", lab);
  expect(backup).toMatchObject({ file, unpackedIn, keys: 296, revision: 320 });
  expect(dirname(dirname(backup.plainFile))).toBe(unpackedIn);
  expect(fs.readFileSync(backup.plainFile).equals(good)).toBe(true);
  const { mtimeMs } = fs.statSync(backup.plainFile);
  expect(await readBackup(file, "auto", lab)).toEqual(backup);
  expect(fs.statSync(backup.plainFile).mtimeMs).toBe(mtimeMs);
});

test("is restored from what was unpacked, proved by its own name, and removed with the stack", async () => {
  const { file, lab, unpackedIn } = await packed(good);
  const backup = await readBackup(file, "auto", lab);
  const engine = await plan(backup);
  expect(engine.named("restore-snapshot").inputs.create).toContain(backup.plainFile);
  expect(engine.named("verification-proof").inputs.create).toContain(
    `--file ${file} --level full --unpacked ${unpackedIn} `,
  );
  const { inputs, options } = engine.named("restore-unpacked");
  expect(inputs.triggers).toEqual([backup.plainFile]);
  expect(options.deleteBeforeReplace).toBe(false);
  const run = (script: unknown) => execFileSync("sh", ["-c", String(script)]);
  run(inputs.create);
  run(inputs.delete);
  expect(fs.existsSync(unpackedIn)).toBe(false);
  run(inputs.delete); // also when it is gone already
});

test("a plain backup is restored from where it lies, and nothing of it is the stack's", async () => {
  const lab = await temporaryDirectory();
  const file = join(lab, "backup.db");
  fs.writeFileSync(file, good);
  const backup = await readBackup(file, "auto", lab);
  expect(backup).toMatchObject({ file, plainFile: file });
  expect(backup).not.toHaveProperty("unpackedIn");
  const engine = await plan(backup);
  expect(engine.registered.map(({ name }) => name)).not.toContain("restore-unpacked");
});

test("what is refused leaves nothing behind, nor does what does not fit", async () => {
  const flipped = Buffer.from(good);
  flipped.writeUInt8((flipped[200_000] ?? 0) ^ 1, 200_000);
  const damaged = await packed(flipped);
  await expect(readBackup(damaged.file, "auto", damaged.lab)).rejects.toThrow(BackupError);
  expect(fs.existsSync(damaged.unpackedIn)).toBe(false);

  const huge = Buffer.from(good);
  huge.writeBigUInt64LE(2n ** 40n, 16 + 40);
  huge.writeBigUInt64LE(fnv1a64(huge.subarray(16, 16 + 56)), 16 + 56);
  const large = await packed(huge);
  const refusal = await readBackup(large.file, "auto", large.lab).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(BackupError);
  expect((refusal as Error).message).toMatch(
    /^cannot restore .*by its meta pages it takes 4096 TiB unpacked, .* the limit is 1\.0 GiB/,
  );
  expect(fs.existsSync(large.unpackedIn)).toBe(false);
});
