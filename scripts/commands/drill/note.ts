/** Notes a drill where others can check it: a line of the history, and its report signed. */
import * as fs from "node:fs";
import * as path from "node:path";
import { signedEnvelope } from "../../../evidence/envelope";
import { entryOf, historySummary } from "../../../evidence/entry";
import type { History } from "../../../evidence/history";
import { statementOf, type HistoryHead } from "../../../evidence/statement";
import type { Check, Report } from "../../../etcd/report/report";
import { privateKeyOf } from "../../../etcd/wire/ed25519";
import { messageOfError } from "../../errors";
import { openHistory, type HistoryPlace } from "../../history-place";
import { readSignKey } from "../backup/sign-key";
import type { RunOptions } from "./options";

/** The signed report, beside the others. */
const SIGNED = "report.intoto.json";

/** Where a drill is noted, and what signs it. */
export interface Noting {
  readonly history: HistoryPlace | undefined;
  /** PEM. */
  readonly signKey: string | undefined;
}

/** A key that is none, and a place where no history can be, are told before anything is done. @throws UserError */
export function openNoting({
  history,
  signKey: file,
}: Pick<RunOptions, "history" | "signKey">): Noting {
  const signKey = readSignKey(file);
  if (signKey !== undefined) privateKeyOf(signKey);
  return { signKey, history: history === undefined ? undefined : openHistory(history) };
}

export interface NoteOptions extends Noting {
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
  const { history: place, signKey, directory } = options;
  // That of the drill before in the same folder is not of this one.
  fs.rmSync(path.join(directory, SIGNED), { force: true });
  if (place !== undefined) {
    try {
      const history = await append(place, report, options);
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

async function append(place: HistoryPlace, report: Report, options: NoteOptions): Promise<History> {
  const entry = entryOf(report, options.exitCodeOf(report));
  if (entry === undefined) throw new Error("this report is not of a drill");
  return await place.append(entry, options.signKey);
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
