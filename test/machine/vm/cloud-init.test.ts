import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { cloudInit, programsDirectory, VM, type EtcdInstall } from "../../../machine/vm/cloud-init";
import { etcdUnit } from "../../../machine/vm/etcd-unit";

const release: EtcdInstall = {
  kind: "release",
  tarballs: {
    amd64: {
      url: "https://mirror.example/etcd-v3.6.14-linux-amd64.tar.gz",
      sha256: "a".repeat(64),
    },
    arm64: {
      url: "https://mirror.example/etcd-v3.6.14-linux-arm64.tar.gz",
      sha256: "b".repeat(64),
    },
  },
};
const kinds = { release, apt: { kind: "apt" }, upload: { kind: "upload" } } as const;

const hostKey = {
  privateKey: "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
  publicKey: "ssh-ed25519 AAAAhost etcd-restore",
};

function settings(install: EtcdInstall) {
  const environment = 'ETCD_NAME="etcd"\n';
  return { hostname: "etcd", loginKey: "ssh-ed25519 AAAAlogin x", hostKey, install, environment };
}

const UserData = z.object({
  ssh_pwauth: z.boolean(),
  disable_root: z.boolean(),
  ssh_deletekeys: z.boolean(),
  ssh_keys: z.record(z.string(), z.string()),
  users: z.array(z.looseObject({ name: z.string(), lock_passwd: z.boolean() })),
  write_files: z.array(
    z.object({ path: z.string(), permissions: z.string(), content: z.string() }),
  ),
  packages: z.array(z.string()).optional(),
  runcmd: z.array(z.array(z.string())),
});

/** JSON behind the first line is what makes it YAML that nobody can misread. */
function parsed(text: string): z.infer<typeof UserData> {
  const [first, ...rest] = text.split("\n");
  expect(first).toBe("#cloud-config");
  return UserData.parse(JSON.parse(rest.join("\n")));
}

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "cloud-init-"));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

const has = (program: string) => spawnSync(program, ["--version"]).error === undefined;
const cloudInitProgram = has("cloud-init");
const systemdAnalyze = has("systemd-analyze");

describe.each(Object.entries(kinds))("user data that installs by %s", (kind, install) => {
  it("is this text, and the same each time", async () => {
    const text = cloudInit(settings(install));
    expect(cloudInit(settings(install))).toBe(text);
    // Without the scripts, which are files of their own.
    const short = text.replaceAll(/"(#!\/usr\/bin\/env bash(?:[^"\\]|\\.)*)"/g, '"(a script)"');
    await expect(short).toMatchFileSnapshot(`snapshots/user-data-${kind}.txt`);
  });

  it("holds no private key but the SSH host key", () => {
    const text = cloudInit(settings(install));
    expect(text.match(/PRIVATE KEY-----/g)).toHaveLength(2); // its begin and its end
    expect(parsed(text).ssh_keys.ed25519_private).toBe(hostKey.privateKey);
  });

  it("lets nobody in by password, and root not at all", () => {
    const data = parsed(cloudInit(settings(install)));
    expect(data).toMatchObject({ ssh_pwauth: false, disable_root: true, ssh_deletekeys: true });
    expect(data.users.map(({ name, lock_passwd }) => [name, lock_passwd])).toEqual([
      ["restore", true],
      ["etcd", true],
    ]);
  });

  it("starts no etcd: no command does, and the unit waits for data and certificates", () => {
    const data = parsed(cloudInit(settings(install)));
    expect(data.runcmd).toHaveLength(1);
    for (const { path: name, content } of data.write_files) {
      if (name !== VM.service)
        expect(content, name).not.toMatch(/systemctl (re)?start|enable --now etcd\.service/);
    }
    const unit = data.write_files.find(
      ({ path: name }) => name === "/etc/systemd/system/etcd.service",
    );
    expect(unit?.content).toContain(`ConditionPathIsDirectory=${VM.dataDirectory}/member\n`);
    expect(unit?.content).toContain(`ConditionDirectoryNotEmpty=${VM.certificateDirectory}\n`);
  });

  it("is small enough for OpenStack, which counts in base64", () => {
    const text = cloudInit({ ...settings(install), dataVolumeId: "0".repeat(36) });
    expect(Buffer.from(text).toString("base64").length).toBeLessThan(65_536 / 2);
  });

  it.runIf(cloudInitProgram)(
    "is valid to cloud-init's own schema (left out where cloud-init is not installed)",
    () => {
      const file = path.join(directory, "user-data");
      fs.writeFileSync(file, cloudInit(settings(install)));
      const checked = spawnSync("cloud-init", ["schema", "--config-file", file], {
        encoding: "utf8",
      });
      expect(checked.stdout + checked.stderr).toContain("Valid");
      expect(checked.stdout + checked.stderr).not.toMatch(/deprecat|warn/i);
      expect(checked.status).toBe(0);
    },
  );
});

