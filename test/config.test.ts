/** What it does not prove: that Pulumi itself accepts the schema in Pulumi.yaml (the acceptance tests run it). */
import * as fs from "node:fs";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, expect, test } from "vitest";
import { parse } from "yaml";
import { loadSettings, SettingsError } from "../config";
import { SETTINGS, type Setting } from "../settings/settings";

const NAMESPACE = "etcd-restore";
const MINIMAL = { target: "local", snapshot: "backup.db" };

function load(settings: Readonly<Record<string, string>>): ReturnType<typeof loadSettings> {
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [`${NAMESPACE}:${key}`, value]),
    ),
  );
  return loadSettings(new pulumi.Config(NAMESPACE));
}
afterEach(() => {
  pulumi.runtime.setAllConfig({});
});

test("two settings are enough; the rest has defaults, and paths become absolute", () => {
  expect(load(MINIMAL)).toEqual({
    target: "local",
    snapshot: path.resolve("backup.db"),
    verification: "full",
    expectedKeys: [],
    etcdVersion: "auto",
    etcdPrograms: undefined,
    kubernetes: "off",
    members: 1,
    clientPort: 22379,
    peerPort: 22380,
    labDirectory: path.resolve(".lab"),
    credentials: undefined,
  });
});

test("what stands in the schema for `not set` is not set", () => {
  const unset = {
    ...MINIMAL,
    clientPort: "0",
    peerPort: "0",
    etcdPrograms: "",
    expectedKeys: "[]",
  };
  expect(load({ ...unset, etcdUsername: "", etcdPassword: "" })).toEqual(load(MINIMAL));
});

test("every problem is named at once, with what was given and what is allowed", () => {
  const wrong = {
    target: "moon",
    verification: "some",
    etcdVersion: "new",
    kubernetes: "newest",
    clientPort: "70000",
    expectedKeys: '{"a":1}',
    etcdUsername: "root",
  };
  expect(() => load(wrong)).toThrow(SettingsError);
  try {
    load(wrong);
  } catch (error) {
    const { message } = error as SettingsError;
    for (const part of [
      `${NAMESPACE}:target is "moon"`,
      `${NAMESPACE}:snapshot is not set`,
      `${NAMESPACE}:verification is "some"; it must be one of quick, standard, full`,
      `${NAMESPACE}:etcdVersion is "new"`,
      `${NAMESPACE}:kubernetes is "newest"; it must be off, auto, next, or a version`,
      `${NAMESPACE}:clientPort is "70000"`,
      `${NAMESPACE}:expectedKeys is {"a":1}`,
      "etcdUsername and etcdPassword go together",
    ]) {
      expect(message).toContain(part);
    }
    expect(pulumi.RunError.isInstance(error), "Pulumi prints it without a stack").toBe(true);
  }
});

test("a setting that nobody knows is refused with the nearest name, here as on our command line", () => {
  const wish = (name: string) => () => load({ ...MINIMAL, [name]: "quick" });
  expect(wish("verificaton")).toThrow(/no setting "verificaton"; did you mean verification\?/);
  expect(wish("expectKeys")).toThrow(/did you mean expectedKeys\?/);
  expect(wish("zzz")).toThrow(/no setting "zzz"; there are target, snapshot/);
  pulumi.runtime.setAllConfig({
    "etcd-restore:target": "local",
    "etcd-restore:snapshot": "backup.db",
    "openstack:cloud": "c",
    "aws:region": "somebody else's",
  });
  expect(loadSettings(new pulumi.Config(NAMESPACE)).target).toBe("local");
  pulumi.runtime.setAllConfig({
    "etcd-restore:target": "local",
    "etcd-restore:snapshot": "backup.db",
    "etcd_restore:verification": "quick",
  });
  expect(() => loadSettings(new pulumi.Config(NAMESPACE))).toThrow(
    /did you mean etcd-restore:verif/,
  );
});

