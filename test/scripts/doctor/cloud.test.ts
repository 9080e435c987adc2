import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cloudChecks } from "../../../scripts/commands/doctor/cloud";
import type { Check } from "../../../scripts/commands/doctor/check";
import { readSettings } from "../../../settings/read";
import { openStandIn, type StandIn } from "../../support/openstack-stand-in";

let cloud: StandIn;
beforeEach(async () => {
  cloud = await openStandIn();
});
afterEach(async () => {
  await cloud.close();
});

const SETTINGS = {
  snapshot: "backup.db",
  image: "debian-12",
  flavor: "m1.small",
  externalNetwork: "public",
  sshCidrs: ["127.0.0.0/8"],
  clientCidrs: ["192.0.2.0/24"],
  floatingIp: true,
};
const MIB = 2 ** 20;

function look(
  given: Readonly<Record<string, unknown>> = {},
  bytes = 1.4 * MIB,
  env: Readonly<Record<string, string>> = {},
  sealed: readonly string[] = [],
): Promise<readonly Check[]> {
  const all: Readonly<Record<string, unknown>> = { ...SETTINGS, ...given };
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  const read = { get: (name: string) => text(all[name]), sealed };
  const { settings, problems } = readSettings(read, [], (secret) => secret);
  if (settings.target !== "openstack") throw new Error("another target");
  const subject = { stack: "dev", settings, problems, sealed, refusal: undefined };
  const facts = { bytes, keys: 337, etcdVersion: "3.6" };
  return cloudChecks(subject, facts, { ...cloud.env, ...env }, AbortSignal.timeout(20_000));
}

/** The one check that failed. */
async function failed(looked: Promise<readonly Check[]>): Promise<Check | undefined> {
  const failures = (await looked).filter(({ verdict }) => verdict === "fail");
  expect(failures.map(({ id }) => id)).toHaveLength(1);
  return failures[0];
}

