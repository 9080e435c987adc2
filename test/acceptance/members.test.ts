/** A backup restored into a cluster of three on this computer, as a user does it. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { memberNames } from "../../machine/local/members";
import { ensureEtcd } from "../../machine/programs/programs";
import { openCommands, type Commands } from "../support/commands";
import { createWorkspace, readTruth, snapshotBytes } from "../support/kubernetes-fixtures";
import {
  beginCommand,
  killIfThere,
  openLab,
  processesOf,
  waitUntil,
  type Lab,
} from "../support/lab";

const SAMPLE = "kubernetes-1.35-main.db";
const NAMES = memberNames(3);
const files = createWorkspace();
const FILE = files.write(SAMPLE, snapshotBytes(SAMPLE));
const CLUSTER = ["-c", "members=3"];
let lab: Lab;
let commands: Commands;

beforeAll(async () => {
  commands = openCommands();
  await ensureEtcd("3.6");
  lab = await openLab();
}, 900_000);
afterAll(async () => {
  await commands.close();
  await lab.dispose();
  files.remove();
});

/** In a process that has done others before, where that is not killed itself. */
const run = (...words: Parameters<Lab["words"]>) => commands.run(lab.words(...words));

const etcdctl = (...args: readonly string[]): string =>
  execFileSync(path.join(lab.directory, "etcdctl"), args, { encoding: "utf8" });
const pidOf = (name: string): number =>
  Number(fs.readFileSync(path.join(lab.directory, name, "etcd.pid"), "utf8").split(" ")[1]);
const pids = () => NAMES.map(pidOf);

/** Every member holds the backup, they are one cluster, and its report says so. */
function expectCluster(): void {
  const { revision, hashkv } = readTruth(SAMPLE);
  const { members = [], checks, verdict } = lab.report();
  expect(verdict).toBe("pass");
  expect(members.map(({ name }) => name)).toEqual(NAMES);
  for (const id of ["members", "member-1", "member-2", "member-3"]) {
    expect(checks.find((check) => check.id === id)).toMatchObject({ verdict: "pass" });
  }
  const hashes = etcdctl("endpoint", "hashkv", `--rev=${revision}`, "-w", "json");
  expect([...hashes.matchAll(/"hash":(\d+)/g)].map(([, hash]) => Number(hash))).toEqual(
    NAMES.map(() => hashkv.hash),
  );
  const listed = etcdctl("member", "list").trim().split("\n");
  expect(listed.map((line) => line.split(", ")[2]).sort()).toEqual(NAMES);
  for (const form of ["report.xml", "report.prom", "report.md", "report.html"]) {
    expect(fs.readFileSync(path.join(lab.directory, form), "utf8")).toMatch(/member-3|etcd-3/);
  }
}

describe("a cluster of three on this computer", { timeout: 300_000 }, () => {
  it("holds the backup in each member; again nothing changes; verify and ls find it by its lab", async () => {
    const ended = await lab.run("start", FILE, ...CLUSTER);
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expectCluster();
    const before = pids();
    const again = await lab.run("start", FILE, ...CLUSTER);
    expect(again.stderr).toContain("nothing changed");
    expect(pids()).toEqual(before);
    const flags = ["-c", `labDirectory=${lab.directory}`];
    const verified = await beginCommand(["verify", "--json", ...flags]).ended;
    expect(verified, verified.stderr).toMatchObject({ code: 0 });
    expect(verified.stdout).toContain('"id":"member-3"');
    const listed = await beginCommand(["ls", "/registry/", ...flags]).ended;
    expect(listed.stdout).toContain("/registry/namespaces/");
  });

  it("comes back with all its members when one of them was killed", async () => {
    process.kill(pidOf("etcd-2"), "SIGKILL");
    const ended = await run("start", FILE, ...CLUSTER);
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expectCluster();
  });

  it("is whole after a restore of which everything was killed half way", async () => {
    await run("stop");
    const begun = lab.begin("start", FILE, ...CLUSTER);
    await begun.said("etcd-3: restore: moving what was restored");
    for (const { pid, command } of processesOf(lab.directory)) {
      if (/restore|start/.test(command)) killIfThere(pid);
    }
    begun.process.kill("SIGKILL");
    await begun.ended;
    const ended = await run("start", FILE, ...CLUSTER);
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expectCluster();
  });

  // Before the swap, in it, after it, and at the proof of all of them. The steps before: test/machine/restore/in-step.test.ts.
  it.each([
    "etcd-2: restore: restoring with",
    "etcd-2: restore: moving what was restored",
    "etcd-2: restore: starting etcd",
    "verification-proof: creating",
  ])('is whole at the next try when a member was killed at "%s"', async (phase) => {
    await run("stop");
    const begun = commands.begin(lab.words("start", FILE, ...CLUSTER));
    await begun.said(phase);
    const own = processesOf(path.join(lab.directory, "etcd-2"));
    expect(own).not.toEqual([]);
    for (const { pid } of own) killIfThere(pid);
    const { code } = await begun.ended;
    // What lost a member never says that it holds all of them, unless the member was back by then.
    if (code === 0) expectCluster();
    const ended = await run("start", FILE, ...CLUSTER);
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expectCluster();
  });

  it("is taken away whole, also when a member has been lost", async () => {
    process.kill(pidOf("etcd-3"), "SIGKILL");
    const ended = await run("stop");
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expect(fs.existsSync(lab.directory)).toBe(false);
    await waitUntil(() => processesOf(lab.directory).length === 0, "no process is left");
  });
});
