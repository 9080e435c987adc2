import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { describeFileError } from "../../files/plain-file";
import { visible } from "../wire/visible";
import { htmlReport } from "./html";
import { reportJson } from "./json";
import { junitReport } from "./junit";
import { markdownReport } from "./markdown";
import { prometheusReport } from "./prometheus";
import { REPORT_FILES, type Report } from "./report";

/** A report names keys, and a key may tell more than it should: for its owner alone. Metrics are not kept apart. */
const OWNER = 0o600;

const PRINTERS: Readonly<Record<(typeof REPORT_FILES)[number], (report: Report) => string>> = {
  "report.json": reportJson,
  "report.xml": junitReport,
  "report.prom": prometheusReport,
  "report.md": markdownReport,
  "report.html": htmlReport,
};

/**
 * Writes the report in all its forms into a folder, which is made (mode 0700) when it is not there; returns the paths, in
 * the order of `REPORT_FILES`.
 *
 * Each file is replaced as a whole or not at all, and none before all are written: a reader never sees half a file.
 * @throws Error of the file system; nothing unfinished is left behind then.
 */
export function writeReports(report: Report, directory: string): string[] {
  const texts = REPORT_FILES.map((file) => [file, PRINTERS[file](report)] as const);
  return writeTogether(directory, Object.fromEntries(texts));
}

/**
 * Writes several files into a folder, as `writeReports` does.
 * @param texts by the files' names
 */
export function writeTogether(
  directory: string,
  texts: Readonly<Record<string, string>>,
): string[] {
  makeFolder(directory);
  // In the same folder, so that the rename cannot become a copy; node_exporter takes only what ends in `.prom`.
  const run = randomUUID();
  const writes = Object.entries(texts).map(([file, text]) => ({
    text,
    finished: path.join(directory, file),
    unfinished: path.join(directory, `.${file}.${run}`),
  }));
  try {
    for (const { text, unfinished } of writes) {
      fs.writeFileSync(unfinished, text, { mode: OWNER, flag: "wx", flush: true });
    }
    for (const { unfinished, finished } of writes) fs.renameSync(unfinished, finished);
  } catch (error) {
    for (const { unfinished } of writes) fs.rmSync(unfinished, { force: true });
    throw error;
  }
  return writes.map(({ finished }) => finished);
}

function makeFolder(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    const problem = describeFileError(error);
    throw new Error(`no report can be written to ${visible(directory)}: ${problem}`);
  }
}
