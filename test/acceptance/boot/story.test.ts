/** The setting `kubernetes`: the proof of a stack goes on to a kube-apiserver on a clone, and the stack's etcd stays as it was. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createWorkspace, snapshotBytes, type Workspace } from "../../support/kubernetes-fixtures";
import { openLab, type Lab } from "../../support/lab";
import { needsApiServer } from "./booted";

needsApiServer("1.35");
let workspace: Workspace;
let main: string;
let lab: Lab;

beforeAll(async () => {
  workspace = createWorkspace();
  main = workspace.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
  lab = await openLab();
});
afterAll(async () => {
  await lab.dispose();
  workspace.remove();
});

describe("a stack with the setting kubernetes", () => {
  it("passes with the API server's objects and a life among its checks", async () => {
    const ended = await lab.run("start", main, "-c", "kubernetes=auto");
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    const { verdict, checks, phases } = lab.report();
    expect(verdict).toBe("pass");
    const found = Object.fromEntries(checks.map(({ id, verdict: is }) => [id, is]));
    expect(found).toMatchObject({
      ...{ "kubernetes-ready": "pass", "kubernetes-objects": "pass", untouched: "pass" },
      ...{ "life-restart": "pass", "life-member": "pass" },
    });
    expect(phases.map(({ name }) => name)).toEqual(expect.arrayContaining(["boot", "life"]));
  });

  it("is incomplete, not good, where no such API server can be had", async () => {
    const ended = await lab.run("start", main, "-c", "kubernetes=1.1");
    expect(ended, ended.stderr).toMatchObject({ code: 1 });
    const { verdict, checks } = lab.report();
    expect(verdict).toBe("incomplete");
    const ready = checks.find(({ id }) => id === "kubernetes-ready");
    expect(ready).toMatchObject({ verdict: "not-checked" });
    expect(ready?.reason).toContain("no kube-apiserver of version 1.1.x");
  });
});
