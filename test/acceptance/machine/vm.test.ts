/** Network and EtcdVm for real, each kind of installation: cloud-init, systemd and sshd of a machine on this computer. */
import { execFile as execFileCallback } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import { TYPES, type CloudOptions } from "../../support/providers/openstack-machine";
import { causeOf } from "../../../scripts/run-end";
import { releaseMirror, type ReleaseMirror } from "./release-mirror";
import {
  expectNoComplaintOf,
  expectNothingLeft,
  failureOf,
  later,
  openVmStack,
  type VmStack,
} from "./vm-stack";

const execFile = promisify(execFileCallback);
const UPLOADS = "/var/lib/etcd-restore/uploads";
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
  return openVmStack(PROGRAM, { root: inject("guests")[0].root, ...options });
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
    await expectNoComplaintOf(machine);
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

  it("fails with the reason when the machine has no room for a file, or the copy is cut; goes on when that is mended", async () => {
    const machine = stack.cloud.machine();
    const file = stack.path("large");
    fs.writeFileSync(file, Buffer.alloc(40_000_000));
    const engine = stack.engine(settings({ file }));
    const refused = /^cannot copy to 198\.51\.100\.\d+:\/var\/lib\/etcd-restore\/uploads\/file: \S/;

    await machine.run(
      "mount",
      ..."-t tmpfs -o size=1m,uid=restore,mode=0700 tmpfs".split(" "),
      UPLOADS,
    );
    const full = await failureOf(engine);
    expect(full.message).toMatch(refused);
    expect(full.code).toBe(3);
    await machine.run("umount", UPLOADS);

    await machine.run("rm", "-f", `${UPLOADS}/file`);
    await later(
      stack,
      `until [ -s ${UPLOADS}/file ]; do sleep 0.01; done; pkill -KILL -x sftp-server`,
    );
    const cut = await failureOf(engine);
    expect(cut.message).toMatch(refused);
    expect(cut.code).toBe(3);

    expect(await engine.up()).toMatchObject({ ok: true });
  });

  it("leaves nothing in the cloud, nor on this computer, after `destroy`", async () => {
    expect(await stack.engine(settings()).destroy()).toMatchObject({ ok: true, failures: [] });
    expect(stack.cloud.contents()).toEqual([]);
    expect(fs.existsSync(stack.path("ssh", "ssh-key"))).toBe(false);
  });
});

describe("a machine that does not get ready", () => {
  it("says why, each time; gets ready once everything is mended, without being made anew", async () => {
    let serve: ReleaseMirror["serve"] = ({ socket }) => socket.destroy();
    const stack = vmStack({
      mirror: (request, response) => {
        serve(request, response);
      },
      // No user etcd, and an sshd that does not come up.
      tamper(userData) {
        const [header = "", json = ""] = userData.split(/(?<=^#cloud-config\n)/);
        const config = JSON.parse(json) as { users: readonly { name: string }[] };
        const users = config.users.filter(({ name }) => name !== "etcd");
        const bootcmd = ["systemctl mask --now --runtime ssh.service"];
        return header + JSON.stringify({ ...config, users, bootcmd });
      },
    });
    onTestFinished(() => stack.dispose());
    const { sha256 } = mirror;
    const engine = stack.engine({
      sshDirectory: stack.path("ssh"),
      install: "release",
      url: `${stack.cloud.mirror}${mirror.path}`,
      sha256,
      sshWithinSeconds: "12",
    });
    const fails = async (message: RegExp | string) => {
      const failed = await failureOf(engine);
      expect(causeOf(failed.message)).toMatch(message);
      expect(failed.code).toBe(3);
    };

    await fails(/no SSH at 198\.51\.100\.\d+:22 in 12 s; the last attempt: ECONNREFUSED/);
    const { id } = stack.cloud.only(TYPES.server);
    const machine = stack.cloud.machine();
    await machine.run(
      "sh",
      "-ec",
      "cloud-init status --wait >/dev/null || true; systemctl unmask --runtime ssh; systemctl start ssh",
    );

    await fails(
      /^cloud-init ended with code \d and did not make this machine ready: there is no user etcd; cloud-init should/,
    );
    await machine.run(
      "useradd",
      "--system",
      "--gid",
      "etcd",
      "--shell",
      "/usr/sbin/nologin",
      "etcd",
    );

    await fails(
      /ready: cannot fetch http:\/\/198\.51\.100\.\d+:8000\/.*does the machine reach it\?/,
    );
    serve = (_request, response) => response.end("something else");

    const found = createHash("sha256").update("something else").digest("hex");
    await fails(`.tar.gz is not the pinned release: its sha256 is ${found}, expected ${sha256}`);
    serve = mirror.serve;

    expect(await engine.up()).toMatchObject({ ok: true, failures: [] });
    expect(stack.cloud.only(TYPES.server).id).toBe(id);
    expect(await machine.run("/usr/local/bin/etcd", "--version")).toContain(
      `etcd Version: ${mirror.version}`,
    );
    expect(await machine.run("/usr/local/bin/etcdutl", "version")).toContain(mirror.version);
    await expectNothingLeft(stack, engine);
  });
});
