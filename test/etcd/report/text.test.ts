import { describe, expect, it } from "vitest";

import type { Report } from "../../../etcd/report/report";
import { reportText, verdictLine } from "../../../etcd/report/text";
import { readReport, REPORTS } from "./reports";

const plain = (report: Report) => reportText(report, { color: false });

describe("the report at a terminal", () => {
  it.each(REPORTS)("fits 100 columns and ends in its verdict: %s", (name) => {
    const report = readReport(name);
    const lines = plain(report).split("\n");
    // The last line may be longer: it is read by people and searched by programs.
    for (const line of lines.slice(0, -1)) {
      expect(Array.from(line).length, line).toBeLessThanOrEqual(100);
      expect(line).toBe(line.trimEnd());
    }
    const last = { pass: "PASS  ", fail: "FAIL  ", incomplete: "INCOMPLETE  " }[report.verdict];
    expect(lines.at(-1)).toMatch(new RegExp(`^${last}`));
    expect(lines.at(-1)).toBe(verdictLine(report, { color: false }));
    // Nothing in it can move a terminal's cursor or turn its text round.
    expect(plain(report)).not.toMatch(/[^\P{C}\n]/u);
  });

  it("says in one line what a pass of each level proves", () => {
    const report = readReport("pass");
    const { keys, revision, hashKv } = report.snapshot;
    const line = (level: Report["level"]) => verdictLine({ ...report, level }, { color: false });
    const proof = `(revision ${revision}, HashKV ${hashKv})`;
    expect(line("full")).toBe(
      `PASS  ${keys} of ${keys} keys are exactly what the backup holds ${proof}`,
    );
    expect(line("standard")).toContain("are of the backup's revisions");
    expect(line("quick")).toContain(`the hash over all ${keys} keys`);
  });

  it("names the failed checks, the prefixes and the keys, each key with what differs", () => {
    const report = readReport("pass");
    const failed: Report = {
      ...report,
      verdict: "fail",
      checks: report.checks.map((check) =>
        check.id === "read-back" ? { ...check, verdict: "fail" } : check,
      ),
      differences: {
        total: 3,
        byPrefix: [{ prefix: "/registry/pods/shop/", missing: 1, extra: 1, changed: 1 }],
        keys: ["/registry/pods/shop/a", "/registry/pods/shop/b", "/registry/pods/shop/c"],
        details: [
          { key: "/registry/pods/shop/a", difference: "missing" },
          { key: "/registry/pods/shop/b", difference: "extra" },
          { key: "/registry/pods/shop/c", difference: "changed", fields: ["lease", "value"] },
        ],
      },
    };
    const text = plain(failed);
    expect(text).toContain("3 keys differ");
    expect(text).toContain("/registry/pods/shop/c  changed lease, value");
    const { keys } = report.snapshot;
    expect(text.split("\n").at(-1)).toMatch(
      new RegExp(`^FAIL  ${keys - 2} of ${keys} keys and 1 extra are .*; failed: `),
    );
  });

  it("colours the verdict only when it may", () => {
    const report = readReport("fail");
    expect(reportText(report, { color: true })).toContain("\u001b[31m");
    expect(plain(report)).not.toContain("\u001b[");
  });
});
