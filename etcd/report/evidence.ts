/**
 * The reports in a stack's folder are those of its last run, however that ended.
 *
 * A proof is made once for a restore, and later runs that change nothing do not make it again: while a run goes on, and
 * after one that failed, its reports are kept aside, and are put back by the run that finds everything unchanged.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { reportOfEnd, type EndOfRun } from "./end";
import { readReport } from "./json";
import { REPORT_FILES, type Report } from "./report";
import { writeReports } from "./write-all";

/** Folder, in that of the reports, with those of the proof that still holds. */
const ASIDE = ".proof";

/** The folder of the reports that are kept aside. */
export function asidePath(directory: string): string {
  return path.join(directory, ASIDE);
}

/** Everything that this file writes below a folder: the reports, and those kept aside. */
export function evidencePaths(directory: string): readonly string[] {
  return [...REPORT_FILES, ASIDE].map((name) => path.join(directory, name));
}

/** The report in a folder; undefined when there is none that can be read. */
export function currentReport(directory: string): Report | undefined {
  try {
    return readReport(path.join(directory, "report.json"));
  } catch {
    return undefined;
  }
}

/**
 * Writes reports of a run that has ended without a verification, or that may be ended by anything from now on; a proof
 * that was there is kept aside.
 * @throws Error of the file system
 */
export function writeEnd(directory: string, end: EndOfRun): Report {
  const report = reportOfEnd(end);
  keepAside(directory);
  writeReports(report, directory);
  return report;
}

/** Puts the reports of the proof back that still holds, unless this run has made one of its own. */
export function putBack(directory: string): void {
  const aside = asidePath(directory);
  if (!fs.existsSync(aside)) return;
  const current = currentReport(directory);
  if (current === undefined || current.ended !== undefined) {
    for (const file of REPORT_FILES) {
      const kept = path.join(aside, file);
      if (fs.existsSync(kept)) fs.renameSync(kept, path.join(directory, file));
    }
  }
  fs.rmSync(aside, { recursive: true, force: true });
}

function keepAside(directory: string): void {
  const current = currentReport(directory);
  if (current === undefined || current.ended !== undefined) return;
  const aside = asidePath(directory);
  fs.mkdirSync(aside, { recursive: true, mode: 0o700 });
  for (const file of REPORT_FILES) {
    const there = path.join(directory, file);
    if (fs.existsSync(there)) fs.renameSync(there, path.join(aside, file));
  }
}
