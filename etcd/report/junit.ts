/** The report as JUnit XML: a case for each check, and one for the verdict. */
import { junitText, partLines, type TestCase } from "./junit-suite";
import type { Check, Report } from "./report";

/**
 * One test case per check, and one for the verdict itself, so that a run that is not proved is red even where no check
 * failed. `explained` is passed, with its reason as output. `not-checked` is skipped, but a failure in a report that is
 * incomplete: there a check that the level asks for is among them.
 */
export function junitReport(report: Report): string {
  return junitText({
    ...{ name: "etcd-restore", seconds: report.seconds, timestamp: report.startedAt },
    properties: properties(report),
    cases: [verdictCase(report), ...report.checks.map((check) => checkCase(check, report))],
    output: differenceLines(report),
  });
}

function verdictCase({ verdict, checks, tool, ended }: Report): TestCase {
  const count = (wanted: Check["verdict"]): number =>
    checks.filter((check) => check.verdict === wanted).length;
  const message =
    ended !== undefined
      ? `${verdict}: ended in the phase ${ended.phase}: ${ended.reason}`
      : `${verdict}: of ${checks.length} checks ${count("fail")} failed, ${count("not-checked")} could not be made`;
  const told = {
    ...{ classname: "etcd-restore.run", name: "verdict" },
    details: [`${tool}: ${message}`],
  };
  return verdict === "pass"
    ? { ...told, outcome: "passed" }
    : { ...told, outcome: "failure", type: verdict, message };
}

function checkCase(check: Check, report: Report): TestCase {
  // The origin of the expectation groups the cases; a free text would tear the tree of class names apart.
  const { source = "" } = check;
  const group = /^[a-z][a-z-]*$/.test(source) ? source : "verify";
  // The id alone: a title may name this night's revision, and servers follow a test through the nights by its name.
  return { classname: `etcd-restore.${group}`, name: check.id, ...result(check, report) };
}

function result(check: Check, report: Report): Omit<TestCase, "classname" | "name"> {
  const { verdict } = check;
  switch (verdict) {
    case "pass":
    case "explained":
      return { outcome: "passed", details: detailLines(check) };
    case "fail": {
      const message = `expected ${check.expected ?? "(not said)"}, found ${check.found ?? "(not said)"}`;
      return { outcome: "failure", type: verdict, message, details: detailLines(check) };
    }
    case "not-checked": {
      const outcome = report.verdict === "incomplete" ? "failure" : "skipped";
      const message = `not checked: ${check.reason ?? "no reason given"}`;
      return { outcome, type: verdict, message, details: detailLines(check) };
    }
  }
}

function detailLines({ title, verdict, expected, found, source, reason }: Check) {
  return partLines({ check: title, verdict, expected, found, "expectation from": source, reason });
}

type Property = readonly [name: string, value: string | number];

function properties(report: Report): Property[] {
  const { tool, verdict, level, stack, ranOn, snapshot, source, restored, phases, v2 } = report;
  const of = (group: string, facts: Readonly<Record<string, string | number>>): Property[] =>
    Object.entries(facts).map(([name, value]) => [`${group}.${name}`, value]);
  return [
    ["tool", tool],
    ["verdict", verdict],
    ["level", level],
    ...(stack === undefined ? [] : [["stack", stack] as const]),
    ...of("ranOn", { ...ranOn }),
    ...of("snapshot", { ...snapshot }),
    ...(v2 === undefined
      ? []
      : of("v2", {
          ...{ keys: v2.keys, folders: v2.folders, hidden: v2.hidden, withTtl: v2.withTtl },
          ...{ index: v2.index, sameKeys: v2.same.keys, sameFolders: v2.same.folders },
          servedIndex: v2.servedIndex,
        })),
    ...of("source", { ...source }),
    ...of("restored", { ...restored }),
    ...phases.map(({ name, seconds }): Property => [`seconds.${name}`, seconds.toFixed(3)]),
  ];
}

function differenceLines({ differences: { total, byPrefix, details } }: Report): string[] {
  return [
    `differences: ${total}`,
    ...byPrefix.map(
      ({ prefix, missing, extra, changed }) =>
        `${prefix || "(no common prefix)"}: ${missing} missing, ${extra} extra, ${changed} changed`,
    ),
    ...(details.length === 0 ? [] : ["first keys:"]),
    ...details.map(({ key, difference, fields }) => {
      const which = fields === undefined ? "" : ` (${fields.join(", ")})`;
      return `${difference} ${key}${which}`;
    }),
  ];
}
