/** Proves the Markdown with a renderer of the same dialect; GitHub's own additions (mentions, emoji) are only known to be escaped. */
import fc from "fast-check";
import MarkdownIt from "markdown-it";
import { describe, expect, it } from "vitest";
import { markdownReport } from "../../../etcd/report/markdown";
import type { Report } from "../../../etcd/report/report";
import { shortened, visible } from "../../../etcd/wire/visible";
import { readReport, REPORTS } from "./reports";
import { all, type Element, parseXml, textOf } from "./tree";
import { wildText } from "./wild-text";

// HTML passed through, links found, XHTML out: an element that the text smuggles in, or leaves open, shows in the tree.
const renderer = new MarkdownIt({ html: true, linkify: true, xhtmlOut: true });

function render(report: Report): Element {
  return parseXml(`<body>${renderer.render(markdownReport(report))}</body>`);
}

function foreignTags(root: Element): string[] {
  return all(root, "*").flatMap(({ tagName }) => (OURS.has(tagName) ? [] : [tagName]));
}

const OURS = new Set(
  "h2 h3 p table thead tbody tr th td code details summary ul li strong sub".split(" "),
);

describe("the Markdown of a report", () => {
  it.each(REPORTS)("of %s renders to nothing but headings, tables and lists of ours", (name) => {
    const report = readReport(name);
    const root = render(report);
    expect(foreignTags(root)).toEqual([]);
    expect(all(root, "table")).toHaveLength(report.differences.total > 0 ? 3 : 2);
    for (const row of all(root, "tr")) {
      const cells = all(row, "td").length;
      expect([0, 4, 5]).toContain(cells);
    }
    const checks = all(root, "table")[1];
    expect(checks && all(checks, "tr")).toHaveLength(report.checks.length + 1);
  });

  it.each([
    ["pass", "✅ Pass"],
    ["explained", "✅ Pass"],
    ["fail", "❌ Fail"],
    ["incomplete", "⚠️ Incomplete"],
  ] as const)("of %s begins with the verdict", (name, words) => {
    expect(textOf(all(render(readReport(name)), "h2")[0])).toContain(words);
  });

  it("shows each differing key as it is, and what differs", () => {
    const items = all(render(readReport("fail")), "li").map(textOf);
    expect(items).toContain("missing /registry/pods/shop/web-5d9c7b6f4-2xkqp");
    expect(items).toContain("changed /registry/secrets/shop/db-password: value");
  });

  it("shows nasty keys as text, what cannot be seen written out, the longest ones cut", () => {
    const report = readReport("nasty");
    const items = all(render(report), "li").map(textOf);
    expect(items).toHaveLength(20);
    report.differences.details.slice(0, 20).forEach(({ key, difference }, index) => {
      const shown = shortened(visible(key), 200);
      expect(items[index]?.trim()).toContain(`${difference} ${shown}`.trim());
    });
    expect(markdownReport(report)).not.toMatch(
      /[\u0000-\u0009\u000b-\u001f\u007f\u200b\u202e\u2066]/,
    );
  });

  it("fits into a pipeline's summary of 1 MiB with 100 keys of 1.5 MB", () => {
    const base = readReport("fail");
    const key = "k".repeat(1_500_000);
    const details = Array.from({ length: 100 }, () => ({ key, difference: "extra" }) as const);
    const differences = { ...base.differences, total: 100, details };
    expect(markdownReport({ ...base, differences }).length).toBeLessThan(20_000);
  });

  it("keeps its form whatever the texts hold", () => {
    const base = readReport("fail");
    fc.assert(
      fc.property(wildText, wildText, (one, two) => {
        const report: Report = {
          ...base,
          snapshot: { ...base.snapshot, file: one, etcdVersion: two },
          checks: [{ id: "hashkv", title: one, verdict: "fail", expected: two, reason: one }],
          differences: {
            ...base.differences,
            byPrefix: [{ prefix: one, missing: 1, extra: 2, changed: 3 }],
            details: [{ key: two, difference: "extra" }],
          },
        };
        const root = render(report);
        expect(foreignTags(root)).toEqual([]);
        expect(all(root, "td")).toHaveLength(4 * 4 + 5 + 4);
      }),
      { numRuns: 100 },
    );
  });
});
