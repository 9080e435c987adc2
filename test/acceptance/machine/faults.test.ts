/** What goes wrong before there is a machine that can be trusted: told clearly, and `destroy` works after it. */
import * as path from "node:path";
import { afterAll, describe, expect, inject, it, onTestFinished, vi } from "vitest";
import { makeSshKey } from "../../../machine/ssh/ssh-keys";
import { exitCodeOf } from "../../../scripts/outcome";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import { SMALL_FLAVOR, type CloudOptions } from "../../support/providers/openstack-machine";
import {
  expectNothingLeft,
  failureOf,
  openVmStack,
  programSettings,
  type VmStack,
} from "./vm-stack";

const CLOCK_AHEAD = path.join(PROJECT, "test", "support", "clock-ahead.cjs");
const files = createWorkspace();
const snapshot = files.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
afterAll(() => {
  files.remove();
});

function openStack(options: Omit<CloudOptions, "root"> = {}): VmStack {
  const stack = openVmStack(PROJECT, { root: inject("guests")[0].root, ...options });
  onTestFinished(() => stack.dispose());
  return stack;
}

describe("an `up` that cannot go well", () => {
  it("says what the cloud has no more of, and that the machine is another one; goes on when that is mended", async () => {
    const other = makeSshKey("other");
    const stack = openStack({
      tamper(userData) {
        const [header = "", json = ""] = userData.split(/(?<=^#cloud-config\n)/);
        const config = JSON.parse(json) as Record<string, unknown>;
        const keys = { ed25519_private: other.privateKey, ed25519_public: other.publicKey };
        return header + JSON.stringify({ ...config, ssh_keys: keys });
      },
    });
    const { troubles } = stack.cloud;
    const engine = stack.engine(programSettings(stack, { snapshot }));

    troubles.noFloatingIps = true;
    const addresses = await failureOf(engine);
    expect(addresses.message).toMatch(/No more IP addresses available on network public/i);
    expect(addresses.code).toBe(3);
    await expectNothingLeft(stack, engine);
    troubles.noFloatingIps = false;

    troubles.serverFault = "Quota exceeded for cores: Requested 2, but already used 20 of 20 cores";
    const quota = await failureOf(engine);
    expect(quota.message).toContain("unexpected state 'ERROR'");
    expect(quota.message).toContain(troubles.serverFault);
    expect(quota.code).toBe(3);
    troubles.serverFault = undefined;

    const foreign = await failureOf(engine);
    expect(foreign.message).toMatch(
      /is not the machine that was made: it shows the host key ssh-ed25519/,
    );
    expect(foreign.message).toContain(other.publicKey.split(" ")[1]);
    expect(foreign.code).toBe(3);
    await expectNothingLeft(stack, engine);
  });

  it("says that the machine's clock is a year behind, before it would refuse every certificate", async () => {
    const stack = openStack();
    const engine = stack.engine(programSettings(stack, { snapshot }));
    // All machines here have one clock: it is this computer's programs for which it is a year later.
    vi.stubEnv("NODE_OPTIONS", `--require=${CLOCK_AHEAD}`);
    try {
      const behind = await failureOf(engine);
      expect(behind.message).toMatch(
        /the machine's clock says \S+Z, 87(59|60) hours behind this computer's, and it would refuse certificates as not yet valid\. Set it/,
      );
      expect(behind.code).toBe(3);
    } finally {
      vi.unstubAllEnvs();
    }
    await expectNothingLeft(stack, engine);
  });

  it.each([
    [{ image: "debian-99" }, /image is "debian-99", and .* `openstack image list` shows/],
    [{ flavor: SMALL_FLAVOR }, /flavor "m1\.tiny" is too small: it has 64 MiB of memory/],
  ])("names %j already in a preview", async (setting, message) => {
    const stack = openStack();
    const result = await stack.engine(programSettings(stack, { snapshot, ...setting })).preview();
    expect(result.ok).toBe(false);
    expect(result.failures.map((failed) => failed.message).join("\n")).toMatch(message);
    expect(exitCodeOf(result)).toBe(2);
    expect(stack.cloud.contents()).toEqual([]);
  });
});