describe("what the kinds do", () => {
  const command = (install: EtcdInstall, dataVolumeId?: string) =>
    parsed(
      cloudInit({ ...settings(install), ...(dataVolumeId === undefined ? {} : { dataVolumeId }) }),
    ).runcmd[0]?.join(" ");

  it("release: names a tarball and its sha256 for each architecture", () => {
    expect(command(release)).toContain(
      `--release amd64 https://mirror.example/etcd-v3.6.14-linux-amd64.tar.gz ${"a".repeat(64)}`,
    );
    expect(command(release)).toContain("--release arm64");
  });

  it("apt: takes the packages itself, for cloud-init would not wait for their lock", () => {
    expect(parsed(cloudInit(settings(kinds.apt))).packages).toBeUndefined();
    expect(command(kinds.apt)).toContain("--programs /usr/bin");
    expect(command(kinds.apt)).toContain("--packages etcd-server etcd-client");
  });

  it("upload: fetches nothing", () => {
    expect(parsed(cloudInit(settings(kinds.upload))).packages).toBeUndefined();
    expect(command(kinds.upload)).not.toMatch(/https?:|--release|--packages/);
  });

  it("names the volume only where there is one", () => {
    expect(command(kinds.upload)).not.toContain("--volume");
    expect(command(kinds.upload, "5f1c")).toContain("--volume 5f1c");
  });

  it("programsDirectory says where the programs then are", () => {
    expect(
      ["release", "apt", "upload"].map((kind) => programsDirectory(kind as EtcdInstall["kind"])),
    ).toEqual(["/usr/local/bin", "/usr/bin", "/usr/local/bin"]);
  });
});

describe("cloudInit refuses", () => {
  it.each([
    ["a host name", { hostname: "etcd_1" }, /hostname is "etcd_1"/],
    [
      "a private key in the environment file",
      { environment: hostKey.privateKey },
      /holds a private key/,
    ],
    [
      "a release without a tarball",
      { install: { kind: "release", tarballs: {} } as const },
      /no release tarball/,
    ],
    [
      "a wrong sha256 and a wrong URL, both at once",
      {
        install: { kind: "release", tarballs: { amd64: { url: "ftp://x", sha256: "A" } } } as const,
      },
      /"ftp:\/\/x".*sha256 for amd64 is "A"/,
    ],
    [
      "more than OpenStack takes",
      { environment: "x".repeat(40_000) },
      /bytes in base64; OpenStack takes 65535/,
    ],
  ])("%s", (_what, change, message) => {
    expect(() => cloudInit({ ...settings(release), ...change })).toThrow(message);
  });

  it("without repeating the key that it found", () => {
    expect(() => cloudInit({ ...settings(release), environment: hostKey.privateKey })).not.toThrow(
      /AAAA/,
    );
  });
});

describe("etcd.service", () => {
  it.runIf(systemdAnalyze)(
    "is good to systemd (left out where systemd-analyze is not installed)",
    () => {
      const programs = path.join(directory, "bin");
      fs.mkdirSync(programs);
      fs.writeFileSync(path.join(programs, "etcd"), "#!/bin/sh\n", { mode: 0o755 });
      const unit = path.join(directory, "etcd.service");
      fs.writeFileSync(unit, etcdUnit({ ...VM, programs }));
      const verify = () =>
        spawnSync("systemd-analyze", ["verify", "--man=no", unit], { encoding: "utf8" });
      const ours = (text: string) =>
        text.split("\n").filter((line) => line.includes("etcd.service"));
      expect(ours(verify().stderr)).toEqual([]);
      fs.writeFileSync(unit, etcdUnit({ ...VM, programs }).replace("Type=notify", "Type=hopeful"));
      expect(ours(verify().stderr)).not.toEqual([]);
    },
  );
});

// Does not prove: that cloud-init, systemd and sshd on a machine do what this text says, that a volume is mounted,
// that packages start nothing, that the metadata service is out of reach (the machine tests do).
