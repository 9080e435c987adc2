/** The clone for a kube-apiserver made on the machine that was restored to, and gone again. */
import * as fs from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import type { Report } from "../../../etcd/report/report";
import { findApiServer } from "../../../machine/programs/api-server";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { processesOf, PROJECT } from "../../support/lab";
import { expectNothingLeft, openVmStack, programSettings, type VmStack } from "./vm-stack";

const files = createWorkspace();
const MAIN = files.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
afterAll(() => {
  files.remove();
});

describe("a backup that a cluster is booted from on a machine", () => {
  let stack: VmStack;
  let missing: string | undefined;
  const engine = () =>
    stack.engine(
      programSettings(stack, { snapshot: MAIN, kubernetes: "1.35", kubernetesOn: "machine" }),
    );
  const report = () =>
    JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;
  const check = (wanted: string) => report().checks.find(({ id }) => id === wanted);
  beforeAll(async () => {
    // To build it takes ten minutes, and is left to `npm run test:boot`.
    const { program, failed } = await findApiServer("1.35");
    if (program === undefined) missing = failed.map(({ reason }) => reason).join("; ");
    stack = openVmStack(PROJECT, { root: inject("guests")[0].root });
  });
  beforeEach(({ skip }) => {
    skip(missing !== undefined, missing);
  });
  afterAll(async () => {
    await stack.dispose();
  });

  const left = () =>
    stack.cloud
      .machine()
      .run("sh", "-c", "ls -A /var/tmp | grep clones; pgrep -l 'kube|python|unshare'; true");

  it("leaves nothing of the clone there when it is killed in the midst of it", async () => {
    const up = engine().up();
    await expect.poll(left, { timeout: 120_000, interval: 500 }).toContain("kube-apiserver");
    const verify = processesOf(stack.path("lab")).filter(({ command }) =>
      command.includes("--kubernetes-on"),
    );
    expect(verify).not.toEqual([]);
    for (const { pid } of verify) process.kill(pid, "SIGKILL");
    expect(await up).toMatchObject({ ok: false });
    await expect.poll(left, { timeout: 60_000, interval: 500 }).toBe("");
  });

  it("comes up there, lists what the file holds, lives, and leaves the proved etcd as it was", async () => {
    expect(await engine().up()).toMatchObject({ ok: true, failures: [] });
    const { guest } = stack.cloud.wire;
    const { live_keys: keys } = readTruth("kubernetes-1.35-main.db");
    expect(report()).toMatchObject({ verdict: "pass", restored: { keys } });
    expect(check("kubernetes-ready")).toMatchObject({
      verdict: "pass",
      found: expect.stringContaining(` on ${guest}`) as string,
    });
    for (const id of ["kubernetes-objects", "life-snapshot", "life-member", "untouched"]) {
      expect(check(id), id).toMatchObject({ verdict: "pass" });
    }
  });

  it("has left nothing of the clone on the machine", async () => {
    expect(await left()).toBe("");
    const machine = stack.cloud.machine();
    expect((await machine.run("pgrep", "-cx", "etcd")).trim()).toBe("1");
  });

  it("leaves nothing after `destroy`", async () => {
    await expectNothingLeft(stack, engine());
  });
});
