/**
 * What a change of each setting does: on this computer with a real etcd, on OpenStack as far as the program registers
 * it. Not proved here: what the steps do on a machine (test/acceptance/machine), and how restore.sh tells a restart from
 * a restore (test/machine/restore/restore-settings.test.ts).
 */
import { createHash, generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sealed } from "../etcd/backup/seal";
import { ensureEtcd } from "../machine/programs/programs";
import { settingsChangesPage } from "../scripts/tools/settings-changes";
import program from "../index";
import { CHANGES, type Change, type Effect } from "../settings/changes";
import { openCommands, type Commands } from "./support/commands";
import { createWorkspace, readTruth, snapshotBytes } from "./support/kubernetes-fixtures";
import { openLab, type Lab } from "./support/lab";
import { mockEngine, type MockEngineOptions } from "./support/mock-engine";
import { freePorts } from "./support/ports";

const ROOT = path.join(__dirname, "..");
const files = createWorkspace();
const MAIN = files.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
const EVENTS = files.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
/** Of the main sample. */
const CLUSTER = "14ec49d6-c5ca-4cf1-854f-04d69f5b1f8f";
const ENCRYPTION_CONFIG = fs.readFileSync(
  path.join(__dirname, "fixtures/kubernetes-1.35-encrypted.encryption-config.json"),
  "utf8",
);
afterAll(() => {
  files.remove();
});

/** The main sample with a manifest, and the public key that has signed it. */
function signedBackup(): { readonly snapshot: string; readonly trustedKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const trustedKey = files.write(
    "trusted.pem",
    Buffer.from(publicKey.export({ format: "pem", type: "spki" })),
  );
  const main = snapshotBytes("kubernetes-1.35-main.db");
  const {
    revision,
    compact_revision: compactRevision,
    hashkv,
  } = readTruth("kubernetes-1.35-main.db");
  const snapshot = files.write("signed.db", main);
  const content = {
    schemaVersion: 1,
    takenAt: "2026-11-22T00:00:00Z",
    sha256: createHash("sha256").update(main).digest("hex"),
    bytes: main.length,
    source: { revision, compactRevision, hashKv: hashkv.hash, hashKvRevision: revision },
  };
  const manifest = sealed(content, String(privateKey.export({ format: "pem", type: "pkcs8" })));
  files.write("signed.db.json", Buffer.from(JSON.stringify(manifest)));

  return { snapshot, trustedKey };
}

describe("the table of changes", () => {
  it("has every setting and no other", () => {
    const { config } = parse(fs.readFileSync(path.join(ROOT, "Pulumi.yaml"), "utf8")) as {
      config: Record<string, unknown>;
    };
    const declared = Object.keys(config).map((name) => name.replace("etcd-restore:", ""));
    expect(Object.keys(CHANGES).sort()).toEqual([...declared, "bastion"].sort());
  });

  it("is the page in docs", () => {
    const page = fs.readFileSync(path.join(ROOT, "docs", "settings-changes.md"), "utf8");
    const words = (text: string) => text.replace(/[ |-]+/g, " "); // prettier sets tables as it likes
    expect(words(page)).toBe(words(settingsChangesPage()));
  });
});

