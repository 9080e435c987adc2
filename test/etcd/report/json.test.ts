import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { readReport as readBack, reportJson, writeReport } from "../../../etcd/report/json";
import { parseReport } from "../../../etcd/report/parse";
import { temporaryDirectory } from "../../support/temporary";
import { readReport, REPORTS } from "./reports";

describe("the report as a file", () => {
  it.each(REPORTS)("comes back as it was written: %s", async (name) => {
    const file = join(await temporaryDirectory(), "report.json");
    const report = readReport(name);
    writeReport(file, report);
    expect(readBack(file)).toEqual(report);
  });

  it("is its owner's alone, replaces an older one, and leaves nothing beside it", async () => {
    const directory = await temporaryDirectory();
    const file = join(directory, "report.json");
    writeFileSync(file, "an older report", { mode: 0o644 });
    writeReport(file, readReport("fail"));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toBe(reportJson(readReport("fail")));
    expect(readdirSync(directory)).toEqual(["report.json"]);
  });

  it("leaves nothing behind when it cannot be put in its place", async () => {
    const directory = await temporaryDirectory();
    const file = join(directory, "report.json");
    mkdirSync(file);
    expect(() => {
      writeReport(file, readReport("pass"));
    }).toThrow();
    expect(readdirSync(directory)).toEqual(["report.json"]);
  });

  it("refuses a number that the next reader would round", () => {
    const report = readReport("pass");
    const snapshot = { ...report.snapshot, revision: 2 ** 53 };
    expect(() => reportJson({ ...report, snapshot })).toThrow(/revision is 9007199254740992/);
  });
});

describe("reading a report", () => {
  it("names every field that is wrong", () => {
    const report = { ...readReport("pass"), verdict: "fine", seconds: "1" };
    expect(() => parseReport(JSON.stringify(report), "r.json")).toThrow(
      /r\.json is no report[^]*verdict[^]*seconds/,
    );
  });

  it("refuses what could hide a value: a field that no report has", () => {
    const report = readReport("fail");
    const [first] = report.checks;
    const checks = [{ ...first, value: "hunter2" }];
    expect(() => parseReport(JSON.stringify({ ...report, checks }), "r.json")).toThrow(/value/);
  });

  it("refuses what is no JSON, with the file's name", () => {
    expect(() => parseReport("{", "r.json")).toThrow(/^r\.json is no report: /);
  });
});
