/** The distribution's own packages of etcd: what they can serve is restored, what is too new for them is refused. */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import type { Report } from "../../../etcd/report/report";
import { createWorkspace, snapshotBytes } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import { aptMirror, packagesFrom, type AptMirror } from "./apt-mirror";
import { expectNothingLeft, failureOf, openVmStack, programSettings } from "./vm-stack";

const files = createWorkspace();
const TOO_NEW = files.write("events.db", snapshotBytes("kubernetes-1.35-events.db"));
let mirror: AptMirror;
beforeAll(async () => {
  mirror = await aptMirror();
});
afterAll(() => {
  mirror.remove();
  files.remove();
});

describe("a machine with the distribution's etcd", () => {
  it("refuses a backup that needs a newer one, then restores and proves one that it can serve", async () => {
    const stack = openVmStack(PROJECT, {
      root: inject("machineRoot"),
      mirror: mirror.serve,
      tamper: (userData) => packagesFrom(stack.cloud.mirror, userData),
    });
    onTestFinished(() => stack.dispose());
    const engine = (snapshot: string) =>
      stack.engine(programSettings(stack, { snapshot, etcdInstall: "apt" }));

    const refused = await failureOf(engine(TOO_NEW));
    expect(refused.message).toMatch(
      /the etcd in \/usr\/bin is 3\.\d+\.\d+, and the backup needs 3\.6\.\d+: .*set etcdInstall to release or upload/,
    );
    expect(refused.code).toBe(3);

    expect(await engine(mirror.backup).up()).toMatchObject({ ok: true, failures: [] });
    const report = JSON.parse(fs.readFileSync(stack.path("lab", "report.json"), "utf8")) as Report;
    expect(report).toMatchObject({ verdict: "pass", restored: { keys: 3 } });
    await expectNothingLeft(stack, engine(mirror.backup));
  });
});
