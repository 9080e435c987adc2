/** Proves what the page says and that nothing gets out of its texts; how it looks is proved in html-browser.test.ts. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { htmlReport } from "../../../etcd/report/html";
import type { Report } from "../../../etcd/report/report";
import { shortened, visible } from "../../../etcd/wire/visible";
import { readReport, REPORTS } from "./reports";
import { all, type Element, parseXml, textOf } from "./tree";
import { wildText } from "./wild-text";

function page(report: Report): Element {
  return parseXml(htmlReport(report));
}

/** Element names with their classes and link targets: everything that texts must not be able to change. */
function skeleton(root: Element): string[] {
  return all(root, "*").map((element) =>
    [element.tagName, element.getAttribute("class"), element.getAttribute("href")].join(" "),
  );
}

function sectionText(root: Element, name: string): string {
  return textOf(all(root, "section").find((each) => each.getAttribute("class") === name));
}

describe("the HTML page of a report", () => {
  it.each(REPORTS)("of %s needs nothing from elsewhere and forbids it", (name) => {
    const root = page(readReport(name));
    const names = new Set(all(root, "*").map(({ tagName }) => tagName));
    for (const tag of [
      "script",
      "link",
      "img",
      "iframe",
      "object",
      "form",
      "base",
      "image",
      "use",
    ]) {
      expect(names.has(tag), tag).toBe(false);
    }
    for (const element of all(root, "*")) {
      expect(element.getAttribute("src")).toBeNull();
      expect(element.getAttribute("href") ?? "#").toMatch(/^#/);
      const handlers = Array.from(element.attributes).filter((each) => each.name.startsWith("on"));
      expect(handlers).toEqual([]);
    }
    expect(textOf(all(root, "style")[0])).not.toMatch(/url\(|@import|[<&]/);
    const policy = all(root, "meta").find((meta) => meta.getAttribute("http-equiv") !== null);
    expect(policy?.getAttribute("content")).toMatch(
      /^default-src 'none'; style-src 'unsafe-inline';/,
    );
  });

  it.each(REPORTS)("of %s is the same every time", (name) => {
    expect(htmlReport(readReport(name))).toBe(htmlReport(readReport(name)));
  });

  it.each([
    ["pass", "Pass", "All 337 keys came back exactly as in the backup"],
    ["explained", "Pass", "All 296 keys came back with the revisions, version and lease"],
    ["fail", "Fail", "5 of 12 checks failed. 6 keys are not as in the backup."],
    ["incomplete", "Incomplete", "Not proved: 7 of 10 checks could not be made."],
  ] as const)("of %s begins with the verdict in words", (name, verdict, sentence) => {
    const root = page(readReport(name));
    expect(textOf(all(root, "h1")[0])).toBe(`Verdict: ${verdict}`);
    expect(textOf(all(root, "main")[0])).toContain(sentence);
  });

  it("has every check with its verdict as a word, expected, found, origin and reason", () => {
    const report = readReport("explained");
    const rows = all(page(report), "tr").filter((row) => row.getAttribute("id") !== null);
    expect(rows).toHaveLength(report.checks.length);
    const leases = textOf(rows[7]);
    for (const text of ["Explained", "Leases", "2", "1", "file", "ran out after the restore"]) {
      expect(leases).toContain(text);
    }
  });

  it("names the differing keys and prefixes, and no section for them when there is none", () => {
    const root = page(readReport("fail"));
    const text = sectionText(root, "differences");
    expect(text).toContain("/registry/pods/shop/");
    expect(text).toContain("/registry/secrets/shop/db-password");
    expect(text).toContain("differs in modRevision, version, value");
    expect(sectionText(page(readReport("pass")), "differences")).toBe("");
  });

  it("says that nothing is known of the source without a manifest", () => {
    const root = page(readReport("explained"));
    expect(sectionText(root, "chain")).toContain("Source (not known: no manifest)");
    expect(textOf(all(root, "main")[0])).toContain("no manifest lies beside the file");
  });

  it("claims only what this report proves", () => {
    const base = readReport("pass");
    const text = (report: Report) => textOf(all(page(report), "main")[0]);
    expect(text(base)).toContain("each key was read back, and its value, revisions");
    expect(text(base)).not.toContain("32 bits");
    const checks = base.checks.filter(({ id }) => id !== "read-back" && id !== "source-hashkv");
    const quick = text({ ...base, level: "quick", checks });
    expect(quick).not.toContain("was read back");
    expect(quick).not.toContain("what the source cluster said");
    expect(quick).toContain("32 bits");

    expect(text(base)).toContain("Passwords of etcd's users: etcd does not tell them.");
    const unasked = base.checks.filter(({ id }) => id !== "auth");
    expect(text({ ...base, checks: unasked })).toContain("Users, roles and passwords of etcd.");
  });

  it("says what to do before a cluster uses the store: raise the revision, unless that was done, and restart who watches", () => {
    const base = readReport("pass");
    const use = (report: Report) => sectionText(page(report), "use");
    const { revision } = base.snapshot;
    expect(use(base)).toContain(`takes the store back to revision ${revision}.`);
    expect(use(base)).toContain("(setting bumpRevision)");
    expect(use(base)).toContain("restart whatever keeps a watch: the API servers first");
    expect(use(base)).toContain("the encryption configuration, the certificate authorities");

    const raised = { ...base.restored, revision: revision + 9, compactRevision: revision + 9 };
    expect(use({ ...base, restored: raised })).toContain(
      `The revision was raised from ${revision} to ${revision + 9}`,
    );
    expect(use({ ...base, restored: raised })).not.toContain("bumpRevision");
  });

  it("shows nasty texts as texts, with what cannot be seen written out", () => {
    const report = readReport("nasty");
    const html = htmlReport(report);
    expect(html).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e\u2066\ufeff]/);
    const shown = all(parseXml(html), "li").map(textOf);
    for (const { key, difference } of report.differences.details) {
      const text = key === "" ? "(the empty key)" : shortened(visible(key), 500);
      expect(
        shown.some((item) => item.startsWith(`${difference}${text}`)),
        text,
      ).toBe(true);
    }
  });

  it("keeps its form whatever the texts hold", () => {
    const base = readReport("fail");
    const put = (one: string, two: string): Report => ({
      ...base,
      snapshot: { ...base.snapshot, file: one, etcdVersion: `3${two}` },
      restored: { ...base.restored, endpoint: two, clusterId: `c${one}` },
      checks: base.checks.map((check) => ({ ...check, title: one, found: two, reason: one })),
      differences: {
        ...base.differences,
        byPrefix: [{ prefix: `/${one}`, missing: 1, extra: 0, changed: 0 }],
        details: [{ key: two, difference: "missing" }],
      },
    });
    const expected = skeleton(page(put("a", "b")));
    fc.assert(
      fc.property(wildText, wildText, (one, two) => {
        expect(skeleton(page(put(one, two)))).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});
