import { describe, expect, it } from "vitest";
import type { Report } from "../../../etcd/report/report";
import { headline } from "../../../etcd/report/proof-words";
import { reportText } from "../../../etcd/report/text";
import { verdictLine } from "../../../etcd/report/verdict-line";
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

  it.each(REPORTS.flatMap((name) => [60, 80].map((columns) => [name, columns] as const)))(
    "fits a narrower terminal, with the same words: %s in %i columns",
    (name, columns) => {
      const report = readReport(name);
      const text = reportText(report, { color: false, columns });
      for (const line of text.split("\n").slice(0, -1)) {
        expect(Array.from(line).length, line).toBeLessThanOrEqual(columns);
      }
      const titles = report.checks.flatMap(({ title }) => title.split(" "));
      for (const word of titles.filter((title) => /^\w{1,15}$/.test(title))) {
        expect(text).toContain(word);
      }
      expect(text.split("\n").at(-1)).toBe(verdictLine(report, { color: false }));
    },
  );

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
      new RegExp(
        `^FAIL  ${keys - 2} of ${keys} keys are .* \\(1 missing, 1 extra, 1 changed\\); failed: `,
      ),
    );
  });

  it("says the cause first where it is another store, and folds its 70 prefixes", () => {
    const report = readReport("pass");
    const { keys, revision } = report.snapshot;
    const byPrefix = Array.from({ length: 70 }, (_, i) => ({
      prefix: `/registry/kind-${String(i).padStart(2, "0")}/`,
      missing: i === 69 ? keys - 69 : 1,
      extra: 0,
      changed: 0,
    }));
    const failed: Report = {
      ...report,
      verdict: "fail",
      checks: report.checks.map((check) =>
        check.id === "hashkv" ? { ...check, verdict: "fail" } : check,
      ),
      differences: { total: keys, byPrefix, keys: [], details: [] },
    };
    const text = plain(failed);
    expect(text.split("\n").at(-1)).toMatch(
      /^FAIL {2}another store: none of the .* keys of the backup is there as it was, it has .* keys; failed: hashkv$/,
    );
    expect(text).toContain("and 60 more prefixes");
    expect(text).toContain("/registry/kind-69/");
    expect(text).not.toContain("/registry/kind-60/");

    const early = { ...failed, restored: { ...report.restored, revision: revision - 76 } };
    const cause = `another store: it ends at revision ${revision - 76}, the backup at ${revision}`;
    expect(verdictLine(early, { color: false })).toBe(`FAIL  ${cause}; failed: hashkv`);
    expect(headline(early)).toContain(cause);
  });

  it("does not count keys that nobody read back", () => {
    const report = readReport("pass");
    const failed: Report = {
      ...report,
      verdict: "fail",
      checks: [{ id: "hashkv", title: "HashKV", verdict: "fail" }],
    };
    expect(verdictLine(failed, { color: false })).toBe(
      `FAIL  the ${report.snapshot.keys} keys of the backup were not read back; failed: hashkv`,
    );
  });

  it("colours the verdict only when it may", () => {
    const report = readReport("fail");
    expect(reportText(report, { color: true })).toContain("\u001b[31m");
    expect(plain(report)).not.toContain("\u001b[");
  });
});
