/** Proves the files: their names, rights, and that nothing is half written. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { REPORT_FILES } from "../../../etcd/report/report";
import { writeReports } from "../../../etcd/report/write-all";
import { readReport } from "./reports";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "etcd-restore-reports-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function mode(file: string): string {
  return (statSync(file).mode & 0o777).toString(8);
}

describe("writing a report in all its forms", () => {
  it("writes exactly the named files and returns their paths", () => {
    const paths = writeReports(readReport("pass"), directory);
    expect(REPORT_FILES).toEqual([
      "report.json",
      "report.xml",
      "report.prom",
      "report.md",
      "report.html",
    ]);
    expect(paths).toEqual(REPORT_FILES.map((file) => join(directory, file)));
    expect(readdirSync(directory).sort()).toEqual([...REPORT_FILES].sort());
    expect(JSON.parse(readFileSync(join(directory, "report.json"), "utf8"))).toEqual(
      readReport("pass"),
    );
  });

  it("lets nobody but the owner read any of them, whatever the umask", () => {
    const before = process.umask(0);
    try {
      writeReports(readReport("fail"), directory);
    } finally {
      process.umask(before);
    }
    const modes = REPORT_FILES.map((file) => mode(join(directory, file)));
    expect(modes).toEqual(["600", "600", "600", "600", "600"]);
  });

  it("makes a folder that is not there, for the owner alone", () => {
    const deep = join(directory, "reports", "tonight");
    writeReports(readReport("pass"), deep);
    expect(mode(deep)).toBe("700");
    expect(readdirSync(deep)).toHaveLength(REPORT_FILES.length);
  });

  it("replaces older reports, and rights that were too wide", () => {
    writeReports(readReport("pass"), directory);
    chmodSync(join(directory, "report.html"), 0o666);
    writeReports(readReport("fail"), directory);
    expect(readFileSync(join(directory, "report.html"), "utf8")).toContain("<title>Fail:");
    expect(mode(join(directory, "report.html"))).toBe("600");
    expect(readdirSync(directory)).toHaveLength(REPORT_FILES.length);
  });

  it("leaves nothing unfinished behind when a file cannot be replaced", () => {
    mkdirSync(join(directory, "report.html", "in-the-way"), { recursive: true });
    expect(() => writeReports(readReport("pass"), directory)).toThrow(/report\.html/);
    expect(readdirSync(directory).filter((file) => file.startsWith("."))).toEqual([]);
  });

  it("writes nothing at all into a folder that is a file", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    expect(() => writeReports(readReport("pass"), file)).toThrow(/file/);
    expect(readdirSync(directory)).toEqual(["file"]);
  });
});
