/** Notes a drill where others can check it: a line of the history, and its report signed. */
import * as fs from "node:fs";
import * as path from "node:path";
import { signedEnvelope } from "../../../evidence/envelope";
import { entryOf, historySummary } from "../../../evidence/entry";
import { appendHistory, type History } from "../../../evidence/history";
import { statementOf, type HistoryHead } from "../../../evidence/statement";
import type { Check, Report } from "../../../etcd/report/report";
import { messageOfError } from "../../errors";

/** The signed report, beside the others. */
const SIGNED = "report.intoto.json";

export interface NoteOptions {
  readonly history: string | undefined;
  /** PEM. */
  readonly signKey: string | undefined;
  /** Of the reports. */
  readonly directory: string;
  /** How the command would end with this report. */
  readonly exitCodeOf: (report: Report) => number;
}

/**
 * Appends the drill to the history and signs its report, as far as either is asked for. What cannot be noted fails the
 * drill: evidence that is missing is found out when it is needed.
 * @returns the report as it is now, with what the history says
 */
export async function noted(report: Report, options: NoteOptions): Promise<Report> {
  let told = report;
  let head: HistoryHead | undefined;
  const { history: file, signKey, directory } = options;
  // That of the drill before in the same folder is not of this one.
  fs.rmSync(path.join(directory, SIGNED), { force: true });
  if (file !== undefined) {
    try {
      const history = await append(file, report, options);
      head = { drills: history.entries.length, head: history.head };
      told = withHistory(report, history);
    } catch (error) {
      told = withFailure(
        report,
        "history",
        "The drill is noted in the history",
        messageOfError(error),
      );
    }
  }
  if (signKey === undefined) return told;
  const signed = path.join(directory, SIGNED);
  fs.writeFileSync(`${signed}.new`, signedEnvelope(statementOf(told, head), signKey), {
    mode: 0o600,
  });
  fs.renameSync(`${signed}.new`, signed);
  return told;
}

async function append(file: string, report: Report, options: NoteOptions): Promise<History> {
  const entry = entryOf(report, options.exitCodeOf(report));
  if (entry === undefined) throw new Error("this report is not of a drill");
  return await appendHistory(path.resolve(file), entry, options.signKey);
}

function withHistory(report: Report, { entries }: History): Report {
  return report.drill === undefined
    ? report
    : { ...report, drill: { ...report.drill, history: historySummary(entries) } };
}

function withFailure(report: Report, id: string, title: string, reason: string): Report {
  const check: Check = {
    ...{ id, title, verdict: "fail", expected: "a line of its own", found: "none", reason },
    source: "setting",
  };
  return { ...report, verdict: "fail", checks: [...report.checks, check] };
}
