/** Files of stacks as `doctor` and the program of `up` read them: what the one refuses the other does, word for word. */
import { generateKeyPairSync } from "node:crypto";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import * as z from "zod";
import { lookUpAll } from "../../../components/vm/cloud-lookups";
import { preflight } from "../../../components/preflight";
import { vmPreflight } from "../../../components/vm/vm-preflight";
import { loadSettings } from "../../../config";
import { programConfig, readProject } from "../../../engine/stack-config";
import { doctor } from "../../../scripts/commands/doctor";
import { messageOfError } from "../../../scripts/errors";
import { PROJECT_DIR } from "../../../scripts/project";
import { stackSettings } from "../../../scripts/stack-settings";
import { createWorkspace, snapshotBytes, type Workspace } from "../../support/kubernetes-fixtures";
import { mockEngine } from "../../support/mock-engine";
import { openStandIn, type StandIn } from "../../support/openstack-stand-in";
import { pathWithoutPulumi } from "../../support/path-without-pulumi";
import { freePorts } from "../../support/ports";

/** The one that the mocked engine names. */
const STACK = "test";
const CIPHERTEXT = "v1:bm9uY2U=:Y2lwaGVydGV4dA==";
const SEALED = { secure: CIPHERTEXT };
const OTHER_CLUSTER = "00000000-0000-4000-8000-000000000000";
const V2 = path.join(__dirname, "../../fixtures/v2-backup");

let files: Workspace;
let cloud: StandIn;
let printed: string;
beforeEach(async () => {
  files = createWorkspace();
  files.write("backup.db", snapshotBytes("kubernetes-1.35-events.db"));
  files.write("broken.db", snapshotBytes("kubernetes-1.35-events.db"));
  files.write("broken.db.json", Buffer.from('{"schemaVersion":1,"sha256":7,"takenAt":0}'));
  const { publicKey } = generateKeyPairSync("ed25519");
  const pem = publicKey.export({ format: "pem", type: "spki" });
  files.write("trusted.pem", Buffer.from(pem));
  cloud = await openStandIn();
  vi.stubEnv("ETCD_RESTORE_HOME", files.path("."));
  vi.stubEnv("PATH", pathWithoutPulumi());
  for (const [name, value] of Object.entries(cloud.env)) vi.stubEnv(name, value);
  printed = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  pulumi.runtime.setAllConfig({});
  await cloud.close();
  files.remove();
});

type Given = Readonly<Record<string, unknown>>;
const CLOUD: Given = {
  ...{ target: "openstack", image: "debian-12", flavor: "m1.small", externalNetwork: "public" },
  ...{ sshCidrs: ["127.0.0.0/8"], clientCidrs: ["192.0.2.0/24"] },
};

/** The file of a stack whose paths are as of its own folder. */
async function write(given: Given): Promise<void> {
  const [clientPort, peerPort] = await freePorts(2);
  const local = { target: "local", clientPort, peerPort };
  const all: Given = {
    ...(given.target === "openstack" ? {} : local),
    snapshot: "backup.db",
    ...given,
  };
  const config = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [[`etcd-restore:${name}`, value] as const],
  );
  const text = stringify({ config: Object.fromEntries(config) });
  files.write(`Pulumi.${STACK}.yaml`, Buffer.from(text));
}