describe("a cloud that has all that is needed", () => {
  it("is ready, and each check says what it found", async () => {
    const checks = await look();
    expect(checks.map(({ id, verdict }) => `${id} ${verdict}`)).toEqual([
      "credentials pass",
      "services pass",
      "image pass",
      "flavor pass",
      "quota pass",
      "floating-ips pass",
      "network pass",
      "access pass",
    ]);
    const found = Object.fromEntries(checks.map((check) => [check.id, check.found]));
    expect(found).toMatchObject({
      credentials: "project demo, region north, roles member",
      image: "debian-12, active, wants 2 GiB of disk",
      flavor: "m1.small: 2048 MiB, 20 GiB, 1 vCPU; 514 MiB and 3 GiB needed",
      "floating-ips": "1 of 10 used",
      network: "public",
    });
  });

  it("takes ids in place of names", async () => {
    const checks = await look({ image: "i-1", flavor: "2", externalNetwork: "n-1" });
    expect(checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
  });

  it("is asked for a subnet where the stack brings its own network, and for no router", async () => {
    const quota = { quota: { router: { limit: 1, used: 1 } } };
    cloud.answers.set("network/quotas/p-1/details.json", quota);
    const checks = await look({ network: "tenant", externalNetwork: undefined, floatingIp: false });
    expect(checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(await failed(look({ network: "bare", floatingIp: false }))).toMatchObject({
      id: "network",
      found: "bare has no subnet",
    });
  });
});

describe("what is to be mended", () => {
  it("is the password, and nothing else is guessed at without it", async () => {
    const checks = await look({}, MIB, { OS_PASSWORD: "another" });
    expect(checks.map(({ verdict }) => verdict)).toEqual([
      "fail",
      ...Array<string>(6).fill("not-checked"),
      "pass",
    ]);
    expect(checks[0]?.found).toMatch(/does not accept the OS_\* variables: The request requires/);
    expect(JSON.stringify(checks)).not.toContain("another");
  });

  it("is the address, when nobody answers there", async () => {
    const { env } = cloud;
    await cloud.close();
    const [credentials] = await look({}, MIB, env);
    expect(credentials).toMatchObject({ id: "credentials", verdict: "fail" });
    expect(credentials?.found).toMatch(/cannot reach keystone at http:\/\/127\.0\.0\.1:\d+: /);
  });

  it("is the region, told with those that there are", async () => {
    const [credentials] = await look({}, MIB, { OS_REGION_NAME: "south" });
    expect(credentials?.found).toMatch(/region is "south", and this OpenStack has: north/);
  });

  it("is a name that is not there, told with those that are", async () => {
    expect(await failed(look({ image: "debian" }))).toMatchObject({
      id: "image",
      found:
        'image is "debian", and this OpenStack project sees nothing of that name or id; `openstack image list` shows what there is',
      mend: "set image to one of: debian-12, ubuntu-24.04 (`openstack image list`)",
    });
    expect(await failed(look({ externalNetwork: "tenant" }))).toMatchObject({
      id: "network",
      mend: "set externalNetwork to one of: public (`openstack network list --external`)",
    });
  });

  it("is a name that several images have, told with their ids", async () => {
    const image = { name: "debian-12", status: "active" };
    cloud.answers.set("image/images", {
      images: [
        { id: "i-8", ...image },
        { id: "i-9", ...image },
      ],
    });
    expect(await failed(look())).toMatchObject({
      id: "image",
      mend: "set image to the id of the one: i-8, i-9",
    });
  });

  it("is an image that is not finished, or too large for the flavor", async () => {
    const image = { id: "i-1", name: "debian-12" };
    cloud.answers.set("image/images", { images: [{ ...image, status: "queued" }] });
    expect(await failed(look())).toMatchObject({ found: "debian-12 is queued, not active" });
    cloud.answers.set("image/images", { images: [{ ...image, status: "active", min_disk: 30 }] });
    expect((await failed(look()))?.found).toMatch(/wants 30 GiB of disk .* m1\.small has 20/);
  });

  it("is a flavor too small for the backup, told with the smallest that is not", async () => {
    expect(await failed(look({ flavor: "m1.tiny" }, MIB))).toMatchObject({
      id: "flavor",
      mend: "set flavor to m1.small (2048 MiB, 20 GiB)",
    });
    expect(await failed(look({}, 3000 * MIB))).toMatchObject({
      id: "flavor",
      found: "m1.small: 2048 MiB, 20 GiB, 1 vCPU; 3513 MiB and 11 GiB needed",
      mend: "set flavor to m1.medium (4096 MiB, 40 GiB)",
    });
    expect((await failed(look({}, 9000 * MIB)))?.mend).toMatch(/no flavor here is large enough/);
  });

  it("is what the quota has no room for", async () => {
    cloud.answers.set("network/quotas/p-1/details.json", {
      quota: {
        router: { limit: 1, used: 1 },
        port: { limit: 10, used: 9 },
        floatingip: { limit: 2, used: 2 },
      },
    });
    const failures = (await look()).filter(({ verdict }) => verdict === "fail");
    expect(failures).toMatchObject([
      { id: "quota", found: "port: 9 of 10 used, 2 needed; router: 1 of 1 used, 1 needed" },
      { id: "floating-ips", found: "2 of 2 used" },
    ]);
  });

  it("is a CIDR that lets everybody in, and one that is missing", async () => {
    expect((await failed(look({ sshCidrs: ["0.0.0.0/0"] })))?.found).toMatch(/0\.0\.0\.0\/0/);
    expect(await failed(look({ clientCidrs: [] }))).toMatchObject({
      id: "access",
      found: expect.stringContaining("etcd-restore:clientCidrs is not set") as unknown,
    });
  });

  it("is a catalogue without volumes, when the data is to lie on one", async () => {
    expect(await failed(look({ dataVolumeGiB: 5 }))).toMatchObject({
      id: "services",
      found: "the catalogue has no volumev3",
    });
  });

  it("is a service that fails, in its own words; the others are looked at all the same", async () => {
    cloud.answers.set("compute/flavors/detail", 503);
    expect(await failed(look())).toMatchObject({
      id: "flavor",
      found: "GET compute /flavors/detail: 503 It is as it is.",
    });
  });
});

it("cannot know whether SSH is open to this computer where the cloud may see another address of it", async () => {
  const checks = await look({ sshCidrs: ["192.0.2.7/32"] });
  expect(checks.find(({ id }) => id === "access")).toMatchObject({
    verdict: "not-checked",
    found: expect.stringContaining("this computer is 127.0.0.1, which SSH is closed to") as unknown,
  });
});

it("does not guess at what is encrypted: what stands on it is not checked, and the rest is", async () => {
  const checks = await look({ flavor: undefined, sshCidrs: undefined }, MIB, {}, [
    "flavor",
    "sshCidrs",
  ]);
  const open = checks.filter(({ verdict }) => verdict !== "pass");
  expect(open.map(({ id, verdict, found }) => `${id} ${verdict}: ${found}`)).toEqual([
    "flavor not-checked: needs flavor, which is encrypted",
    "quota not-checked: needs sshCidrs, which is encrypted",
    "access not-checked: needs sshCidrs, which is encrypted",
  ]);
});

it("says that a quota was not checked where neutron keeps it to its administrator", async () => {
  cloud.answers.set("network/quotas/p-1/details.json", 403);
  const checks = await look();
  expect(checks.find(({ id }) => id === "floating-ips")).toMatchObject({ verdict: "not-checked" });
  expect(checks.find(({ id }) => id === "quota")?.found).toContain(
    "neutron does not tell its quota",
  );
});
