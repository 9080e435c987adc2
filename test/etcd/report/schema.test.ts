/** Proves the report's schema against the type and against wrong reports; that the verification makes such reports is proved there. */
import { describe, expect, it } from "vitest";
import {
  PHASE_NAMES,
  type Check,
  type Differences,
  type EndedRun,
  type KeyDifference,
  type Phase,
  type PrefixDifference,
  type Report,
  type RestoredSummary,
  type SourceSummary,
} from "../../../etcd/report/report";
import type { SnapshotSummary } from "../../../etcd/snapshot/judgement";
import schema from "../../../etcd/report/report.schema.json";
import { isReport, readReport, REPORTS } from "./reports";

// The compiler compares the type's properties with the schema's: one that is only in one of them does not compile.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
type Of<T> = keyof T & string;
type Properties = typeof schema.properties;
type Difference = Properties["differences"]["properties"];
const typeAndSchemaAgree: readonly true[] = [
  true satisfies Same<Of<Report>, Of<Properties>>,
  true satisfies Same<Of<SnapshotSummary>, Of<Properties["snapshot"]["properties"]>>,
  true satisfies Same<Of<SourceSummary>, Of<Properties["source"]["properties"]>>,
  true satisfies Same<Of<RestoredSummary>, Of<Properties["restored"]["properties"]>>,
  true satisfies Same<Of<EndedRun>, Of<Properties["ended"]["properties"]>>,
  true satisfies Same<Of<Phase>, Of<Properties["phases"]["items"]["properties"]>>,
  true satisfies Same<Of<Check>, Of<Properties["checks"]["items"]["properties"]>>,
  true satisfies Same<Of<Differences>, Of<Difference>>,
  true satisfies Same<Of<PrefixDifference>, Of<Difference["byPrefix"]["items"]["properties"]>>,
  true satisfies Same<Of<KeyDifference>, Of<Difference["details"]["items"]["properties"]>>,
];

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Every object in a JSON value, itself included. */
function objectsIn(value: Json): Record<string, Json>[] {
  if (value === null || typeof value !== "object") return [];
  const inside = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? inside : [value, ...inside];
}

function copyOf(name: (typeof REPORTS)[number]): Record<string, Json> {
  return JSON.parse(JSON.stringify(readReport(name))) as Record<string, Json>;
}

describe("the schema of the report", () => {
  it("names exactly the properties of the type", () => {
    expect(typeAndSchemaAgree).toHaveLength(10);
  });

  it("names exactly the phases of the type", () => {
    expect(schema.$defs.phase.enum).toEqual(PHASE_NAMES);
  });

  it.each(REPORTS)("accepts the report %s", (name) => {
    expect(readReport(name).schemaVersion).toBe(1);
  });

  it.each(["fail", "nasty"] as const)("refuses a value in any object of the report %s", (name) => {
    const count = objectsIn(copyOf(name)).length;
    expect(count).toBeGreaterThan(20);
    for (let index = 0; index < count; index += 1) {
      const report = copyOf(name);
      const object = objectsIn(report)[index];
      expect(object).toBeDefined();
      Object.assign(object ?? {}, { value: "c2VjcmV0" });
      expect(isReport(report), `object ${index}`).toBe(false);
      expect(isReport.errors?.map(({ keyword }) => keyword)).toContain("additionalProperties");
    }
  });

  it("misses no property that is required", () => {
    const optional = new Set([
      "source",
      "level",
      "stack",
      "expected",
      "found",
      "reason",
      "fields",
      "details",
    ]);
    const count = objectsIn(copyOf("pass")).length;
    for (let index = 0; index < count; index += 1) {
      const object = objectsIn(copyOf("pass"))[index] ?? {};
      // A source may have been unable to tell its hash.
      const mayMiss = (name: string) =>
        optional.has(name) || (name === "hashKv" && "takenAt" in object);
      for (const name of Object.keys(object).filter((each) => !mayMiss(each))) {
        const report = copyOf("pass");
        delete objectsIn(report)[index]?.[name];
        expect(isReport(report), `object ${index} without ${name}`).toBe(false);
      }
    }
  });

  it.each<[string, (report: Record<string, Json>) => void]>([
    ["another schema version", (report) => (report.schemaVersion = 2)],
    ["a verdict that is none", (report) => (report.verdict = "passed")],
    ["a level that is none", (report) => (report.level = "deep")],
    ["a local time", (report) => (report.startedAt = "2026-08-23T04:12:07+02:00")],
    ["negative seconds", (report) => (report.seconds = -1)],
    ["a number past 2^53", (report) => Object.assign(report.snapshot ?? {}, { revision: 2 ** 53 })],
    ["a HashKV of 33 bits", (report) => Object.assign(report.snapshot ?? {}, { hashKv: 2 ** 32 })],
    ["a short SHA-256", (report) => Object.assign(report.snapshot ?? {}, { sha256: "abc" })],
    [
      "no SHA-256 in a run that was verified",
      (report) => Object.assign(report.snapshot ?? {}, { sha256: "" }),
    ],
    [
      "a pass of a run that ended before",
      (report) => (report.ended = { phase: "restore", reason: "no room" }),
    ],
    [
      "an end for no reason",
      (report) => Object.assign(report, { verdict: "fail", ended: { phase: "restore" } }),
    ],
    ["a phase that is none", (report) => (report.phases = [{ name: "wait", seconds: 1 }])],
    [
      "a check whose id is a key",
      (report) => (report.checks = [{ id: "/registry/x", title: "x", verdict: "pass" }]),
    ],
    [
      "a check that was not made for no reason",
      (report) => (report.checks = [{ id: "hashkv", title: "x", verdict: "not-checked" }]),
    ],
    [
      "a pass in which a check fails",
      (report) => (report.checks = [{ id: "hashkv", title: "x", verdict: "fail" }]),
    ],
    [
      "101 keys",
      (report) => Object.assign(report.differences ?? {}, { keys: Array<string>(101).fill("k") }),
    ],
  ])("refuses %s", (_what, damage) => {
    const report = copyOf("pass");
    damage(report);
    expect(isReport(report)).toBe(false);
  });
});
