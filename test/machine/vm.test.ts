/** Network and EtcdVm for real, each kind of installation: cloud-init, systemd and sshd of a machine on this computer. */
import { execFile as execFileCallback } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import { TYPES, type CloudOptions } from "../support/providers/openstack-machine";
import { releaseMirror, type ReleaseMirror } from "./release-mirror";
import { openVmStack, type VmStack } from "./vm-stack";

const execFile = promisify(execFileCallback);
const PROGRAM = path.join(__dirname, "programs", "vm");
/** All that a cloud holds for one VM. */
const ALL = [
  TYPES.keyPair,
  TYPES.server,
  TYPES.association,
  TYPES.floatingIp,
  TYPES.network,
  TYPES.port,
  TYPES.router,
  TYPES.routerInterface,
  TYPES.securityGroup,
  ...Array<string>(3).fill(TYPES.rule), // SSH, and both ways out
  TYPES.subnet,
].sort();

let mirror: ReleaseMirror;
beforeAll(async () => {
  mirror = await releaseMirror("3.6");
});
afterAll(() => {
  mirror.remove();
});

function vmStack(options: Omit<CloudOptions, "root"> = {}): VmStack {
  return openVmStack(PROGRAM, { root: inject("machineRoot"), ...options });
}

describe("a machine in a cloud, through its life", () => {
  let stack: VmStack;
  let server: string;
  const settings = (more: Readonly<Record<string, string>> = {}) => ({
    sshDirectory: stack.path("ssh"),
    ...more,
  });
  beforeAll(() => {
    stack = vmStack();
  });
  afterAll(async () => {
    await stack.dispose();
  });

  it("is previewed without anything being made", async () => {
    expect(await stack.engine(settings()).preview()).toMatchObject({ ok: true, failures: [] });
    expect(stack.cloud.contents()).toEqual([]);
  });

  it("is ready for a restore when `up` ends: etcd's user, folders and unit are there, and etcd does not run", async () => {
    expect(await stack.engine(settings()).up()).toMatchObject({ ok: true, failures: [] });
    expect(stack.cloud.contents()).toEqual(ALL);
    server = stack.cloud.only(TYPES.server).id;
    expect(await stack.outputs()).toMatchObject({ said: "from here: ", instanceId: server });
    const machine = stack.cloud.machine();
    expect(await machine.run("stat", "-c", "%U %a", "/var/lib/etcd")).toBe("etcd 700\n");
    expect(await machine.run("systemctl", "is-enabled", "etcd.service")).toBe("enabled\n");
    expect(await machine.run("sh", "-c", "systemctl is-active etcd.service; true")).toBe(
      "inactive\n",
    );
    expect(await machine.run("sh", "-c", "cloud-init schema --system 2>&1")).toMatch(/^Valid/m);
  });

  it("lets in whoever uses the command line that it gives, and nobody by a password", async () => {
    const { sshCommand } = await stack.outputs();
    const batch = `${String(sshCommand)} -o BatchMode=yes`;
    const { stdout } = await execFile("sh", ["-c", `${batch} 'id -un; sudo id -un'`]);
    expect(stdout).toBe("restore\nroot\n");
    await expect(
      execFile("sh", ["-c", `${batch} -o PubkeyAuthentication=no true`]),
    ).rejects.toThrow(/Permission denied \(publickey\)/);
  });

  it("gets a file whole, again only when its content is another, on the same machine", async () => {
    const file = stack.path("file");
    for (const content of [Buffer.alloc(3_000_000, "etcd"), Buffer.from("less")]) {
      fs.writeFileSync(file, content);
      expect(await stack.engine(settings({ file })).up()).toMatchObject({ ok: true, failures: [] });
      const copied = await stack.cloud
        .machine()
        .run("sha256sum", "/var/lib/etcd-restore/uploads/file");
      expect(copied).toContain(createHash("sha256").update(content).digest("hex"));
    }
    const again = await stack.engine(settings({ file })).up();
    expect(Object.keys(again.changes)).toEqual(["same"]);
    expect(stack.cloud.only(TYPES.server).id).toBe(server);
  });

  it("fails with the reason when the machine has no room for a file, and goes on when it has", async () => {
    const machine = stack.cloud.machine();
    const uploads = "/var/lib/etcd-restore/uploads";
    await machine.run(
      "mount",
      "-t",
      "tmpfs",
      "-o",
      "size=1m,uid=restore,mode=0700",
      "tmpfs",
      uploads,
    );
    const file = stack.path("large");
    fs.writeFileSync(file, Buffer.alloc(4_000_000));

    const full = await stack.engine(settings({ file })).up();

    expect(full.ok).toBe(false);
    expect(full.failures[0]?.message).toMatch(
      /^cannot copy to 198\.51\.100\.\d+:\/var\/lib\/etcd-restore\/uploads\/file: /,
    );
    await machine.run("umount", uploads);
    expect(await stack.engine(settings({ file })).up()).toMatchObject({ ok: true });
  });

  it("leaves nothing in the cloud, nor on this computer, after `destroy`", async () => {
    expect(await stack.engine(settings()).destroy()).toMatchObject({ ok: true, failures: [] });
    expect(stack.cloud.contents()).toEqual([]);
    expect(fs.existsSync(stack.path("ssh", "ssh-key"))).toBe(false);
  });
});

describe("a machine that installs etcd", () => {
  it("from a release has its programs, once their sha256 is what was pinned", async () => {
    const stack = vmStack({ mirror: mirror.serve });
    onTestFinished(() => stack.dispose());
    const settings = {
      sshDirectory: stack.path("ssh"),
      install: "release",
      url: `${stack.cloud.mirror}${mirror.path}`,
    };

    const { sha256 } = mirror;
    expect(await stack.engine({ ...settings, sha256 }).up()).toMatchObject({ failures: [] });

    const machine = stack.cloud.machine();
    expect(await machine.run("/usr/local/bin/etcd", "--version")).toContain(
      `etcd Version: ${mirror.version}`,
    );
    expect(await machine.run("/usr/local/bin/etcdutl", "version")).toContain(mirror.version);
    expect(await stack.engine(settings).destroy()).toMatchObject({ ok: true });
    expect(stack.cloud.contents()).toEqual([]);
  });
});
