/** A backup restored into a cluster of three, each member on a machine of its own in a cloud. */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { Report } from "../../../etcd/report/report";
import { memberNames } from "../../../machine/local/members";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import { TYPES } from "../../support/providers/openstack-machine";
import { timeLimit } from "../../support/time-limit.cjs";
import { expectNothingLeft, openVmStack, programSettings, type VmStack } from "./vm-stack";

const NAMES = memberNames(3);
const files = createWorkspace();
const backups = {
  main: files.write("main.db", snapshotBytes("kubernetes-1.35-main.db")),
  events: files.write("events.db", snapshotBytes("kubernetes-1.35-events.db")),
};
type BackupName = keyof typeof backups;
afterAll(() => {
  files.remove();
});

describe("a cluster of three machines", { timeout: timeLimit(600_000) }, () => {
  let stack: VmStack;
  const engine = (name: BackupName, progress: "none" | "lines" = "none") =>
    stack.engine(programSettings(stack, { snapshot: backups[name], members: "3" }), progress);
  beforeAll(() => {
    stack = openVmStack(PROJECT, { root: inject("guests")[0].root });
  });
  afterAll(async () => {
    await stack.dispose();
  });

  /** Every member holds the backup, and they are one cluster. */
  function expectCluster(name: BackupName): void {
    const { live_keys: keys, revision, hashkv } = readTruth(`kubernetes-1.35-${name}.db`);
    const report = JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;
    expect(report).toMatchObject({
      verdict: "pass",
      snapshot: { revision },
      restored: { keys, hashKv: hashkv.hash },
    });
    expect(report.members?.map((member) => member.name)).toEqual(NAMES);
    for (const id of ["members", "member-1", "member-2", "member-3"]) {
      expect(report.checks.find((check) => check.id === id)).toMatchObject({ verdict: "pass" });
    }
  }

  it("holds the backup in each member, and is left alone when nothing has changed", async () => {
    expect(await engine("main").up()).toMatchObject({ ok: true, failures: [] });
    expectCluster("main");
    expect(stack.cloud.contents().filter((type) => type === TYPES.server)).toHaveLength(3);
    expect(Object.keys((await engine("main").up()).changes)).toEqual(["same"]);
  });

  // The lines in which the second member says what it is at; each time another backup makes the restore due.
  it.each([
    ["events", "etcd-2: restore: checking"],
    ["main", "etcd-2: restore: restoring with"],
    ["events", "etcd-2: restore: proving revision"],
    ["main", "etcd-2: restore: moving what was restored"],
    ["events", "etcd-2: restore: starting etcd"],
    ["main", "verification-proof: "],
  ] as const)(
    "with %s is whole at the next try when a member's processes were killed at %j",
    async (name, phase) => {
      const machine = stack.cloud.machineOf("etcd-2-server");
      const kill = vi.fn(() => machine.run("pkill", "--signal", "KILL", "--full", "etcd|restore"));
      const told = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
        if (kill.mock.calls.length === 0 && String(text).includes(phase)) void kill();
        return true;
      });
      const { ok } = await engine(name, "lines").up();
      told.mockRestore();

      expect(kill).toHaveBeenCalledOnce();
      // What lost a member never says that it holds all of them, unless the member was back by then.
      if (ok) expectCluster(name);
      expect(await engine(name).up()).toMatchObject({ ok: true, failures: [] });
      expectCluster(name);
    },
  );

  it("leaves nothing after `destroy`", async () => {
    await expectNothingLeft(stack, engine("main"));
  });
});
