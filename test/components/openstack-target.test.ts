/**
 * The whole program on the OpenStack target, under mocks: every resource, in which order, and which of it is secret.
 * Not proved here: that OpenStack, SSH and the scripts do what these inputs say (test/acceptance/machine).
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Backup } from "../../components/backup";
import { SnapshotRestore } from "../../components/restore/snapshot-restore";
import {
  isSecret,
  mockEngine,
  secretValue,
  valueOf,
  type MockEngineOptions,
} from "../support/mock-engine";

const ROOT = path.join(__dirname, "..", "..");
const SNAPSHOT = path.join(ROOT, "test", "fixtures", "kubernetes-1.35-main.db");
const sha256 = (file: string) => createHash("sha256").update(fs.readFileSync(file)).digest("hex");
const BACKUP_SHA = sha256(SNAPSHOT);
const SCRIPT_SHA = sha256(path.join(ROOT, "machine", "restore", "restore.sh"));
const UPLOAD = `/var/lib/etcd-restore/uploads/${BACKUP_SHA}.db`;

const KEYS = {
  login: { privateKey: "LOGIN PRIVATE KEY", publicKey: "ssh-ed25519 AAAAlogin etcd-restore" },
  host: { privateKey: "HOST PRIVATE KEY", publicKey: "ssh-ed25519 AAAAhost etcd-restore" },
};
const PKI = {
  ...{ ca: "CA", server: "SERVER", serverKey: "SERVER PRIVATE KEY", peer: "PEER" },
  ...{ peerKey: "PEER PRIVATE KEY", client: "CLIENT", clientKey: "CLIENT PRIVATE KEY" },
};
const PRINTED: Readonly<Record<string, unknown>> = {
  "etcd-ssh-keys": KEYS,
  "pki-certificates": PKI,
  "etcd-ready": { provision: 2, install: 30 },
  "restore-copied": 1.5,
  "restore-snapshot": { restored: true, seconds: { check: 1, restore: 2, prove: 3, start: 4 } },
  "verification-proof": { verdict: "pass", restored: { keys: 337 } },
};
const printed = (_inputs: unknown, name: string) => ({
  stdout: JSON.stringify(PRINTED[name] ?? {}),
});
const outputs: NonNullable<MockEngineOptions["outputs"]> = {
  "command:local:Command": printed,
  "command:remote:Command": printed,
  "openstack:networking/port:Port": () => ({ allFixedIps: ["10.77.0.7"] }),
  "openstack:networking/floatingIp:FloatingIp": () => ({ address: "203.0.113.7" }),
};
const lookups: NonNullable<MockEngineOptions["lookups"]> = {
  "openstack:networking/getNetwork:getNetwork": ({ name }) => ({ id: "external-id", name }),
  "openstack:images/getImage:getImage": ({ name }) => ({ id: "image-id", name }),
  "openstack:compute/getFlavor:getFlavor": ({ name }) => ({ id: "2", name, ram: 2048, disk: 10 }),
};
const SETTINGS = {
  snapshot: SNAPSHOT,
  image: "debian-12",
  flavor: "m1.small",
  externalNetwork: "public",
  sshCidrs: '["203.0.113.0/24"]',
  clientCidrs: '["203.0.113.0/24"]',
};
/** As if it were read: where its size counts, no file of that size is needed. */
const BACKUP: Backup = {
  ...{ file: SNAPSHOT, plainFile: SNAPSHOT, sha256: BACKUP_SHA, bytes: 0, keys: 337 },
  ...{ revision: 482, compactRevision: 424, hashKv: 1992026518, etcdVersion: "3.6.0" },
  ...{ servedBy: "3.6", authentication: false },
};

let lab: string;
beforeEach(() => {
  lab = fs.mkdtempSync(path.join(os.tmpdir(), "openstack-target-"));
});
afterEach(() => {
  pulumi.runtime.setAllConfig({});
  fs.rmSync(lab, { recursive: true, force: true });
});

