/**
 * The whole program on the OpenStack target, under mocks: every resource, in which order, and which of it is secret.
 * Not proved here: that OpenStack, SSH and the scripts do what these inputs say (test/acceptance/machine).
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import program from "../../index";
import { restoreScript } from "../../machine/restore/restore-script";
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
const SCRIPT_SHA = createHash("sha256").update(restoreScript()).digest("hex");
const UPLOAD = `/var/lib/etcd-restore/uploads/${BACKUP_SHA}.db`;

const KEYS = {
  login: { privateKey: "LOGIN PRIVATE KEY", publicKey: "ssh-ed25519 AAAAlogin etcd-restore" },
  host: { privateKey: "HOST PRIVATE KEY", publicKey: "ssh-ed25519 AAAAhost etcd-restore" },
};
const PKI = {
  ...{ ca: "CA", server: "SERVER", serverKey: "SERVER PRIVATE KEY", peer: "PEER" },
  ...{ peerKey: "PEER PRIVATE KEY", client: "CLIENT", clientKey: "CLIENT PRIVATE KEY" },
  ...{ root: "ROOT", rootKey: "ROOT PRIVATE KEY" },
};
const PRINTED: Readonly<Record<string, unknown>> = {
  "etcd-ssh-keys": KEYS,
  "etcd-2-ssh-keys": KEYS,
  "etcd-3-ssh-keys": KEYS,
  "pki-certificates": PKI,
  "etcd-ready": { provision: 2, install: 30 },
  "etcd-2-ready": { provision: 3, install: 20 },
  "etcd-3-ready": { install: 40 },
  "restore-programs": { seconds: 0.5 },
  "restore-snapshot": {
    restored: true,
    seconds: { copy: 1.5, check: 1, restore: 2, prove: 3, start: 4 },
  },
  "verification-proof": {
    verdict: "pass",
    restored: {
      ...{ endpoint: "e", revision: 482, compactRevision: 424, keys: 337, hashKv: 1992026518 },
      ...{ etcdVersion: "3.6.16", clusterId: "c1" },
    },
  },
};
const printed = (_inputs: unknown, name: string) => ({
  stdout: JSON.stringify(PRINTED[name] ?? {}),
});
/** Of the addresses of a VM: 7 of `etcd`, 2 of `etcd-2`. */
const last = (name: string): string => /^etcd-(\d)-/.exec(name)?.[1] ?? "7";
const outputs: NonNullable<MockEngineOptions["outputs"]> = {
  "command:local:Command": printed,
  "command:remote:Command": printed,
  "openstack:networking/port:Port": (_inputs, name) => ({ allFixedIps: [`10.77.0.${last(name)}`] }),
  "openstack:networking/floatingIp:FloatingIp": (_inputs, name) => ({
    address: `203.0.113.${last(name)}`,
  }),
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
  const made = (await program()) as Readonly<Record<string, unknown>> as Outputs;
  await engine.settled();
  return { engine, given: made };
}
type Outputs = Readonly<Record<string, pulumi.Output<unknown>>>;

