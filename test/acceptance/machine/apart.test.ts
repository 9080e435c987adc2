/** A machine without an address of its own out here, behind a bastion, whose data lies on a volume. */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Report } from "../../../etcd/report/report";
import { openBastion, type TestBastion } from "../../../labs/machine/bastion";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import { OTHER_IMAGE, TYPES } from "../../support/providers/openstack-machine";
import { expectNothingLeft, openVmStack, programSettings, type VmStack } from "./vm-stack";

const files = createWorkspace();
const MAIN = files.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
afterAll(() => {
  files.remove();
});

describe("a backup on a volume of a machine behind a bastion", () => {
  let stack: VmStack;
  let bastion: TestBastion;
  let server: string;
  const engine = (more: Readonly<Record<string, string>> = {}) =>
    stack.engine(
      programSettings(stack, {
        snapshot: MAIN,
        floatingIp: "false",
        bastion: JSON.stringify(bastion.setting),
        dataVolumeGiB: "1",
        ...more,
      }),
    );
  const report = () =>
    JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;
  const etcdctl = (words: string) =>
    stack.cloud
      .machine()
      .run(
        ...["sh", "-ec"],
        "cd /etc/etcd/certificates; /usr/local/bin/etcdctl --endpoints=https://127.0.0.1:2379 " +
          `--cacert=ca.crt --cert=server.crt --key=server.key ${words}`,
      );
  beforeAll(async () => {
    bastion = await openBastion();
    stack = openVmStack(PROJECT, { root: inject("guests")[0].root });
  });
  afterAll(async () => {
    await stack.dispose();
    await bastion.close();
  });

  it("is restored and proved through the bastion alone", async () => {
    expect(await engine().up()).toMatchObject({ ok: true, failures: [] });
    const { live_keys: keys } = readTruth("kubernetes-1.35-main.db");
    expect(report()).toMatchObject({ verdict: "pass", restored: { keys } });
    expect(stack.cloud.contents()).not.toContain(TYPES.floatingIp);
    server = stack.cloud.only(TYPES.server).id;

    const { clientEndpoint } = await stack.outputs();
    const { hostname } = new URL(String(clientEndpoint));
    expect(new Set(bastion.led), "to SSH of the machine and nowhere else").toEqual(
      new Set([`${hostname}:22`]),
    );
    const asked = await stack.cloud
      .machine()
      .run("sh", "-c", "journalctl --no-pager --unit ssh.service | grep -c 'Accepted publickey'");
    expect(Number(asked)).toBeGreaterThan(5);
  });

  it("keeps newer data when the machine is made anew: the volume is adopted, not restored over", async () => {
    await etcdctl("put /newer 'than the backup'");

    expect(await engine({ image: OTHER_IMAGE }).up()).toMatchObject({ ok: true, failures: [] });

    expect(stack.cloud.only(TYPES.server).id).not.toBe(server);
    expect(await etcdctl("get --print-value-only /newer")).toBe("than the backup\n");
    expect(report().verdict).toBe("pass");
    const machine = stack.cloud.machine();
    expect(await machine.run("findmnt", "-no", "FSTYPE", "/var/lib/etcd")).toBe("ext4\n");
  });

  it("leaves nothing after `destroy`, the volume included", async () => {
    await expectNothingLeft(stack, engine());
  });
});
