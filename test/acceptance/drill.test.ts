/** A whole drill, however it ends: its evidence, its exit code, and nothing left. What ends it from outside: drill-killed; many of them: drill-row. */
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { currentReport } from "../../etcd/report/evidence";
import { REPORT_FILES, type Report } from "../../etcd/report/report";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { beginCommand, processesOf, type Ended, type Running } from "../support/lab";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

let files: ReturnType<typeof createWorkspace>;
let home: string;
let reports: string;
beforeEach(() => {
  files = createWorkspace();
  home = files.path("home");
  reports = files.path("reports");
});
afterEach(() => {
  for (const { pid } of processesOf(home)) process.kill(pid, "SIGKILL");
  files.remove();
});

const good = (): string => files.write("good.db", snapshotBytes("kubernetes-1.35-main.db"));

function drill(...args: readonly string[]): Running {
  return beginCommand([
    ...["drill", ...args, "--report", reports, "--home", home],
    ...["--engine", "embedded"],
  ]);
}

/** The report of a drill that has ended, in all its forms, with nothing left of what it made. */
function evidence(ended: Ended, code: number): Report {
  expect(ended.code, ended.stderr).toBe(code);
  expect(ended.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
  for (const file of REPORT_FILES) expect(fs.existsSync(path.join(reports, file)), file).toBe(true);
  expectNothingLeft();
  const report = currentReport(reports);
  if (report === undefined) throw new Error("there is no report");
  const success = report.verdict === "pass" ? 1 : 0;
  const metrics = fs.readFileSync(path.join(reports, "report.prom"), "utf8");
  expect(metrics).toContain(`\netcd_restore_verification_success ${success}\n`);
  return report;
}

function expectNothingLeft(): void {
  expect(processesOf(home).map(({ command }) => command)).toEqual([]);
  const left = fs.existsSync(home) ? fs.readdirSync(home) : [];
  expect(left.filter((name) => name !== "reports")).toEqual([]);
}

/** Yesterday's reports, which no end of today's drill may leave in their place. */
function yesterday(): void {
  fs.mkdirSync(reports, { recursive: true });
  for (const file of REPORT_FILES) fs.writeFileSync(path.join(reports, file), "yesterday");
}

test("passes, tells each phase, keeps budgets and age, and leaves nothing", async () => {
  yesterday();
  const flags = ["--max-age", "1h", "--budget", "restore=5m,copy=1s,total=10m"];
  const report = evidence(await drill(good(), ...flags, "--json").ended, 0);
  expect(report).toMatchObject({
    verdict: "pass",
    drill: { target: "local" },
    restored: { keys: 337 },
  });
  const names = report.phases.map(({ name }) => name);
  expect(names).toEqual([
    ...["fetch", "preflight", "install", "restore", "start", "verify", "life", "report"],
    "destroy",
  ]);
  expect(report.seconds).toBeGreaterThan(
    report.phases.reduce((sum, { seconds }) => sum + seconds, 0),
  );
  const added = ["age", "budget-restore", "budget-copy", "budget-total"];
  expect(
    report.checks.filter(({ id }) => added.includes(id)).map(({ verdict }) => verdict),
  ).toEqual(added.map(() => "pass"));
  expect(fs.readFileSync(path.join(reports, "report.prom"), "utf8")).toMatch(
    /\netcd_restore_last_success_timestamp_seconds \d/,
  );
});

test("takes the newest complete one of a folder, says what it passed over, and a budget and the age that are exceeded fail with both numbers", async () => {
  const folder = files.path("backups");
  fs.mkdirSync(folder);
  const bytes = snapshotBytes("kubernetes-1.35-main.db");
  for (const [name, content, age] of [
    ["old.db", snapshotBytes("kubernetes-1.35-events.db"), 9000],
    ["newest.db", bytes, 7200],
    ["empty.db", Buffer.alloc(0), 60],
    ["next.db.part", bytes.subarray(0, 5000), 30],
  ] as const) {
    const file = path.join(folder, name);
    fs.writeFileSync(file, content);
    const at = Date.now() / 1000 - age;
    fs.utimesSync(file, at, at);
  }
  const flags = ["--level", "quick", "--max-age", "90m", "--budget", "verify=0.001s"];
  const report = evidence(await drill("--from", folder, ...flags).ended, 1);
  expect(report).toMatchObject({
    verdict: "fail",
    snapshot: { file: path.join(folder, "newest.db") },
  });
  expect(report.drill?.passedOver?.map(({ name }) => name).sort()).toEqual([
    "empty.db",
    "next.db.part",
  ]);
  expect(report.checks).toContainEqual(
    expect.objectContaining({
      id: "age",
      verdict: "fail",
      expected: "at most 90 min",
      found: expect.stringMatching(/^2\.0 h/) as string,
    }),
  );
  expect(report.checks).toContainEqual(
    expect.objectContaining({ id: "budget-verify", verdict: "fail", expected: "at most 0.00 s" }),
  );
});

test.each<[string, number, "fail" | "incomplete", RegExp, (flags: string[]) => string[]]>([
  [
    "a damaged backup",
    2,
    "fail",
    /./,
    () => {
      const bytes = Buffer.from(snapshotBytes("kubernetes-1.35-main.db"));
      bytes.writeUInt8(bytes.readUInt8(70_000) ^ 1, 70_000);
      return [files.write("damaged.db", bytes)];
    },
  ],
  ["no such file", 2, "fail", /no such file/, () => [files.path("missing.db")]],
  [
    "a folder without a backup",
    1,
    "fail",
    /holds no backup/,
    () => {
      fs.mkdirSync(files.path("nothing"));
      return ["--from", files.path("nothing")];
    },
  ],
  [
    "the budget of the whole used up",
    1,
    "fail",
    /budget of 1\.00 s was used up/,
    () => [good(), "--budget", "total=1s"],
  ],
  ["a setting that is wrong", 2, "fail", /etcdVersion/, () => [good(), "-c", "etcdVersion=new"]],
  [
    "no programs where they should be",
    3,
    "incomplete",
    /./,
    () => [good(), "-c", "etcdPrograms=/nowhere"],
  ],
])("ends with its evidence: %s", async (_, code, verdict, reason, flags) => {
  yesterday();
  const report = evidence(await drill(...flags([])).ended, code);
  expect(report.verdict).toBe(verdict);
  expect(report.ended?.reason).toMatch(reason);
});