const REMOTE = ["restore-certificates", "restore-snapshot"];

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

  test("restores anew on another VM, for another backup and with another script", async () => {
    const { engine } = await run();
    const { inputs, options, typeChain } = engine.named("restore-snapshot");
    expect(inputs.triggers).toEqual(
      expect.arrayContaining(["etcd-server-id", BACKUP_SHA, SCRIPT_SHA]),
    );
    expect(options.replaceOnChanges).toEqual(["triggers[*]"]);
    expect(inputs, "it goes with the machine").not.toHaveProperty("delete");
    expect(typeChain).toBe("etcd-restore:index:SnapshotRestore$command:local:Command");
  });

  test("sends nothing again to the same VM but what is another one", async () => {
    const { engine } = await run();
    const certificates = engine.named("restore-certificates");
    expect(certificates.inputs.triggers).toEqual([
      "etcd-server-id",
      createHash("sha256").update("CA").digest("hex"),
    ]);
    expect(isSecret(certificates.inputs.connection)).toBe(true);
  });

  test("restores only with what it needs, proves only what is restored", async () => {
    const { engine } = await run();
    const before = (name: string) => engine.named(name).options.dependencies;
    expect(before("pki-certificates")).toEqual(
      expect.arrayContaining(["etcd-floating-ip", "etcd-port"]),
    );
    expect(before("restore-snapshot")).toEqual(
      expect.arrayContaining(["restore-certificates", "etcd-environment", "etcd-ready"]),
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
        "file peer.crt\nPEER\nfile peer.key\nPEER PRIVATE KEY\n" +
        "file root.crt\nROOT\nfile root.key\nROOT PRIVATE KEY\n",
    );
    expect(inputs.create).toBe("sudo /usr/local/sbin/etcd-restore-certificates");
    expect(inputs.logging).toBe("none");
    expect(options.additionalSecretOutputs).toEqual(expect.arrayContaining(["stdout", "stderr"]));
  });

  test("tells the step by stdin, as a secret, where, what and how to restore", async () => {
    const { engine } = await run();
    const { inputs } = engine.named("restore-snapshot");
    expect(inputs.create).toBe(
      "node --require ./engine/typescript.cjs scripts/steps/restore-on-machine.ts",
    );
    expect(inputs.logging, "its stdout is the result").toBe("stderr");
    const request = JSON.parse(String(secretValue(inputs.stdin))) as Record<string, unknown>;
    expect(request).toMatchObject({
      route: { host: "203.0.113.7", user: "restore", hostKey: "ssh-ed25519 AAAAhost" },
      script: restoreScript(),
      backup: { file: SNAPSHOT, sha256: BACKUP_SHA },
      needs: { programs: "/usr/local/bin", version: "3.6.0" },
    });
    expect((request.flags as readonly string[]).join(" ")).toBe(
      `--snapshot ${UPLOAD} --sha256 ${BACKUP_SHA} --revision 482 --compact-revision 424 ` +
        "--hashkv 1992026518 --environment /etc/default/etcd --programs /usr/local/bin " +
        "--next-environment /var/lib/etcd-restore/next.env " +
        "--root-certificate /etc/etcd/certificates/root.crt --root-key /etc/etcd/certificates/root.key " +
        "--service /usr/local/sbin/etcd-service --owner etcd",
    );
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
      ...["caCertificate", "clientCertificate", "clientEndpoint", "clientKey"],
      ...["endpoints", "etcdctl", "report", "restored", "restoredAt", "snapshot"],
      ...["sshCommand", "sshCommands", "verdict"],
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
    const { inputs } = engine.named("restore-programs");
    const request = JSON.parse(String(secretValue(inputs.stdin))) as { files: unknown[] };
    expect(request).toMatchObject({ directory: "/usr/local/lib/etcd-restore/next" });
    expect(request.files).toEqual(
      ["etcd", "etcdctl", "etcdutl"].map((program) => {
        const file = path.join(programs, program);
        return { program, file, sha256: sha256(file) };
      }),
    );
    expect(inputs.triggers, "not the backup's").toEqual([
      "etcd-server-id",
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ]);
    const restore = engine.named("restore-snapshot");
    expect(restore.options.dependencies).toContain("restore-programs");
    expect(secretValue(restore.inputs.stdin)).toContain("/usr/local/lib/etcd-restore/next");
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

describe("a cluster of three on OpenStack", () => {
  const three = { members: "3" };

  test("has a VM for each member with all that the single one has, on different hosts", async () => {
    const one = await run();
    const { engine } = await run(three);
    const names = engine.registered.map(({ name }) => name);
    for (const { name } of one.engine.registered.filter(({ name: all }) =>
      all.startsWith("etcd"),
    )) {
      expect(names).toContain(name);
      expect(names).toContain(name.replace(/^etcd/, "etcd-2"));
      expect(names).toContain(name.replace(/^etcd/, "etcd-3"));
    }
    expect(engine.named("etcd-server-group").inputs).toMatchObject({
      policies: ["anti-affinity"],
      // By which `sweep --target openstack` finds it, for it takes no tags.
      name: expect.stringMatching(/^etcd-restore\..+\.server-group$/) as string,
    });
    for (const name of ["etcd-server", "etcd-2-server", "etcd-3-server"]) {
      expect(engine.named(name).inputs.schedulerHints).toEqual([{ group: "etcd-server-group-id" }]);
    }
    expect(one.engine.registered.map(({ name }) => name)).not.toContain("etcd-server-group");
    expect(one.engine.named("etcd-server").inputs).not.toHaveProperty("schedulerHints");
  });

  test("lets its members reach each other at the peer port, and nobody else", async () => {
    const { engine } = await run({ ...three, peerPort: "2390" });
    for (const family of ["4", "6"]) {
      expect(engine.named(`lab-peers-ipv${family}`).inputs).toEqual({
        ...{ direction: "ingress", ethertype: `IPv${family}`, protocol: "tcp" },
        ...{ portRangeMin: 2390, portRangeMax: 2390 },
        ...{ remoteGroupId: "lab-security-group-id", securityGroupId: "lab-security-group-id" },
      });
    }
    const { engine: alone } = await run();
    expect(alone.registered.filter(({ name }) => name.includes("peers"))).toEqual([]);
  });

  test("tells each member of all, by their own addresses, and one set of certificates names them", async () => {
    const { engine } = await run(three);
    for (const [name, number] of [
      ["etcd", 7],
      ["etcd-2", 2],
      ["etcd-3", 3],
    ] as const) {
      const environment = String(engine.named(`${name}-environment`).inputs.stdin);
      expect(environment).toContain(
        'ETCD_INITIAL_CLUSTER="etcd=https://10.77.0.7:2380,etcd-2=https://10.77.0.2:2380,etcd-3=https://10.77.0.3:2380"',
      );
      expect(environment).toContain(`ETCD_NAME="${name}"`);
      expect(environment).toContain(`ETCD_LISTEN_PEER_URLS="https://10.77.0.${number}:2380"`);
      expect(environment).toContain(`ADVERTISE_CLIENT_URLS="https://203.0.113.${number}:2379"`);
    }
    expect(JSON.parse(String(engine.named("pki-certificates").inputs.stdin))).toMatchObject({
      addresses: [7, 2, 3].flatMap((number) => [`203.0.113.${number}`, `10.77.0.${number}`]),
    });
  });

  test("is restored by one step that has a secret request for each machine", async () => {
    const { engine } = await run(three);
    const { inputs, options } = engine.named("restore-snapshot");
    expect(inputs.create).toBe(
      "node --require ./engine/typescript.cjs scripts/steps/restore-cluster.ts",
    );
    const { members } = JSON.parse(String(secretValue(inputs.stdin))) as {
      members: { name: string; at: { route: { host: string }; storeBytes: number } }[];
    };
    expect(members.map(({ name, at }) => [name, at.route.host])).toEqual([
      ["etcd", "203.0.113.7"],
      ["etcd-2", "203.0.113.2"],
      ["etcd-3", "203.0.113.3"],
    ]);
    expect(members[0]?.at.storeBytes).toBe(2 * fs.statSync(SNAPSHOT).size);
    for (const name of ["etcd", "etcd-2", "etcd-3"]) {
      expect(inputs.triggers).toContain(`${name}-server-id`);
      expect(options.dependencies).toContain(`restore-${name}-certificates`);
    }
  });

  test("is proved as a whole, each member through the SSH of its own machine", async () => {
    const { engine, given } = await run(three);
    const { inputs } = engine.named("verification-proof");
    const urls = [7, 2, 3].map((number) => `https://203.0.113.${number}:2379`);
    expect(inputs.create).toContain(`--endpoint ${urls.join(",")} `);
    expect(inputs.create).toContain("--phase provision=3 --phase install=40");
    expect(JSON.parse(String(secretValue(inputs.stdin)))).toMatchObject({
      ssh: { host: "203.0.113.7" },
      otherSsh: [{ host: "203.0.113.2" }, { host: "203.0.113.3" }],
    });
    expect(await valueOf(given.endpoints ?? expect.fail("none"))).toEqual(urls);
    expect(await valueOf(given.etcdctl ?? expect.fail("none"))).toContain(
      `--endpoints=${urls.join(",")} `,
    );
  });

  test("previews the same resources where nothing is known yet", async () => {
    const real = await run(three);
    const preview = await run(three, true);
    expect(preview.engine.registered.map(({ name }) => name).sort()).toEqual(
      real.engine.registered.map(({ name }) => name).sort(),
    );
  });
});