test("Pulumi.yaml declares each with the type, the default and the meaning of its description", () => {
  const text = fs.readFileSync(path.join(__dirname, "..", "Pulumi.yaml"), "utf8");
  const { config } = parse(text) as { readonly config: object };
  const described = Object.entries<Setting>(SETTINGS).flatMap(([name, setting]) => {
    const { type, default: byDefault, means: description } = setting;
    // The schema of Pulumi.yaml has no type for `bastion`.
    if (type === "object") return [];
    const kind = type === "list" ? { type: "array", items: { type: "string" } } : { type };
    const fallback = byDefault === undefined ? {} : { default: byDefault };
    return [[`${NAMESPACE}:${name}`, { ...kind, ...fallback, description }] as const];
  });
  expect(config).toEqual(Object.fromEntries(described));
  expect(Object.keys(config), "in the order of the table").toEqual(described.map(([key]) => key));
});

test("no default is refused by the form or the words of its own setting", () => {
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    if ("oneOf" in setting) expect(setting.oneOf, name).toContain(String(setting.default));
    if ("form" in setting && setting.default) expect(setting.default, name).toMatch(setting.form);
  }
});

test("the two ports must differ", () => {
  expect(() => load({ ...MINIMAL, clientPort: "4000", peerPort: "4000" })).toThrow(/both 4000/);
});

test("a cluster has 1, 3 or 5 members, and on this computer ports for all of them", () => {
  expect(load({ ...MINIMAL, members: "3" }).members).toBe(3);
  for (const wrong of ["0", "2", "7", "three"]) {
    expect(() => load({ ...MINIMAL, members: wrong })).toThrow(
      `members is "${wrong}"; it must be one of 1, 3, 5`,
    );
  }
  const ports = { members: "3", clientPort: "4000", peerPort: "4010" };
  expect(() => load({ ...MINIMAL, ...ports })).toThrow(/two of them would listen at port 4010/);
  expect(() => load({ ...MINIMAL, members: "5", clientPort: "65500" })).toThrow(
    /one would listen at port 65540/,
  );
});

test("a password is a secret however it was set", async () => {
  const { credentials } = load({ ...MINIMAL, etcdUsername: "root", etcdPassword: "hunter2" });
  expect(credentials?.username).toBe("root");
  expect(await pulumi.isSecret(pulumi.output(credentials?.password))).toBe(true);
});

test("a bump of the revision is a whole number, or auto for etcd's own advice", () => {
  expect(load(MINIMAL).bumpRevision).toBeUndefined();
  expect(load({ ...MINIMAL, bumpRevision: "auto" }).bumpRevision).toBe(1_000_000_000);
  expect(load({ ...MINIMAL, bumpRevision: "5000" }).bumpRevision).toBe(5000);
  for (const wrong of ["0", "-1", "1.5", "all"]) {
    expect(() => load({ ...MINIMAL, bumpRevision: wrong })).toThrow(
      /bumpRevision is ".*" *; it must/,
    );
  }
});

const CLOUD = {
  snapshot: "backup.db",
  image: "debian-12",
  flavor: "m1.small",
  externalNetwork: "public",
  sshCidrs: '["203.0.113.7/32"]',
  clientCidrs: '["203.0.113.7/32", "2001:db8::/64"]',
};

test("openstack is the target of who names none; five settings and a backup are enough for it", () => {
  expect(load(CLOUD)).toEqual({
    target: "openstack",
    snapshot: path.resolve("backup.db"),
    verification: "full",
    expectedKeys: [],
    etcdVersion: "auto",
    etcdPrograms: undefined,
    kubernetes: "off",
    members: 1,
    clientPort: 2379,
    peerPort: 2380,
    labDirectory: path.resolve(".lab"),
    credentials: undefined,
    image: "debian-12",
    flavor: "m1.small",
    externalNetwork: "public",
    network: undefined,
    floatingIp: true,
    bastion: undefined,
    sshCidrs: ["203.0.113.7/32"],
    clientCidrs: ["203.0.113.7/32", "2001:db8::/64"],
    allowPublicAccess: false,
    dataVolumeGiB: undefined,
    kubernetesOn: "here",
    reboot: false,
    etcdInstall: "release",
    etcdMirror: undefined,
  });
});

test("what stands in the schema for `not set` is not set on openstack either", () => {
  const unset = { network: "", bastion: "{}", dataVolumeGiB: "0", etcdMirror: "" };
  expect(load({ ...CLOUD, ...unset })).toEqual(load(CLOUD));
});