/** What `up` says before the first resource; undefined where it goes on. */
async function refusalOfUp(): Promise<string | undefined> {
  const engine = { ...stackSettings(STACK, {}), workDir: "" };
  await mockEngine({
    lookups: {
      "openstack:images/getImage:getImage": () => ({ id: "i-1" }),
      "openstack:networking/getNetwork:getNetwork": () => ({ id: "n-1" }),
      "openstack:compute/getFlavor:getFlavor": ({ name }) => {
        if (name === "m1.small") return { id: "2", name, ram: 2048, disk: 20 };
        throw new Error("Your query returned no results.");
      },
    },
  });
  try {
    const { values } = programConfig(engine, readProject(PROJECT_DIR));
    pulumi.runtime.setAllConfig({ ...values });
    const settings = loadSettings(new pulumi.Config("etcd-restore"));
    if (settings.target === "local") await preflight(settings);
    else {
      await vmPreflight(settings);
      await lookUpAll(settings);
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const Json = z.object({
  verdict: z.string(),
  checks: z.array(z.object({ id: z.string(), verdict: z.string(), found: z.string() })),
});

async function looked() {
  printed = "";
  const code = await doctor({ stack: STACK, config: {}, json: true });
  const { verdict, checks } = Json.parse(JSON.parse(printed));
  const found = new Map(checks.map((check) => [check.id, check]));
  return { code, verdict, found, checks };
}

describe("a stack that up takes", () => {
  it("is ready, its paths as of its own file", async () => {
    await write({ labDirectory: "lab", etcdVersion: "auto", expectedKeys: ["/registry/"] });
    expect(await refusalOfUp()).toBeUndefined();
    const { code, verdict, found } = await looked();
    expect([code, verdict]).toEqual([0, "ready"]);
    expect(found.get("folder")?.found).toBe(files.path("lab"));
    expect(found.get("backup")?.found).toMatch(/^backup\.db: /);
    expect(found.get("settings")?.verdict).toBe("pass");
  });
});

describe("a stack that up refuses is not ready, in the words of up", () => {
  it.each<[string, Given, string]>([
    ["a setting that nobody knows", { verificaton: "quick" }, "settings"],
    ["a word that it may not be", { verification: "some", members: 2 }, "settings"],
    ["a port that there is not", { clientPort: 70_000 }, "settings"],
    ["no backup", { snapshot: undefined }, "settings"],
    ["a secret that the embedded engine cannot open", { etcdPassword: SEALED }, "settings"],
    ["a CIDR with bits of a host", { ...CLOUD, sshCidrs: ["203.0.113.7/24"] }, "settings"],
    ["everybody let in", { ...CLOUD, clientCidrs: ["0.0.0.0/0"] }, "settings"],
    ["a CIDR that is no list", { ...CLOUD, sshCidrs: "203.0.113.7/32" }, "settings"],
    ["a bastion that is not whole", { ...CLOUD, bastion: { host: "jump" } }, "settings"],
    ["a flavor that is not there", { ...CLOUD, flavor: "m1.smal" }, "flavor"],
    ["a folder that cannot be made", { labDirectory: "backup.db/lab" }, "folder"],
    ["a backup that nobody has signed", { trustedKey: "trusted.pem" }, "backup"],
    ["a key that is none", { trustedKey: "backup.db" }, "backup"],
    ["a key that is not there", { trustedKey: "gone.pem" }, "backup"],
    ["a backup of another cluster", { expectedCluster: OTHER_CLUSTER }, "backup"],
    ["an etcd older than what wrote it", { etcdVersion: "3.5" }, "backup"],
    ["a manifest that is broken", { snapshot: "broken.db" }, "backup"],
    ["what a v2 store has not", { snapshot: V2, bumpRevision: 5, members: 3 }, "backup"],
    ["an etcd without a v2 store", { snapshot: V2, etcdVersion: "3.6" }, "backup"],
  ])("%s", async (_, given, id) => {
    await write(given);
    const refusal = await refusalOfUp();
    if (refusal === undefined) throw new Error("up took it");
    const { code, verdict, found } = await looked();
    expect([code, verdict]).toEqual([1, "not-ready"]);
    // Of a computer `up` says first that it is not ready.
    expect(found.get(id)).toMatchObject({
      verdict: "fail",
      found: refusal.replace(/^(not ready: |cannot restore )/, ""),
    });
    expect(printed).not.toContain(CIPHERTEXT);
  });

  it("a target that there is not, before anything is looked at", async () => {
    await write({ target: "moon" });
    const said = 'etcd-restore:target is "moon"; it must be one of openstack, local';
    expect(await refusalOfUp()).toContain(`- ${said}\n`);
    expect(await looked().catch(messageOfError)).toBe(said);
  });
});

it("a backup without the keys that are expected is not ready: up restores it, and ends with the verdict fail", async () => {
  await write({ expectedKeys: ["/registry/events/", "/registry/gone", "/no/*"] });
  expect(await refusalOfUp()).toBeUndefined();
  expect((await looked()).found.get("backup")).toMatchObject({
    verdict: "fail",
    found: `${files.path("backup.db")}: of the 3 that the setting expectedKeys names it does not hold 2`,
  });
});

it.each<[string, string]>([
  ["backup.db", "expectedCluster"],
  ["backup.db", "etcdVersion"],
  [V2, "members"],
])("of %s with %s encrypted it is not said that it can be restored", async (snapshot, asking) => {
  await write({ ...CLOUD, flavor: "m1.small", snapshot, [asking]: SEALED });
  expect((await looked()).found.get("backup")).toMatchObject({
    verdict: "not-checked",
    found: expect.stringMatching(new RegExp(`needs ${asking}, which is encrypted$`)) as unknown,
  });
});

it("what is encrypted is said to be not looked at, with what stands on it, and never guessed", async () => {
  const bastion = { host: "jump", user: "me", hostKey: "ssh-ed25519 AAAA", privateKey: SEALED };
  const secrets = { etcdUsername: "root", etcdPassword: SEALED, dataVolumeGiB: SEALED, bastion };
  await write({ ...CLOUD, ...secrets, flavor: "m1.small" });
  const { found } = await looked();
  expect(found.get("settings")).toMatchObject({
    verdict: "not-checked",
    found:
      "etcdPassword, dataVolumeGiB, bastion.privateKey: encrypted, not looked at; the others are as they may be",
  });
  expect(found.get("services")?.found).toBe("needs dataVolumeGiB, which is encrypted");
  expect(found.get("flavor")?.found).toContain("needs dataVolumeGiB, which is encrypted");
  expect(printed).not.toContain(CIPHERTEXT);
  // What is beside an encrypted part is read.
  await write({ ...CLOUD, bastion: { ...bastion, hostKey: "ssh-rsa AAAA" } });
  expect((await looked()).found.get("settings")?.found).toMatch(/bastion\.hostKey: must be like/);
});

it("a setting that is typed is refused as by start", async () => {
  await write(CLOUD);
  const config = { "etcd-restore:sshCidrs": "203.0.113.7" };
  const refused = await doctor({ stack: STACK, config }).catch(messageOfError);
  expect(refused).toBe(
    "etcd-restore:sshCidrs is of type array and must be given as JSON; given is 203.0.113.7",
  );
});
