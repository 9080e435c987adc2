/** Proves the XML with a parser and against the form of junit-10.xsd, written down here; that a given server shows it well is not proved. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { junitReport } from "../../../etcd/report/junit";
import type { Report } from "../../../etcd/report/report";
import { readReport, REPORTS } from "./reports";
import { all, children, type Element, parseXml, textOf } from "./tree";
import { wildText } from "./wild-text";

/** For each element of the form: attributes that it must have, that it may have, and what may stand in it (`text` for text). */
const FORM: Readonly<Record<string, readonly [must: string, may: string, inside: string]>> = {
  testsuites: ["name tests failures errors", "time", "testsuite"],
  testsuite: [
    "name tests failures errors",
    "skipped time timestamp",
    "properties testcase system-out",
  ],
  properties: ["", "", "property"],
  property: ["name value", "", ""],
  testcase: ["name", "classname time", "failure skipped system-out"],
  failure: ["", "type message", "text"],
  skipped: ["", "type message", "text"],
  "system-out": ["", "", "text"],
};

function expectForm(element: Element): void {
  const [must, may, inside] = FORM[element.tagName] ?? [];
  expect(inside, `an element ${element.tagName}`).toBeDefined();
  const names = Array.from(element.attributes).map(({ name }) => name);
  const needed = (must ?? "").split(" ").filter(Boolean);
  expect(names).toEqual(expect.arrayContaining(needed));
  expect([...needed, ...(may ?? "").split(" ")]).toEqual(expect.arrayContaining(names));
  const elements = children(element);
  if (inside === "text") expect(elements).toEqual([]);
  else {
    expect((inside ?? "").split(" ")).toEqual(
      expect.arrayContaining(elements.map(({ tagName }) => tagName)),
    );
    const text = Array.from(element.childNodes).filter((node) => node.nodeType === 3);
    expect(text.map((node) => node.nodeValue?.trim()).join("")).toBe("");
  }
  for (const name of ["tests", "failures", "errors", "skipped"]) {
    expect(element.getAttribute(name) ?? "0").toMatch(/^\d+$/);
  }
  expect(element.getAttribute("time") ?? "0.000").toMatch(/^\d+\.\d{3}$/);
  elements.forEach(expectForm);
}

/** Name of each test case and whether it is passed, failure or skipped, as a server would see it. */
function outcomes(root: Element): [name: string, outcome: string][] {
  return all(root, "testcase").map((test) => [
    test.getAttribute("name") ?? "",
    children(test)
      .map(({ tagName }) => tagName)
      .find((tag) => tag !== "system-out") ?? "passed",
  ]);
}

describe("the JUnit form of a report", () => {
  it.each(REPORTS)("of %s has the form that servers read, and counts what it holds", (name) => {
    const report = readReport(name);
    const root = parseXml(junitReport(report));
    expect(root.tagName).toBe("testsuites");
    expectForm(root);
    const found = outcomes(root).map(([, outcome]) => outcome);
    expect(found).toHaveLength(report.checks.length + 1);
    const suite = all(root, "testsuite")[0];
    const count = (outcome: string) => found.filter((each) => each === outcome).length;
    for (const [element, attribute, expected] of [
      [root, "tests", found.length],
      [root, "failures", count("failure")],
      [suite, "tests", found.length],
      [suite, "failures", count("failure")],
      [suite, "skipped", count("skipped")],
    ] as const) {
      expect(element?.getAttribute(attribute)).toBe(String(expected));
    }
  });

  it("is green for a pass, also with explained differences, and gives the reason of these", () => {
    const root = parseXml(junitReport(readReport("explained")));
    expect(new Set(outcomes(root).map(([, outcome]) => outcome))).toEqual(new Set(["passed"]));
    const leases = all(root, "testcase").find((test) => test.getAttribute("name") === "leases");
    expect(textOf(leases)).toContain("ran out after the restore");
    expect(leases?.getAttribute("classname")).toBe("etcd-restore.file");
  });

  it("is red where a check failed, with what was expected and found", () => {
    const root = parseXml(junitReport(readReport("fail")));
    expect(outcomes(root).filter(([, outcome]) => outcome === "failure")).toEqual(
      ["verdict", "hashkv", "key-count", "read-back", "revision", "expected-keys"].map((name) => [
        name,
        "failure",
      ]),
    );
    const hash = all(root, "failure")[1];
    expect(hash?.getAttribute("message")).toBe("expected 1992026518, found 2750219633");
    expect(textOf(all(root, "system-out").at(-1)).split("\n")).toEqual(
      expect.arrayContaining([
        "differences: 6",
        "/registry/pods/shop/: 2 missing, 0 extra, 0 changed",
        "changed /registry/secrets/shop/db-password (value)",
      ]),
    );
  });

  it("is red where nothing failed but a check could not be made", () => {
    const found = new Map(outcomes(parseXml(junitReport(readReport("incomplete")))));
    expect(found.get("verdict")).toBe("failure");
    expect(found.get("hashkv")).toBe("failure");
    expect(found.get("revision")).toBe("passed");
  });

  it("is red for every verdict but pass, even when no check tells why", () => {
    for (const verdict of ["fail", "incomplete"] as const) {
      const root = parseXml(junitReport({ ...readReport("pass"), verdict, checks: [] }));
      expect(outcomes(root)).toEqual([["verdict", "failure"]]);
    }
  });

  it("skips what was not checked in a report that is judged by other checks", () => {
    const found = new Map(outcomes(parseXml(junitReport(readReport("nasty")))));
    expect(found.get("hashkv")).toBe("skipped");
  });

  it("has the facts as properties", () => {
    const root = parseXml(junitReport(readReport("pass")));
    const properties = new Map(
      all(root, "property").map((each) => [each.getAttribute("name"), each.getAttribute("value")]),
    );
    expect(properties.get("snapshot.hashKv")).toBe("1992026518");
    expect(properties.get("source.revision")).toBe("482");
    expect(properties.get("seconds.restore")).toBe("1.046");
  });

  it("keeps its form whatever the texts hold", () => {
    const base = readReport("fail");
    const tags = (xml: string) => all(parseXml(xml), "*").map(({ tagName }) => tagName);
    const expected = tags(junitReport(base));
    fc.assert(
      fc.property(wildText, wildText, (one, two) => {
        const report: Report = {
          ...base,
          snapshot: { ...base.snapshot, file: one, etcdVersion: two },
          checks: base.checks.map((check) => ({ ...check, title: one, found: two, source: one })),
          differences: {
            ...base.differences,
            details: [{ key: two, difference: "extra" }],
          },
        };
        expect(tags(junitReport(report))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});