test("every setting that openstack lacks is named at once, with how to find a value", () => {
  const problems = problemsOf({ target: "openstack" });
  for (const part of [
    `${NAMESPACE}:snapshot is not set`,
    `${NAMESPACE}:image is not set; it is the name or id of Ubuntu 22.04, 24.04 or Debian 12 (\`openstack image list\`)`,
    `${NAMESPACE}:flavor is not set`,
    `${NAMESPACE}:externalNetwork is not set`,
    `${NAMESPACE}:sshCidrs is not set; name at least the network of this computer`,
    `${NAMESPACE}:clientCidrs is not set`,
  ]) {
    expect(problems).toContain(part);
  }
});

test.each([
  [{ clientCidrs: '["0.0.0.0/0"]' }, /clientCidrs.*0\.0\.0\.0\/0.*allowPublicAccess/],
  [{ sshCidrs: '["::/0"]' }, /sshCidrs.*::\/0.*allowPublicAccess/],
  [{ clientCidrs: '["203.0.113.7/24"]' }, /clientCidrs.*203\.0\.113\.0\/24/],
  [{ clientCidrs: '["example.org"]' }, /clientCidrs.*example\.org/],
  [
    { clientCidrs: '"203.0.113.7/32"' },
    /clientCidrs is "203\.0\.113\.7\/32"; it must be a list of texts/,
  ],
  [{ floatingIp: "perhaps" }, /floatingIp is "perhaps"; it must be one of true, false/],
  [{ kubernetesOn: "there" }, /kubernetesOn is "there"; it must be one of here, machine/],
  [{ kubernetesOn: "machine" }, /kubernetesOn is machine, and kubernetes is off/],
  [{ reboot: "yes" }, /reboot is "yes"; it must be one of true, false/],
  [{ reboot: "true", verification: "quick" }, /reboot is true: .* at verification full alone/],
  [{ dataVolumeGiB: "1.5" }, /dataVolumeGiB is "1\.5"; it must be a size in GiB/],
  [{ etcdInstall: "snap" }, /etcdInstall is "snap"; it must be one of release, apt, upload/],
  [
    { etcdMirror: "ftp://mirror" },
    /etcdMirror is "ftp:\/\/mirror"; it must be an http or https URL/,
  ],
  [
    { bastion: '{"host":"jump"}' },
    /bastion\.user: .*\n.*bastion\.privateKey: .*\n.*bastion\.hostKey: /,
  ],
])("refuses %j with what is allowed", (wrong, problem) => {
  expect(problemsOf({ ...CLOUD, ...wrong })).toMatch(problem);
});

test("a public network is taken from who says so by name", () => {
  const open = { ...CLOUD, clientCidrs: '["0.0.0.0/0"]', allowPublicAccess: "true" };
  expect(load(open)).toMatchObject({ clientCidrs: ["0.0.0.0/0"] });
});

test("needs no external network on a network that is there already, without a floating IP", () => {
  const rest = { ...CLOUD, externalNetwork: "" };
  expect(load({ ...rest, network: "lan", floatingIp: "false" })).toMatchObject({
    network: "lan",
    floatingIp: false,
    externalNetwork: undefined,
  });
  expect(problemsOf({ ...rest, network: "lan" })).toContain("externalNetwork is not set");
});

test("the key of a bastion is a secret, and is not shown where the rest of the bastion is wrong", async () => {
  const bastion = { host: "jump", user: "me", privateKey: "PRIVATE", hostKey: "ssh-ed25519 AAAA" };
  const settings = load({ ...CLOUD, bastion: JSON.stringify(bastion) });
  if (settings.target !== "openstack") expect.fail("another target");
  expect(settings.bastion).toMatchObject({ host: "jump", user: "me", port: 22 });
  expect(await pulumi.isSecret(pulumi.output(settings.bastion?.privateKey))).toBe(true);

  const wrong = JSON.stringify({ ...bastion, hostKey: "ssh-rsa AAAA" });
  const problems = problemsOf({ ...CLOUD, bastion: wrong });
  expect(problems).toContain("bastion.hostKey: must be like `ssh-ed25519 AAAA…`");
  expect(problems).not.toContain("PRIVATE");
});

/** What is said of settings that are wrong. */
function problemsOf(settings: Readonly<Record<string, string>>): string {
  try {
    load(settings);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  return expect.fail("they were taken");
}
