/** The whole program on the openstack target, from `up` to `destroy`, on a machine that cloud-init has set up. */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Report } from "../../etcd/report/report";
import { createWorkspace, readTruth, snapshotBytes } from "../support/kubernetes-fixtures";
import { PROJECT } from "../support/lab";
import { TYPES } from "../support/providers/openstack-machine";
import { openVmStack, programSettings, type VmStack } from "./vm-stack";

const files = createWorkspace();
const MAIN = files.write("main.db", snapshotBytes("kubernetes-1.35-main.db"));
const EVENTS = files.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
afterAll(() => {
  files.remove();
});

describe("a backup on a machine in a cloud", () => {
  let stack: VmStack;
  let server: string;
  const settings = (more: Readonly<Record<string, string>> = {}) =>
    programSettings(stack, { snapshot: MAIN, ...more });
  const up = (more?: Readonly<Record<string, string>>) => stack.engine(settings(more)).up();
  const report = () =>
    JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;
  beforeAll(() => {
    stack = openVmStack(PROJECT, { root: inject("machineRoot") });
  });
  afterAll(async () => {
    await stack.dispose();
  });

  it("is restored and proved key by key", async () => {
    expect(await up()).toMatchObject({ ok: true, failures: [] });
    const truth = readTruth("kubernetes-1.35-main.db");
    expect(report()).toMatchObject({
      verdict: "pass",
      restored: { keys: truth.live_keys, revision: truth.revision, hashKv: truth.hashkv.hash },
    });
    server = stack.cloud.only(TYPES.server).id;
  });

  it("keeps its keys out of the state, and all but the host key out of user data and the logs of the machine", async () => {
    const state = fs.readFileSync(stack.path("work", "test.state.json"), "utf8");
    expect(state).not.toMatch(/PRIVATE KEY/);
    const userData = JSON.stringify(stack.cloud.only(TYPES.server).properties.userData);
    expect(userData.match(/BEGIN [A-Z ]*PRIVATE KEY/g), "the host key alone").toHaveLength(1);
    const log = await stack.cloud
      .machine()
      .run("sh", "-c", "journalctl --no-pager; cat /var/log/cloud-init*.log");
    expect(log).not.toMatch(/PRIVATE KEY/);
  });

  it("is left alone when nothing has changed", async () => {
    const { ok, changes } = await up();
    expect({ ok, changes: Object.keys(changes) }).toEqual({ ok: true, changes: ["same"] });
  });

  it("changes nothing but rules when others may come in", async () => {
    const { ok, changes } = await up({ clientCidrs: '["198.51.100.0/24", "203.0.113.0/24"]' });
    expect({ ok, changes: Object.keys(changes).sort() }).toEqual({
      ok: true,
      changes: ["create", "same"],
    });
    expect(changes.create).toBe(1);
  });

  it("makes place for another backup on the same machine", async () => {
    expect(await up({ snapshot: EVENTS })).toMatchObject({ ok: true, failures: [] });
    const truth = readTruth("kubernetes-1.35-events.db");
    expect(report()).toMatchObject({ verdict: "pass", snapshot: { keys: truth.live_keys } });
    expect(stack.cloud.only(TYPES.server).id).toBe(server);
  });

  it("leaves nothing after `destroy`", async () => {
    expect(await stack.engine(settings()).destroy()).toMatchObject({ ok: true, failures: [] });
    expect(stack.cloud.contents()).toEqual([]);
    expect(fs.existsSync(stack.path("lab", "client", "client.key"))).toBe(false);
  });
});
