/** The whole program on a real OpenStack, from `up` to `destroy`. */
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import * as z from "zod";
import { reach } from "../../../machine/ssh/reach";
import type { Report } from "../../../etcd/report/report";
import { createWorkspace, readTruth, snapshotBytes } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import { ASK_CLOUD_INIT, expectNoComplaint } from "../../support/cloud-init";
import { openCloudStack, type CloudStack } from "./cloud-stack";

const files = createWorkspace();
const MAIN = path.join(PROJECT, "test", "fixtures", "kubernetes-1.35-main.db");
const EVENTS = files.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
afterAll(() => {
  files.remove();
});

const { guests } = inject("cloud");

describe.each(guests)("a backup on a VM of a real OpenStack %j", (guest) => {
  // What is asked of the cloud, and not of the guest, is asked once.
  const ofTheCloud = guest === guests[0];
  let stack: CloudStack;
  let server: string;
  const up = (more: Readonly<Record<string, string>> = {}) =>
    stack.engine({ snapshot: MAIN, ...guest, ...more }).up();
  const report = () =>
    JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;
  const serverId = async () => {
    const { servers } = z
      .object({ servers: z.array(z.object({ id: z.string() })) })
      .parse(await stack.session.request("compute", "/servers"));
    return servers.map(({ id }) => id).join();
  };
  beforeAll(async () => {
    stack = await openCloudStack();
  });
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => stack.keepEvidence());
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
    const phases = ["provision", "install", "copy", "restore", "start", "verify"];
    expect(report().phases.map(({ name }) => name)).toEqual(expect.arrayContaining(phases));
    server = await serverId();
  });

  it("has cloud-init complain of nothing", async () => {
    expectNoComplaint(await stack.onVm(ASK_CLOUD_INIT));
  });

  it("is left alone when nothing has changed", async () => {
    const { ok, changes } = await up();
    expect({ ok, changes: Object.keys(changes) }).toEqual({ ok: true, changes: ["same"] });
  });

  it.runIf(ofTheCloud)(
    "lets nobody in at a port that is not named, whatever listens there",
    async () => {
      const { clientEndpoint } = await stack.outputs();
      const { hostname } = new URL(String(clientEndpoint));
      const serve = "systemd-run --quiet --unit=listener python3 -m http.server 8000";
      const answers =
        "curl --silent --output /dev/null --retry 20 --retry-connrefused --retry-delay 1";
      await stack.onVm(`${serve} && ${answers} http://127.0.0.1:8000/ && echo listens`);
      expect(await connects(hostname, 22)).toBe(true);
      expect(await connects(hostname, 2379)).toBe(true);
      expect(await connects(hostname, 8000)).toBe(false);
      expect(await connects(hostname, 2380)).toBe(false);
    },
  );

  it.runIf(ofTheCloud)("changes nothing but rules when others may come in", async () => {
    const more = JSON.stringify([...stack.clientCidrs, "192.0.2.0/24"]);
    const { ok, changes } = await up({ clientCidrs: more });
    expect({ ok, changes: Object.keys(changes).sort() }).toEqual({
      ok: true,
      changes: ["create", "same"],
    });
    expect(changes.create).toBe(1);
  });

  it("makes place for another backup on the same VM", async () => {
    expect(await up({ snapshot: EVENTS })).toMatchObject({ ok: true, failures: [] });
    const truth = readTruth("kubernetes-1.35-events.db");
    expect(report()).toMatchObject({ verdict: "pass", snapshot: { keys: truth.live_keys } });
    expect(await serverId()).toBe(server);
  });

  it("leaves nothing in the project after `destroy`", async () => {
    expect(await stack.engine({ snapshot: EVENTS, ...guest }).destroy()).toMatchObject({
      ok: true,
      failures: [],
    });
    expect(await stack.left()).toEqual([]);
  });
});

/** Whether a TCP connection comes about in five seconds. */
async function connects(host: string, port: number): Promise<boolean> {
  return (await reach(host, port, 5000)) !== undefined;
}
