import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";

import { parseReport } from "./parse";
import type { Report } from "./report";

/**
 * The report as JSON, indented, with a newline at its end.
 * @throws RangeError for a number that JavaScript, and so the next reader, cannot hold exactly.
 */
export function reportJson(report: Report): string {
  const text = JSON.stringify(
    report,
    (key, value: unknown) => {
      if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
        throw new RangeError(`${key} is ${value}: beyond 2^53, where numbers are no longer exact`);
      }
      return value;
    },
    2,
  );
  return `${text}\n`;
}

/**
 * Writes the report as JSON: the whole of it or nothing, readable for its owner alone.
 *
 * A file of that name is replaced; its folder must be there.
 */
export function writeReport(file: string, report: Report): void {
  const text = reportJson(report);
  // In the same folder, so that the rename cannot become a copy.
  const unfinished = path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}`);
  try {
    fs.writeFileSync(unfinished, text, { mode: 0o600, flag: "wx", flush: true });
    fs.renameSync(unfinished, file);
  } catch (error) {
    fs.rmSync(unfinished, { force: true });
    throw error;
  }
}

/**
 * Reads a report that `writeReport` wrote.
 * @throws Error when it is not there, or is no report.
 */
export function readReport(file: string): Report {
  return parseReport(fs.readFileSync(file, "utf8"), file);
}
