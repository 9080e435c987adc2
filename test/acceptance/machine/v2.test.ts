/** A backup of etcd's old v2 store on a machine: restored by the distribution's etcd, and by one that is copied there. */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { takeV2 } from "../../../etcd/backup/v2/take";
import { localSource } from "../../../etcd/backup/v2/v2-source";
import type { Report } from "../../../etcd/report/report";
import { createWorkspace } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import { TYPES } from "../../support/providers/openstack-machine";
import { fillV2, flat, startV2Server, type AnsweredNode } from "../../support/v2-store";
import { aptMirror, packagesFrom, type AptMirror } from "./apt-mirror";
import { expectNothingLeft, openVmStack, programSettings, type VmStack } from "./vm-stack";

const files = createWorkspace();
const BACKUP = files.path("backup");
const V3_KEYS = 10;
/** Its etcd is 3.4. */
const { suite, root } =
  inject("guests").find((guest) => guest.suite === "bookworm") ?? inject("guests")[0];
let mirror: AptMirror;
let truth: readonly AnsweredNode[];
let stack: VmStack;

beforeAll(async () => {
  mirror = await aptMirror(suite);
  const dataDirectory = files.path("source");
  const old = { version: "3.4", programs: mirror.programs };
  const server = await startV2Server(dataDirectory, 400, old);
  try {
    for (let i = 0; i < V3_KEYS; i++) await server.etcdctl("put", `/v3/${i}`, `value ${i}`);
    truth = await fillV2(server.url);
  } finally {
    await server.stop();
  }
  const { signal } = new AbortController();
  await takeV2({
    ...{ source: localSource(dataDirectory), output: BACKUP, withV3: true },
    ...{ tool: "a test", signal },
  });
  stack = openVmStack(PROJECT, {
    root,
    mirror: mirror.serve,
    tamper: (userData) => packagesFrom(stack.cloud.mirror, userData),
  });
});
afterAll(async () => {
  await (stack as VmStack | undefined)?.dispose(); // none where the source did not come up
  (mirror as AptMirror | undefined)?.remove();
  files.remove();
});

const engine = (more: Readonly<Record<string, string>>) =>
  stack.engine(programSettings(stack, { snapshot: BACKUP, ...more }));
const report = () =>
  JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;

/** Asked on the machine itself, past all that is ours. */
async function served(key: string): Promise<readonly AnsweredNode[]> {
  const ask =
    "curl --silent --fail --cacert ca.crt --cert root.crt --key root.key " +
    `'https://127.0.0.1:2379/v2/keys${key}?recursive=true&sorted=true'`;
  const text = await stack.cloud.machine().run("sh", "-ec", `cd /etc/etcd/certificates; ${ask}`);
  return flat((JSON.parse(text) as { node: AnsweredNode }).node);
}

/** Every v2 key of the source but the one that has run out, and the v3 keys beside them. */
async function expectProved(etcdVersion: RegExp): Promise<void> {
  const found = report();
  const keys = truth.filter(({ value }) => value !== undefined).length;
  expect(found).toMatchObject({ verdict: "pass", v2: { keys } });
  // etcd drops what has run out half a second after it began to serve; the proof may have been before.
  expect([keys - 1, keys]).toContain(found.v2?.same.keys);
  expect(found.restored.etcdVersion).toMatch(etcdVersion);
  expect(found.restored.keys).toBe(V3_KEYS);
  const hidden = ["/_hidden", "/_hidden/_deeper", "/_hidden/_deeper/_still", "/half/_in"];
  const answers = [];
  for (const key of ["/", ...hidden]) answers.push(...(await served(key)));
  expect(answers.filter(({ key }) => key !== undefined)).toEqual(
    truth.filter(({ key }) => key !== "/short"),
  );
}

describe("a backup of a v2 store, with v3 keys beside it, on a machine in a cloud", () => {
  it("is restored by the distribution's etcd 3.4, and each key is proved", async () => {
    const up = await engine({ etcdInstall: "apt" }).up();
    expect(up).toMatchObject({ ok: true, failures: [] });
    await expectProved(/^3\.4\./);
    const { snapshot } = await stack.outputs();
    expect(snapshot).toMatchObject({ v2: { index: report().v2?.index } });
  });

  it("is left alone by a second `up`", async () => {
    const { ok, changes } = await engine({ etcdInstall: "apt" }).up();
    expect({ ok, changes: Object.keys(changes) }).toEqual({ ok: true, changes: ["same"] });
  });

  it("is restored by programs that are copied there, which are another machine's", async () => {
    const old = stack.cloud.only(TYPES.server).id;
    const copied = { etcdInstall: "upload", etcdVersion: "3.4", etcdPrograms: mirror.programs };
    expect(await engine(copied).up()).toMatchObject({ ok: true, failures: [] });
    expect(stack.cloud.only(TYPES.server).id).not.toBe(old);
    await expectProved(/^3\.4\./);
  });

  it("is restored by the newest etcd that has a v2 store, on the same machine", async () => {
    const { id } = stack.cloud.only(TYPES.server);
    expect(await engine({ etcdInstall: "upload" }).up()).toMatchObject({ ok: true, failures: [] });
    expect(stack.cloud.only(TYPES.server).id).toBe(id);
    await expectProved(/^3\.5\./);
  });

  it("leaves nothing after `destroy`", async () => {
    await expectNothingLeft(stack, engine({ etcdInstall: "upload" }));
  });
});