describe("on this computer", () => {
  let lab: Lab;
  let commands: Commands;
  let other: readonly number[];
  beforeAll(async () => {
    commands = openCommands();
    await ensureEtcd("3.6");
    await ensureEtcd("3.7");
    lab = await openLab();
    other = await freePorts(2);
  }, 900_000);
  afterAll(async () => {
    await commands.close();
    await lab.dispose();
  });

  /** What there is: which process serves, which restore its data is of, which proof the report is of. */
  const state = () => ({
    pid: lab.etcdPid(),
    data: fs.readFileSync(path.join(lab.directory, "etcd/data/member/restored-from"), "utf8"),
    proof: lab.report().startedAt,
  });

  async function up(change: Readonly<Record<string, string>>) {
    const { snapshot = MAIN, ...rest } = change;
    const flags = Object.entries({ verification: "quick", ...rest }).flatMap(([key, value]) => [
      "-c",
      `${key}=${value}`,
    ]);
    return commands.run(lab.words("start", snapshot, ...flags));
  }

  /** The settings that one computer can have otherwise, each with a change. */
  const changes = async (): Promise<Readonly<Record<string, Record<string, string>>>> => {
    const copy = path.join(path.dirname(MAIN), "programs");
    const { etcd, etcdctl, etcdutl } = await ensureEtcd("3.6");
    fs.mkdirSync(copy, { recursive: true });
    for (const program of [etcd, etcdctl, etcdutl]) {
      fs.copyFileSync(program, path.join(copy, path.basename(program)));
    }
    return {
      verification: { verification: "standard" },
      expectedKeys: { expectedKeys: '["/registry/"]' },
      expectedCluster: { expectedCluster: CLUSTER },
      encryptionConfig: { encryptionConfig: ENCRYPTION_CONFIG },
      snapshot: { snapshot: EVENTS },
      etcdVersion: { etcdVersion: "3.7" },
      etcdPrograms: { etcdPrograms: copy },
      clientPort: { clientPort: String(other[0]) },
      peerPort: { peerPort: String(other[1]) },
      members: { members: "3" },
      bumpRevision: { bumpRevision: "1000" },
    };
  };

  it("each change does what the table says, and what serves is what was wished for", async () => {
    const base = await up({});
    expect(base, base.stderr).toMatchObject({ code: 0 });
    const seen: Record<string, Effect> = {};
    for (const [setting, change] of Object.entries(await changes())) {
      const before = state();
      const ended = await up(change);
      expect(ended, `${setting}: ${ended.stderr}`).toMatchObject({ code: 0 });
      const after = state();
      seen[setting] =
        before.data !== after.data
          ? "restore"
          : before.pid !== after.pid
            ? "restart"
            : before.proof !== after.proof
              ? "proof"
              : "nothing";
      const served = lab.report().restored;
      if (setting === "etcdVersion") expect(served.etcdVersion).toMatch(/^3\.7\./);
      if (setting === "clientPort") expect(served.endpoint).toContain(`:${String(other[0])}`);
      if (setting === "etcdPrograms") {
        const runs = fs.readlinkSync(`/proc/${after.pid}/exe`);
        expect(runs).toBe(fs.realpathSync(path.join(String(change.etcdPrograms), "etcd")));
      }
      const again = await up({});
      expect(again, `back from ${setting}: ${again.stderr}`).toMatchObject({ code: 0 });
    }
    const table = Object.entries<Change>(CHANGES).map(([setting, { local }]) => [setting, local]);
    expect(Object.entries(seen).sort()).toEqual(
      table.filter(([setting]) => String(setting) in seen).sort(),
    );
  }, 600_000);

  it("refuses a version that does not fit, and the etcd that serves goes on", async () => {
    const before = state();
    const ended = await up({ etcdVersion: "3.5" });
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/setting etcdVersion is 3\.5: an older etcd cannot be trusted/);
    expect(state().pid).toBe(before.pid);
  });

  it("does nothing for a key that has signed the backup, and refuses one that has not", async () => {
    const { snapshot, trustedKey } = signedBackup();
    await up({ snapshot });
    const before = state();
    const ended = await up({ snapshot, trustedKey });
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expect(state()).toEqual(before);
    const refused = await up({ trustedKey });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/no manifest lies beside it/);
    expect(state().pid).toBe(before.pid);
  }, 120_000);

  it("refuses a backup of another cluster, and a configuration that is none without showing it", async () => {
    const before = state();
    const other = await up({ expectedCluster: "00000000-0000-0000-0000-000000000000" });
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/a backup of another cluster: kube-system has the UID/);
    const none = await up({ encryptionConfig: ENCRYPTION_CONFIG.replace("secretbox", "box") });
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/encryptionConfig: it is no EncryptionConfiguration/);
    expect(none.stderr + none.stdout).not.toContain("og9BPoegHfW5");
    expect(state()).toMatchObject({ pid: before.pid, data: before.data });
  }, 120_000);

  it("takes another folder for another lab, which finds the ports taken; the old one serves on", async () => {
    const { pid } = state();
    const ended = await up({ labDirectory: `${lab.directory}-2` });
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(new RegExp(`port ${lab.clientPort} .*taken by process ${pid}`));
    expect(state().pid).toBe(pid);
  }, 120_000);
});

