/** What goes wrong in a real OpenStack: told clearly, nothing left by the `destroy` after it. */
import * as path from "node:path";
import { beforeEach, describe, expect, inject, it, onTestFinished } from "vitest";
import * as z from "zod";
import { makeSshKey } from "../../../machine/ssh/ssh-keys";
import { PROJECT } from "../../support/lab";
import { HUGE_FLAVOR, TINY_FLAVOR } from "../../../labs/openstack/catalog";
import type { OpenStackOptions } from "../../support/providers/openstack";
import { cloudSession, openCloudStack, type CloudStack } from "./cloud-stack";

const SNAPSHOT = path.join(PROJECT, "test", "fixtures", "kubernetes-1.35-main.db");
let stack: CloudStack | undefined;
beforeEach(({ onTestFailed }) => {
  onTestFailed(() => stack?.keepEvidence());
});

async function openStack(options: OpenStackOptions = {}): Promise<CloudStack> {
  const opened = await openCloudStack(options);
  stack = opened;
  onTestFinished(() => opened.dispose());
  return opened;
}

/** What an `up` fails with, after which `destroy` has left nothing. */
async function failure(
  opened: CloudStack,
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  const engine = opened.engine({ snapshot: SNAPSHOT, ...settings });
  const { ok, failures } = await engine.up();
  expect(ok).toBe(false);
  expect(await engine.destroy()).toMatchObject({ ok: true, failures: [] });
  expect(await opened.left()).toEqual([]);
  return failures.map(({ message }) => message).join("\n");
}

it.each([
  [{ image: "debian-99" }, /image is "debian-99", and .* `openstack image list` shows/],
  [{ externalNetwork: "nowhere" }, /externalNetwork is "nowhere", and .* network list --external/],
])("names %j already in a preview, and makes nothing", async (settings, message) => {
  const opened = await openStack();
  const { ok, failures } = await opened.engine({ snapshot: SNAPSHOT, ...settings }).preview();
  expect(ok).toBe(false);
  expect(failures.map((failed) => failed.message).join("\n")).toMatch(message);
  expect(await opened.left()).toEqual([]);
});

it("stops at a machine that shows another host key, before anything goes to it", async () => {
  const other = makeSshKey("other");
  const opened = await openStack({
    tamper(userData) {
      const [header = "", json = ""] = userData.split(/(?<=^#cloud-config\n)/);
      const config = z.record(z.string(), z.unknown()).parse(JSON.parse(json));
      const keys = { ed25519_private: other.privateKey, ed25519_public: other.publicKey };
      return header + JSON.stringify({ ...config, ssh_keys: keys });
    },
  });
  const message = await failure(opened);
  expect(message).toMatch(/is not the machine that was made: it shows the host key ssh-ed25519/);
  expect(message).toContain(other.publicKey.split(" ")[1]);
});

const { administrator } = inject("cloud");
describe.skipIf(administrator === undefined)("in a cloud whose administrator we are", () => {
  it("refuses a flavor that is too small for the backup", async () => {
    const opened = await openStack();
    const message = await failure(opened, { flavor: TINY_FLAVOR });
    expect(message).toMatch(/flavor "m1\.tiny" is too small: it has 128 MiB of memory/);
  });

  it("tells nova's own words when no host takes the server", async () => {
    const opened = await openStack();
    const message = await failure(opened, { flavor: HUGE_FLAVOR });
    expect(message).toMatch(/'ERROR', wanted 'ACTIVE': No valid host was found/);
  });

  it("keeps members on different hosts: with one host it says that there are not enough", async () => {
    const opened = await openStack();
    const message = await failure(opened, { members: "3" });
    // The first when the scheduler saw the others already; the second when two were on their way at once, and the host turned one away.
    expect(message).toMatch(
      /'ERROR', wanted 'ACTIVE': (No valid host was found|Exceeded maximum number of retries)/,
    );
  });

  it("tells nova's own words when there is no quota for a server", async () => {
    const opened = await openStack();
    await setQuota(
      "compute",
      `/os-quota-sets/${opened.session.projectId}`,
      "quota_set",
      "instances",
    );
    expect(await failure(opened)).toMatch(/403 Quota exceeded for instances/);
  });

  it("tells neutron's own words when there is no floating IP left", async () => {
    const opened = await openStack();
    await setQuota("network", `/quotas/${opened.session.projectId}`, "quota", "floatingip");
    expect(await failure(opened)).toMatch(/409 Quota exceeded for resources: \['floatingip'\]/);
  });

  /** Takes a quota away until the test has ended. */
  async function setQuota(
    service: "compute" | "network",
    where: string,
    key: string,
    what: string,
  ): Promise<void> {
    const session = await cloudSession(administrator ?? {});
    const put = (limit: number) =>
      session.request(service, where, { method: "PUT", body: { [key]: { [what]: limit } } });
    const answer = z
      .record(z.string(), z.record(z.string(), z.unknown()))
      .parse(await session.request(service, where));
    const before = z.number().parse(answer[key]?.[what]);
    await put(0);
    onTestFinished(async () => {
      await put(before);
    });
  }
});