/** Runs the program; gives what it registered and its outputs. */
async function run(
  change: Readonly<Record<string, string>> = {},
  preview = false,
  given = mockEngine({ lookups, preview, outputs: preview ? {} : outputs }),
) {
  const engine = await given;
  const config = { ...SETTINGS, labDirectory: lab, ...change };
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(config).map(([key, v]) => [`etcd-restore:${key}`, v])),
  );
  vi.resetModules();
  const { default: program } = await vi.importActual<{ default: () => Promise<Outputs> }>(
    "../../index",
  );
  const made = await program();
  await engine.settled();
  return { engine, given: made };
}
type Outputs = Readonly<Record<string, pulumi.Output<unknown>>>;

const REMOTE = ["certificates", "space", "script", "backup", "copied", "snapshot"].map(
  (p) => `restore-${p}`,
);

describe("the program on OpenStack", () => {
  test("makes exactly these resources", async () => {
    const { engine } = await run();
    expect(engine.registered.map(({ name }) => name).sort()).toEqual(
      [
        ...["lab", "lab-network", "lab-subnet", "lab-router", "lab-router-interface"],
        ...["lab-security-group", "lab-ssh-203.0.113.0/24", "lab-client-203.0.113.0/24"],
        ...["lab-out-ipv4", "lab-out-ipv6"],
        ...["etcd", "etcd-ssh-keys", "etcd-port", "etcd-floating-ip"],
        ...["etcd-floating-ip-association", "etcd-key-pair", "etcd-server", "etcd-host-key"],
        ...["etcd-ready", "etcd-environment", "etcd-ssh-files"],
        ...["pki", "pki-certificates", "pki-client-files", "restore", ...REMOTE],
        ...["verification", "verification-proof"],
      ].sort(),
    );
  });

  test("does everything on the VM anew on another VM and for another backup", async () => {
    const { engine } = await run();
    for (const name of REMOTE) {
      const { inputs, options, typeChain } = engine.named(name);
      expect(inputs.triggers, name).toEqual(
        expect.arrayContaining(["etcd-server-id", BACKUP_SHA, SCRIPT_SHA]),
      );
      expect(options.replaceOnChanges, name).toEqual(["triggers[*]"]);
      expect(inputs, `${name}: it goes with the machine`).not.toHaveProperty("delete");
      expect(isSecret(inputs.connection), name).toBe(true);
      expect(typeChain, name).toMatch(/^etcd-restore:index:SnapshotRestore\$command:remote:/);
    }
  });

  test("copies only what fits, restores only what is copied, proves only what is restored", async () => {
    const { engine } = await run();
    const before = (name: string) => engine.named(name).options.dependencies;
    expect(before("pki-certificates")).toEqual(
      expect.arrayContaining(["etcd-floating-ip", "etcd-port"]),
    );
    for (const copy of ["restore-script", "restore-backup"]) {
      expect(before(copy)).toEqual(expect.arrayContaining(["restore-space", "etcd-ready"]));
    }
    expect(before("restore-copied")).toEqual(
      expect.arrayContaining(["restore-script", "restore-backup"]),
    );
    expect(before("restore-snapshot")).toEqual(
      expect.arrayContaining([...["restore-certificates", "restore-copied", "etcd-environment"]]),
    );
    expect(before("verification-proof")).toEqual(
      expect.arrayContaining(["restore-snapshot", "pki-client-files"]),
    );
  });

  test("gives the certificates to the VM by stdin, as a secret, without the client's key", async () => {
    const { engine } = await run();
    const { inputs, options } = engine.named("restore-certificates");
    expect(secretValue(inputs.stdin)).toBe(
      "file ca.crt\nCA\nfile server.crt\nSERVER\nfile server.key\nSERVER PRIVATE KEY\n" +
        "file peer.crt\nPEER\nfile peer.key\nPEER PRIVATE KEY\n",
    );
    expect(inputs.create).toBe("sudo /usr/local/sbin/etcd-restore-certificates");
    expect(inputs.logging).toBe("none");
    expect(options.additionalSecretOutputs).toEqual(expect.arrayContaining(["stdout", "stderr"]));
  });

  test("restores in a unit of its own, with a limit, and removes the upload once it serves", async () => {
    const { engine } = await run();
    const { inputs } = engine.named("restore-snapshot");
    const script = `/var/lib/etcd-restore/uploads/restore-${SCRIPT_SHA}.sh`;
    expect(inputs.create).toBe(
      "sudo systemd-run --quiet --pipe --wait --collect --property RuntimeMaxSec=903 " +
        `bash ${script} --snapshot ${UPLOAD} --sha256 ${BACKUP_SHA} --revision 482 --compact-revision 424 ` +
        "--hashkv 1992026518 --environment /etc/default/etcd --programs /usr/local/bin " +
        `--service /usr/local/sbin/etcd-service --owner etcd && rm -f -- ${UPLOAD}`,
    );
    expect(engine.named("restore-backup").inputs.remotePath).toBe(UPLOAD);
    expect(engine.named("restore-script").inputs.remotePath).toBe(script);
    expect(engine.named("restore-space").inputs.stdin).toContain("not enough space");
  });

  test.each([
    [2, 3972],
    [8, 13188],
  ])("gives a backup of %i GiB %i s, and asks for its room", async (gibibytes, seconds) => {
    const engine = await mockEngine({ outputs });
    const bytes = gibibytes * 2 ** 30;
    const connection = {
      ...{ host: "203.0.113.7", port: 22, user: "restore", privateKey: "LOGIN PRIVATE KEY" },
      ...{ hostKey: KEYS.host.publicKey, dialErrorLimit: 1, perDialTimeout: 1 },
    };
    const machine = {
      ...{ instanceId: "etcd-server-id", environmentFile: "/etc/default/etcd" },
      ...{ programs: "/usr/local/bin", service: "/usr/local/sbin/etcd-service" },
      ssh: { connection, certificates: PKI },
    };
    new SnapshotRestore("restore", { backup: { ...BACKUP, bytes }, machine });
    await engine.settled();
    expect(engine.named("restore-snapshot").inputs.create).toContain(` RuntimeMaxSec=${seconds} `);
    expect(engine.named("restore-space").inputs.create).toContain(` ${bytes} ${bytes} `);
  });

  test("has no secret in clear in any input", async () => {
    const { engine } = await run({ etcdUsername: "root", etcdPassword: "hunter2" });
    const clear = JSON.stringify(engine.registered, (_key, value: unknown) =>
      isSecret(value) ? "secret" : value,
    );
    expect(clear).not.toMatch(/PRIVATE KEY|hunter2/);
    expect(JSON.stringify(engine.registered)).toMatch(/SERVER PRIVATE KEY.*hunter2/);
  });

  test("lets the proof come through SSH, and the bastion, with keys that are in no command line", async () => {
    const bastion = {
      ...{ host: "192.0.2.1", user: "jump", privateKey: "BASTION PRIVATE KEY" },
      hostKey: "ssh-ed25519 AAAAbastion",
    };
    const { engine } = await run({ floatingIp: "false", bastion: JSON.stringify(bastion) });
    const { inputs } = engine.named("verification-proof");
    expect(inputs.create).toContain(" --access-stdin ");
    expect(inputs.create).not.toContain("PRIVATE KEY");
    expect(JSON.parse(String(secretValue(inputs.stdin)))).toMatchObject({
      ssh: {
        ...{ host: "10.77.0.7", port: 22, privateKey: "LOGIN PRIVATE KEY" },
        hostKey: "ssh-ed25519 AAAAhost",
        proxy: { ...bastion, port: 22 },
      },
    });
  });

  test("tells the report how long the phases on the VM took", async () => {
    const { engine } = await run();
    const { create } = engine.named("verification-proof").inputs;
    expect(create).toContain("--phase provision=2 --phase install=30 --phase copy=1.5");
    expect(create).toContain("--phase restore=6 --phase start=4");
  });

  test("says where the etcd is and how to come to it", async () => {
    const { given } = await run();
    const output = (name: string) => valueOf(given[name] ?? expect.fail(name));
    expect(Object.keys(given).sort()).toEqual([
      ...["caCertificate", "clientCertificate", "clientEndpoint", "clientKey", "etcdctl", "report"],
      ...["restored", "restoredAt", "snapshot", "sshCommand", "verdict"],
    ]);
    expect(await output("clientEndpoint")).toBe("https://203.0.113.7:2379");
    expect(await output("etcdctl")).toBe(
      `etcdctl --endpoints=https://203.0.113.7:2379 --cacert=${lab}/client/ca.crt ` +
        `--cert=${lab}/client/client.crt --key=${lab}/client/client.key`,
    );
    expect(await output("sshCommand")).toMatch(/^ssh -i .* restore@203\.0\.113\.7$/);
    expect(await output("verdict")).toBe("pass");
    expect(await pulumi.isSecret(given.clientKey ?? expect.fail("none"))).toBe(true);
  });

  test("brings the programs of this computer over where the VM shall not fetch them", async () => {
    const programs = path.join(lab, "programs");
    fs.mkdirSync(programs);
    for (const program of ["etcd", "etcdctl", "etcdutl"]) {
      const said = program === "etcd" ? "etcd Version: 3.6.14" : `${program} version: 3.6.14`;
      const text = `#!/bin/sh\necho '${said}'\n`;
      fs.writeFileSync(path.join(programs, program), text, { mode: 0o755 });
    }
    const { engine } = await run({ etcdInstall: "upload", etcdPrograms: programs });
    const { inputs, options } = engine.named("restore-programs");
    expect(inputs.create).toMatch(
      /^sudo install -m 0755 -- \/var\/lib\/etcd-restore\/uploads\/etcd-3\.6\.14 \/usr\/local\/bin\/etcd && /,
    );
    expect(inputs.triggers).toContain("etcd-server-id");
    expect(options.dependencies).toEqual(
      expect.arrayContaining(["restore-etcd", "restore-etcdctl", "restore-etcdutl"]),
    );
    expect(engine.named("restore-copied").options.dependencies).toContain("restore-programs");
  });

  test("without a floating IP is reached by its own address", async () => {
    const { engine } = await run({ floatingIp: "false" });
    expect(engine.registered.map(({ name }) => name)).not.toContain("etcd-floating-ip");
    expect(String(engine.named("verification-proof").inputs.create)).toContain(
      "https://10.77.0.7:2379",
    );
  });

  test("previews the same resources where nothing is known yet", async () => {
    const real = await run();
    const preview = await run({}, true);
    expect(preview.engine.registered.map(({ name }) => name).sort()).toEqual(
      real.engine.registered.map(({ name }) => name).sort(),
    );
  });

  test.each([
    [{ etcdVersion: "3.9" }, /no official release of it is pinned here.*etcdInstall to upload/],
    [{ snapshot: "/nowhere.db" }, /cannot restore/],
    [{ clientCidrs: "[]" }, /clientCidrs is not set/],
  ])("refuses %j before anything is registered", async (change, message) => {
    const engine = await mockEngine({ lookups });
    await expect(run(change, false, Promise.resolve(engine))).rejects.toThrow(message);
    await engine.settled();
    expect(engine.registered).toEqual([]);
  });

  test("says what to do where the cloud does not answer, before anything is registered", async () => {
    const noCredentials = (): never => {
      throw new Error("One of 'auth_url' or 'cloud' must be specified");
    };
    const answers = Object.keys(lookups).map((token) => [token, noCredentials] as const);
    const engine = await mockEngine({ lookups: Object.fromEntries(answers) });
    await expect(run({}, false, Promise.resolve(engine))).rejects.toThrow(
      /OpenStack does not let us ask for .*set OS_CLOUD to a cloud of your clouds\.yaml/,
    );
    await engine.settled();
    expect(engine.registered).toEqual([]);
  });
});