describe("on OpenStack, as far as the program registers it", () => {
  const lab = path.join(path.dirname(MAIN), "lab");
  const BASTION = {
    ...{ host: "192.0.2.1", user: "jump", privateKey: "KEY" },
    hostKey: "ssh-ed25519 AAAAbastion",
  };
  const SETTINGS = {
    snapshot: MAIN,
    image: "debian-12",
    flavor: "m1.small",
    externalNetwork: "public",
    sshCidrs: '["203.0.113.0/24"]',
    clientCidrs: '["203.0.113.0/24"]',
    labDirectory: lab,
  };
  afterEach(() => {
    pulumi.runtime.setAllConfig({});
  });

  const key = { privateKey: "KEY", publicKey: "ssh-ed25519 AAAA x" };
  const PRINTED: Readonly<Record<string, unknown>> = {
    "etcd-ssh-keys": { login: key, host: key },
    "pki-certificates": Object.fromEntries(
      [
        "ca",
        "server",
        "serverKey",
        "peer",
        "peerKey",
        "client",
        "clientKey",
        "root",
        "rootKey",
      ].map((name) => [name, name]),
    ),
    "etcd-ready": { install: 1 },
    "restore-programs": { seconds: 1 },
    ...Object.fromEntries(
      ["restore", "bump"].map((name) => [
        `${name}-snapshot`,
        { restored: true, seconds: { check: 1, restore: 1, prove: 1, start: 1 } },
      ]),
    ),
    ...Object.fromEntries(
      ["verification", "bump-verification"].map((name) => [
        `${name}-proof`,
        {
          verdict: "pass",
          restored: {
            ...{ endpoint: "e", revision: 1, compactRevision: 0, keys: 1, hashKv: 1 },
            ...{ etcdVersion: "3.6.16", clusterId: "c" },
          },
        },
      ]),
    ),
  };
  const printed = (_inputs: unknown, name: string) => ({
    // Of the other members as of the first.
    stdout: JSON.stringify(PRINTED[name.replace(/^etcd-\d/, "etcd")] ?? {}),
  });
  const options: MockEngineOptions = {
    outputs: {
      "command:local:Command": printed,
      "command:remote:Command": printed,
      // Another port, of another network, has another address.
      "openstack:networking/port:Port": ({ networkId }) => ({
        allFixedIps: [networkId === "other-id" ? "10.99.0.7" : "10.77.0.7"],
      }),
      "openstack:networking/floatingIp:FloatingIp": ({ pool }) => ({
        address: pool === "other" ? "198.51.100.7" : "203.0.113.7",
      }),
    },
    lookups: {
      "openstack:networking/getNetwork:getNetwork": ({ name }) => ({
        id: `${String(name)}-id`,
        name,
      }),
      "openstack:images/getImage:getImage": ({ name }) => ({ id: `${String(name)}-id`, name }),
      "openstack:compute/getFlavor:getFlavor": ({ name }) => ({
        ...{ id: `${String(name)}-id`, name, ram: 2048, disk: 10 },
      }),
    },
  };

  /** What the program registers, in the parts that decide what a change does. */
  async function plan(change: Readonly<Record<string, string>>) {
    const engine = await mockEngine(options);
    const config = Object.entries({ ...SETTINGS, ...change });
    pulumi.runtime.setAllConfig(
      Object.fromEntries(config.map(([name, value]) => [`etcd-restore:${name}`, value])),
    );
    await program();
    await engine.settled();
    const inputs = (name: string) =>
      JSON.stringify(engine.registered.find((resource) => resource.name === name)?.inputs ?? {});
    const triggers = (name: string) => JSON.stringify(engine.named(name).inputs.triggers);
    const rules = engine.registered.filter(({ type }) => type.endsWith("SecGroupRule"));
    return {
      machine: inputs("etcd-server") + inputs("etcd-data") + inputs("etcd-port"),
      restore: triggers("restore-snapshot"),
      proof: inputs("verification-proof"),
      rules: rules.map(({ name }) => name).join(),
    };
  }

  const effectOf = (
    before: Awaited<ReturnType<typeof plan>>,
    after: Awaited<ReturnType<typeof plan>>,
  ): Effect =>
    (["machine", "restore", "proof", "rules"] as const).find(
      (part) => before[part] !== after[part],
    ) ?? "nothing";

  const base = {};
  const upload = (name: string) => {
    const directory = path.join(path.dirname(MAIN), name);
    fs.mkdirSync(directory, { recursive: true });
    for (const program of ["etcd", "etcdctl", "etcdutl"]) {
      const said = program === "etcd" ? "etcd Version: 3.6.14" : `${program} version: 3.6.14`;
      const text = `#!/bin/sh\n# ${name}\necho '${said}'\n`;
      fs.writeFileSync(path.join(directory, program), text, { mode: 0o755 });
    }
    return { etcdInstall: "upload", etcdPrograms: directory };
  };

  it.each<[keyof typeof CHANGES, () => Record<string, string>, (() => Record<string, string>)?]>([
    ["snapshot", () => ({ snapshot: EVENTS })],
    ["verification", () => ({ verification: "quick" })],
    ["expectedKeys", () => ({ expectedKeys: '["/registry/"]' })],
    ["expectedCluster", () => ({ expectedCluster: CLUSTER })],
    ["encryptionConfig", () => ({ encryptionConfig: ENCRYPTION_CONFIG })],
    ["etcdVersion", () => ({ etcdVersion: "3.6.13" })],
    ["etcdInstall", () => upload("one")],
    ["etcdMirror", () => ({ etcdMirror: "https://mirror.example" })],
    ["image", () => ({ image: "ubuntu-24.04" })],
    ["flavor", () => ({ flavor: "m1.large" })],
    ["externalNetwork", () => ({ externalNetwork: "other" })],
    ["network", () => ({ network: "other" })],
    ["floatingIp", () => ({ floatingIp: "false" })],
    ["bastion", () => ({ bastion: JSON.stringify(BASTION) })],
    ["sshCidrs", () => ({ sshCidrs: '["192.0.2.0/24"]' })],
    ["clientCidrs", () => ({ clientCidrs: '["192.0.2.0/24"]' })],
    ["allowPublicAccess", () => ({ allowPublicAccess: "true" })],
    ["dataVolumeGiB", () => ({ dataVolumeGiB: "20" })],
    ["members", () => ({ members: "3" })],
    [
      "kubernetesOn",
      () => ({ kubernetes: "1.35", kubernetesOn: "machine" }),
      () => ({ kubernetes: "1.35" }),
    ],
    ["reboot", () => ({ reboot: "true" })],
    ["clientPort", () => ({ clientPort: "12379" })],
    ["peerPort", () => ({ peerPort: "12380" })],
    ["labDirectory", () => ({ labDirectory: `${lab}-2` })],
    ["bumpRevision", () => ({ bumpRevision: "1000" })],
    ["etcdUsername", () => ({ etcdUsername: "root", etcdPassword: "hunter2" })],
    [
      "etcdPassword",
      () => ({ etcdUsername: "root", etcdPassword: "hunter3" }),
      () => ({ etcdUsername: "root", etcdPassword: "hunter2" }),
    ],
    ["etcdPrograms", () => upload("two"), () => upload("one")],
  ])("a change of %s does what the table says", async (setting, change, from) => {
    const seen = effectOf(await plan(from?.() ?? base), await plan(change()));
    // Which of the two it is, restore.sh sees by the programs themselves.
    const expected = setting === "etcdPrograms" ? "restore" : CHANGES[setting].openstack;
    expect(seen).toBe(expected);
  });

  it("trustedKey changes nothing of a backup that it has signed, and refuses every other", async () => {
    const { snapshot, trustedKey } = signedBackup();
    const seen = effectOf(await plan({ snapshot }), await plan({ snapshot, trustedKey }));
    expect(seen).toBe(CHANGES.trustedKey.openstack);
    await expect(plan({ trustedKey })).rejects.toThrow(/no manifest lies beside it/);
  });

  it("etcdVersion with programs that are uploaded changes what is restored, not the machine", async () => {
    const before = await plan(upload("one"));
    const programs = { ...upload("three"), etcdVersion: "3.6.14" };
    expect(effectOf(before, await plan(programs))).toBe("restore");
  });
});
