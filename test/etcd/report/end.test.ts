/** Proves that a run which never came to its verification says so in every form, and leaves nothing of the run before. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { reportOfEnd, wallClock, type EndOfRun } from "../../../etcd/report/end";
import { REPORT_FILES } from "../../../etcd/report/report";
import { reportText } from "../../../etcd/report/text";
import { verdictLine } from "../../../etcd/report/verdict-line";
import { writeReports } from "../../../etcd/report/write-all";
import { isReport, readReport } from "./reports";

const REFUSED: EndOfRun = {
  verdict: "fail",
  phase: "preflight",
  reason: "cut.db is cut off: it has 100 bytes, 200 are announced. Fetch it again",
  snapshot: { file: "/backups/cut.db" },
  level: "full",
  stack: "local",
  startedAt: new Date(Date.now() - 1500),
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "etcd-restore-end-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe("the report of a run that ended without a verification", () => {
  it("follows the schema whether the backup was read or not", () => {
    const { snapshot } = readReport("pass");
    for (const end of [REFUSED, { ...REFUSED, verdict: "incomplete", snapshot } as const]) {
      expect(isReport(reportOfEnd(end)), JSON.stringify(isReport.errors)).toBe(true);
    }
  });

  it("takes the place of yesterday's pass in all five files, each with phase and reason", () => {
    writeReports(readReport("pass"), directory);
    writeReports(reportOfEnd(REFUSED), directory);
    const texts = new Map(
      REPORT_FILES.map((file) => [file, readFileSync(join(directory, file), "utf8")]),
    );
    for (const [file, text] of texts) {
      expect(text, file).not.toContain(readReport("pass").snapshot.sha256);
      if (file === "report.prom") continue;
      expect(text, file).toContain("preflight");
      expect(text, file).toContain("100 bytes, 200 are announced");
    }
    const metrics = texts.get("report.prom") ?? "";
    expect(metrics).toContain("etcd_restore_verification_success 0");
    expect(metrics).toContain('check_status{check="run",verdict="fail"} 1');
    // Nobody may draw a curve through a backup of 0 keys that nobody has read.
    expect(metrics).not.toContain("snapshot_keys");
    expect(existsSync(join(directory, "report.html"))).toBe(true);
  });

  it("has the cause in its last line, and no count of keys that nobody compared", () => {
    const report = reportOfEnd(REFUSED);
    const last = verdictLine(report, { color: false });
    expect(last).toBe(
      `FAIL  nothing was compared, the run ended in the phase preflight: ${REFUSED.reason}`,
    );
    expect(reportText(report, { color: false })).not.toMatch(/\? of|0 keys|revision 0/);
  });

  it("counts from the command's start, and never less than its phases", () => {
    expect(reportOfEnd(REFUSED).seconds).toBeGreaterThanOrEqual(1.5);
    const phases = [
      { name: "install", seconds: 59.1 },
      { name: "restore", seconds: 6.2 },
    ] as const;
    expect(wallClock(new Date(), phases)).toBe(65.3);
  });
});
