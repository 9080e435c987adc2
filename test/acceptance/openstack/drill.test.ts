/** A whole drill on a real OpenStack, with a cluster booted on its VM; and one whose VM never comes up. */
import * as fs from "node:fs";
import * as path from "node:path";
import { beforeEach, expect, inject, it, onTestFinished, vi } from "vitest";
import type { Report } from "../../../etcd/report/report";
import { ROOMY_FLAVOR } from "../../../labs/openstack/catalog";
import { findApiServer } from "../../../machine/programs/api-server";
import { drill } from "../../../scripts/commands/drill/drill";
import type { DrillOptions } from "../../../scripts/commands/drill/options";
import { EXIT } from "../../../scripts/outcome";
import { readTruth } from "../../support/kubernetes-fixtures";
import { PROJECT } from "../../support/lab";
import type { OpenStackOptions } from "../../support/providers/openstack";
import { openCloudStack, type CloudStack } from "./cloud-stack";

const MAIN = path.join(PROJECT, "test", "fixtures", "kubernetes-1.35-main.db");
const { administrator, guests, settings } = inject("cloud");

let stack: CloudStack | undefined;
beforeEach(({ onTestFailed }) => {
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  onTestFailed(() => stack?.keepEvidence());
});

/** Runs it to its end, after which the project has to hold what it held before. */
async function drillOnCloud(
  more: Readonly<Record<string, string>>,
  options: OpenStackOptions & Pick<DrillOptions, "budget"> = {},
): Promise<{ readonly code: number; readonly report: Report; readonly folder: string }> {
  const opened = await openCloudStack(options);
  stack = opened;
  onTestFinished(() => opened.dispose());
  const config = Object.fromEntries(
    Object.entries({ ...settings, ...more }).map(([key, value]) => [`etcd-restore:${key}`, value]),
  );
  const folder = opened.path("report");
  const code = await drill(
    MAIN,
    {
      ...{ target: "openstack", engine: "embedded", quiet: true, report: folder },
      ...{ home: opened.path("drills"), config },
      ...(options.budget === undefined ? {} : { budget: options.budget }),
    },
    (lab) => opened.engineOf(lab),
  );
  const text = fs.readFileSync(path.join(folder, "report.json"), "utf8");
  expect(await opened.left()).toEqual([]);
  return { code, report: JSON.parse(text) as Report, folder };
}

const last = guests.at(-1) ?? {};

it("restores, proves, boots a cluster on the VM, and takes everything away", async ({ skip }) => {
  // To build it takes ten minutes, and is left to `npm run test:boot`.
  const { program, failed } = await findApiServer("1.35");
  skip(program === undefined, failed.map(({ reason }) => reason).join("; "));
  const roomy = administrator === undefined ? {} : { flavor: ROOMY_FLAVOR };
  const boot = { ...roomy, kubernetes: "1.35", kubernetesOn: "machine" };

  const { code, report } = await drillOnCloud({ ...last, ...boot });

  const { live_keys: keys, revision, hashkv } = readTruth("kubernetes-1.35-main.db");
  expect(report.checks.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
  expect(code).toBe(0);
  expect(report).toMatchObject({
    verdict: "pass",
    restored: { keys, revision, hashKv: hashkv.hash },
  });
  const passed = report.checks.filter(({ verdict }) => verdict === "pass").map(({ id }) => id);
  expect(passed).toEqual(
    expect.arrayContaining(["kubernetes-ready", "kubernetes-objects", "life-member", "untouched"]),
  );
  const phases = ["fetch", "provision", "install", "copy", "restore", "start", "verify", "destroy"];
  expect(report.phases.map(({ name }) => name)).toEqual(expect.arrayContaining(phases));
});

it("ends within its budget when the VM never comes up, with its evidence, and nothing is left", async () => {
  const total = 120;
  const began = performance.now();

  const { code, report, folder } = await drillOnCloud(last, {
    budget: { total },
    tamper: () => "#cloud-config\nbootcmd: [[poweroff, --force]]\n",
  });

  // Taking it away comes after the budget.
  expect((performance.now() - began) / 1000).toBeLessThan(3 * total);
  expect(code).toBe(EXIT.checkFailed);
  expect(report).toMatchObject({ verdict: "fail", ended: { phase: "provision" } });
  expect(report.ended?.reason).toMatch(/because its budget of 2 min.* was used up/);
  expect(fs.readdirSync(folder).sort()).toEqual(
    expect.arrayContaining(["report.html", "report.json", "report.md"]),
  );
});
