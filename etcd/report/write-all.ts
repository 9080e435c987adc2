import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { htmlReport } from "./html";
import { reportJson } from "./json";
import { junitReport } from "./junit";
import { markdownReport } from "./markdown";
import { prometheusReport } from "./prometheus";
import { REPORT_FILES, type Report } from "./report";

interface Printer {
  readonly print: (report: Report) => string;
  readonly mode: number;
}

/** A report names keys, and a key may tell more than it should: for its owner alone. */
const OWNER = 0o600;
/** Metrics are read by node_exporter, a user of its own; they hold numbers and names of ours, no key and no path. */
const EVERYBODY = 0o644;

const PRINTERS: Readonly<Record<(typeof REPORT_FILES)[number], Printer>> = {
  "report.json": { print: reportJson, mode: OWNER },
  "report.xml": { print: junitReport, mode: OWNER },
  "report.prom": { print: prometheusReport, mode: EVERYBODY },
  "report.md": { print: markdownReport, mode: OWNER },
  "report.html": { print: htmlReport, mode: OWNER },
};

/**
 * Writes the report in all its forms into a folder, which is made (mode 0700) when it is not there; returns the paths, in
 * the order of `REPORT_FILES`.
 *
 * Each file is replaced as a whole or not at all, and none before all are written: a reader never sees half a file.
 * @throws Error of the file system; nothing unfinished is left behind then.
 */
export function writeReports(report: Report, directory: string): string[] {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  // In the same folder, so that the rename cannot become a copy; node_exporter takes only what ends in `.prom`.
  const run = randomUUID();
  const writes = REPORT_FILES.map((file) => ({
    text: PRINTERS[file].print(report),
    mode: PRINTERS[file].mode,
    finished: path.join(directory, file),
    unfinished: path.join(directory, `.${file}.${run}`),
  }));
  try {
    for (const { text, mode, unfinished } of writes) {
      fs.writeFileSync(unfinished, text, { mode, flag: "wx", flush: true });
      fs.chmodSync(unfinished, mode); // the umask may have taken the others' right to read
    }
    for (const { unfinished, finished } of writes) fs.renameSync(unfinished, finished);
  } catch (error) {
    for (const { unfinished } of writes) fs.rmSync(unfinished, { force: true });
    throw error;
  }
  return writes.map(({ finished }) => finished);
}
