/** The synthetic reports that every printer is tried on. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020";
import type { Report } from "../../../etcd/report/report";
import schema from "../../../etcd/report/report.schema.json";

/** `nasty` holds what keys, paths and messages may hold at worst: markup, controls, reversed text, 3,000 characters. */
export const REPORTS = [
  "pass",
  "explained",
  "fail",
  "incomplete",
  "nasty",
  "refused",
  "interrupted",
] as const;

export const isReport = new Ajv2020({
  allErrors: true,
  strict: true,
  strictRequired: false,
}).compile<Report>(schema);

export function readReport(name: (typeof REPORTS)[number]): Report {
  const file = join(__dirname, "../../fixtures/reports", `${name}.json`);
  const report: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (isReport(report)) return report;
  throw new Error(`${file} is no report: ${JSON.stringify(isReport.errors, null, 2)}`);
}
