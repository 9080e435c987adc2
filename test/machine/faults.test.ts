/** What goes wrong with a machine in a cloud: told clearly, nothing served, and a `destroy` that works. */
import { createHash } from "node:crypto";
import { afterAll, describe, expect, inject, it, onTestFinished } from "vitest";
import { makeSshKey } from "../../etcd/machine/ssh-keys";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { PROJECT } from "../support/lab";
import { SMALL_FLAVOR, type CloudOptions } from "../support/providers/openstack-machine";
import { openVmStack, programSettings, type VmStack } from "./vm-stack";

const files = createWorkspace();
const snapshot = files.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
afterAll(() => {
  files.remove();
});

function openStack(options: Omit<CloudOptions, "root"> = {}): VmStack {
  const stack = openVmStack(PROJECT, { root: inject("machineRoot"), ...options });
  onTestFinished(() => stack.dispose());
  return stack;
}

/** The one failure of an `up`, after which `destroy` has left nothing. */
async function failure(
  stack: VmStack,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const engine = stack.engine(programSettings(stack, { snapshot, ...more }));
  const { ok, failures } = await engine.up();
  expect(ok).toBe(false);
  expect(failures).toHaveLength(1);
  expect(await engine.destroy()).toMatchObject({ ok: true, failures: [] });
  expect(stack.cloud.contents()).toEqual([]);
  return failures[0]?.message ?? "";
}

describe("an `up` that cannot go well", () => {
  it("stops at once at a machine that shows another host key", async () => {
    const other = makeSshKey("other");
    const stack = openStack({
      tamper(userData) {
        const [header = "", json = ""] = userData.split(/(?<=^#cloud-config\n)/);
        const config = JSON.parse(json) as Record<string, unknown>;
        const keys = { ed25519_private: other.privateKey, ed25519_public: other.publicKey };
        return header + JSON.stringify({ ...config, ssh_keys: keys });
      },
    });
    const message = await failure(stack);
    expect(message).toMatch(/is not the machine that was made: it shows the host key ssh-ed25519/);
    expect(message).toContain(other.publicKey.split(" ")[1]);
  });

  it("refuses a release that is not the pinned one", async () => {
    const foreign = "something else";
    const stack = openStack({ mirror: (_request, response) => response.end(foreign) });
    const message = await failure(stack, {
      etcdInstall: "release",
      etcdMirror: stack.cloud.mirror,
    });
    const found = createHash("sha256").update(foreign).digest("hex");
    expect(message).toContain(
      `.tar.gz is not the pinned release: its sha256 is ${found}, expected `,
    );
  });

  it("says that the mirror of the releases was not reached", async () => {
    const stack = openStack();
    const message = await failure(stack, {
      etcdInstall: "release",
      etcdMirror: stack.cloud.mirror,
    });
    expect(message).toMatch(
      /prepare: error: cannot fetch http:\/\/198\.51\.100\.\d+:8000\/.*does the machine reach it\?/,
    );
  });

  it.each([
    [{ image: "debian-99" }, /image is "debian-99", and .* `openstack image list` shows/],
    [{ flavor: SMALL_FLAVOR }, /flavor "m1\.tiny" is too small: it has 64 MiB of memory/],
  ])("names %j already in a preview", async (setting, message) => {
    const stack = openStack();
    const engine = stack.engine(programSettings(stack, { snapshot, ...setting }));
    const { ok, failures } = await engine.preview();
    expect(ok).toBe(false);
    expect(failures.map((failed) => failed.message).join("\n")).toMatch(message);
    expect(stack.cloud.contents()).toEqual([]);
  });
});
