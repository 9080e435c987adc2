/** The reports in a folder are those of its last run, and a proof that still holds is not lost. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { currentReport, evidencePaths, putBack, writeEnd } from "../../../etcd/report/evidence";
import { REPORT_FILES } from "../../../etcd/report/report";
import { readReport } from "../../../etcd/report/json";
import { writeReports } from "../../../etcd/report/write-all";

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-evidence-"));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

const PASS = readReport(path.join(__dirname, "../../fixtures/reports/pass.json"));
const END = {
  verdict: "incomplete",
  phase: "preflight",
  reason: "interrupted",
  snapshot: { file: "/backups/a.db" },
  level: "full",
  startedAt: new Date(),
  stack: "local",
} as const;

test("a run that ends takes the place of yesterday's pass in all forms, also in a folder that is not there", () => {
  const fresh = path.join(directory, "lab");
  writeEnd(fresh, END);
  writeReports(PASS, directory);
  writeEnd(directory, END);
  for (const folder of [fresh, directory]) {
    expect(currentReport(folder)?.ended).toEqual({ phase: "preflight", reason: "interrupted" });
    for (const file of REPORT_FILES) {
      const text = fs.readFileSync(path.join(folder, file), "utf8");
      // Metrics hold no texts; there it is a number.
      expect(text, file).toContain(file === "report.prom" ? "_success 0" : "interrupted");
    }
  }
});

test("a run that finds everything unchanged puts the proof back, however many have failed in between", () => {
  writeReports(PASS, directory);
  writeEnd(directory, END);
  writeEnd(directory, { ...END, verdict: "fail", reason: "refused" });
  putBack(directory);
  expect(currentReport(directory)).toEqual(PASS);
  expect(fs.readdirSync(directory).sort()).toEqual([...REPORT_FILES].sort());
});

test("a run that made a proof of its own keeps that", () => {
  writeReports(PASS, directory);
  writeEnd(directory, END);
  const newer = { ...PASS, startedAt: "2030-01-01T00:00:00.000Z" };
  writeReports(newer, directory);
  putBack(directory);
  expect(currentReport(directory)?.startedAt).toBe(newer.startedAt);
  for (const file of evidencePaths(directory)) fs.rmSync(file, { recursive: true, force: true });
  expect(fs.readdirSync(directory)).toEqual([]);
});
