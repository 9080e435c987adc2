/** A backup of etcd's old v2 store in the program: what is restored of it, and what is refused before anything is made. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { BackupError, readBackup, type Demands } from "../../components/backup";
import { restoreFlags } from "../../components/restore/restore-flags";
import { vmPreflight, type VmPreflightArgs } from "../../components/vm/vm-preflight";
import { temporaryDirectory } from "../support/temporary";

const FIXTURE = join(__dirname, "../fixtures/v2-backup");
const SITE = {
  ...{ environmentFile: "/e", programs: "/p", service: "s" },
  ...{ nextEnvironmentFile: "/n", certificateDirectory: "/t" },
};

test("is laid out as one archive for restore.sh, the same one each time", async () => {
  const lab = await temporaryDirectory();
  const backup = await readBackup(FIXTURE, "auto", lab);
  expect(backup).toMatchObject({
    ...{ file: FIXTURE, servedBy: "3.5", revision: 0, hashKv: 0, keys: 0 },
    v2: { keys: 35, folders: 10, index: 54 },
  });
  expect(dirname(dirname(backup.plainFile))).toBe(join(lab, "unpacked"));
  expect(fs.statSync(backup.plainFile)).toMatchObject({ size: backup.bytes });
  expect(fs.statSync(backup.plainFile).mode & 0o777).toBe(0o600);
  const listed = execFileSync("tar", ["-tf", backup.plainFile], { encoding: "utf8" });
  expect(listed.trim().split("\n")).toEqual([
    "member/snap/db",
    "member/snap/0000000000000002-000000000000003f.snap",
    "member/wal/0000000000000000-0000000000000000.wal",
    "ask",
    "expected",
  ]);
  const { mtimeMs } = fs.statSync(backup.plainFile);
  expect(await readBackup(FIXTURE, "auto", lab)).toEqual(backup);
  expect(fs.statSync(backup.plainFile).mtimeMs).toBe(mtimeMs);
  expect(restoreFlags(backup, backup.plainFile, SITE).slice(-2)).toEqual(["--v2", "yes"]);
});

test("is the same out of an archive", async () => {
  const lab = await temporaryDirectory();
  const { sha256 } = await readBackup(FIXTURE, "auto", lab);
  const archive = join(lab, "backup.tar.gz");
  execFileSync("tar", ["-czf", archive, "-C", FIXTURE, "member"]);
  expect(await readBackup(archive, "auto", lab)).toMatchObject({ sha256, v2: { keys: 35 } });
});

test("is the same out of a folder with nothing but such an archive", async () => {
  const lab = await temporaryDirectory();
  const { sha256 } = await readBackup(FIXTURE, "auto", lab);
  const folder = join(lab, "backups");
  fs.mkdirSync(folder);
  execFileSync("tar", ["-czf", join(folder, "backup.tar.gz"), "-C", FIXTURE, "member"]);
  expect(await readBackup(folder, "auto", lab)).toMatchObject({ sha256, file: folder });
});

const REFUSED: readonly [string, string, Demands & { readonly bump?: number }, RegExp][] = [
  [
    "an etcd that has no v2 store",
    "3.6",
    {},
    /etcd 3\.6 has none: 3\.5 is the newest .* set etcdVersion to auto, 3\.5 or 3\.4/,
  ],
  ["a raised revision", "auto", { bump: 1000 }, /leave out the setting bumpRevision/],
  ["the UID of a cluster", "auto", { expectedCluster: "x" }, /the setting expectedCluster/],
  ["a kube-apiserver", "auto", { kubernetes: "auto" }, /leave out the setting kubernetes/],
  ["a reboot", "auto", { reboot: true }, /not compared after a reboot/],
  ["more than one member", "auto", { members: 3 }, /into a cluster of one member/],
  ["expected keys", "3.5", { expectedKeys: ["/a"] }, /leave out the setting expectedKeys/],
];
test.each(REFUSED)("is refused with %s", async (_, version, { bump, ...demands }, words) => {
  const lab = await temporaryDirectory();
  const refused = readBackup(FIXTURE, version, lab, bump, demands);
  await expect(refused).rejects.toThrow(BackupError);
  await expect(refused).rejects.toThrow(words);
  expect(fs.existsSync(join(lab, "unpacked"))).toBe(false);
});

describe("on a machine in a cloud", () => {
  const plan = async (more: Pick<VmPreflightArgs, "etcdVersion" | "etcdInstall">) =>
    vmPreflight({ snapshot: FIXTURE, labDirectory: await temporaryDirectory(), ...more });

  test("is served by the newest etcd that has a v2 store, which is fetched there", async () => {
    const { backup, install } = await plan({ etcdVersion: "auto", etcdInstall: "release" });
    expect(backup).toMatchObject({ servedBy: "3.5", v2: { keys: 35 } });
    expect(install).toMatchObject({
      kind: "release",
      tarballs: { amd64: { url: expect.stringMatching(/etcd-v3\.5\.\d+-linux-amd64/) as string } },
    });
  });

  test("may be served by the distribution's etcd, of whatever version that is", async () => {
    const { backup, install } = await plan({ etcdVersion: "auto", etcdInstall: "apt" });
    expect([install, backup.wishedVersion]).toEqual([{ kind: "apt" }, undefined]);
  });

  test("is not served by an etcd that is older than the one that wrote it", async () => {
    const old = plan({ etcdVersion: "3.4", etcdInstall: "upload" });
    await expect(old).rejects.toThrow(/etcd 3\.5\.0 wrote it and the setting etcdVersion is 3\.4/);
  });
});
