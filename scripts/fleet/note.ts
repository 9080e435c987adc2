/** Notes the results of many backups where others can check them: each sealed by a key, and a line in a history before it is kept. */
import { createHash } from "node:crypto";
import type { HistoryEntry } from "../../evidence/history";
import { sealOf } from "../../evidence/seal";
import { PHASE_NAMES } from "../../etcd/report/report";
import { privateKeyOf } from "../../etcd/wire/ed25519";
import { messageOfError } from "../errors";
import { openHistory } from "../history-place";
import { EXIT, UserError } from "../outcome";
import { fileNameOf, type Result } from "./result";

export interface NoteOptions {
  /** A file, or `s3://BUCKET/KEY`. */
  readonly history?: string | undefined;
  /** PEM. */
  readonly signKey?: string | undefined;
  readonly target: HistoryEntry["target"];
}

export interface Notes {
  /** The text that is kept of a result; its line in the history is written by then. */
  textOf(result: Result): Promise<string>;
  close(): void;
}

/**
 * Looks at the key and the history before anything is done.
 * @throws UserError for a key that is none, HistoryError for a history that was altered, SourceError
 */
export async function openNotes({ history, signKey, target }: NoteOptions): Promise<Notes> {
  if (signKey !== undefined) checkKey(signKey);
  const place = history === undefined ? undefined : openHistory(history);
  await place?.read();
  // One after the other: each line follows the one before.
  let last: Promise<unknown> = Promise.resolve();
  return {
    async textOf(result) {
      const seal = signKey === undefined ? {} : sealOf(result, signKey);
      const text = `${JSON.stringify({ ...result, ...seal })}\n`;
      if (place === undefined) return text;
      const entry = entryOfResult(result, text, target);
      const line = last.then(() => place.append(entry, signKey));
      last = line.catch(() => undefined);
      await line;
      return text;
    },
    close() {
      place?.close();
    },
  };
}

function checkKey(signKey: string): void {
  try {
    privateKeyOf(signKey);
  } catch (error) {
    throw new UserError(EXIT.usage, `--sign-key: ${messageOfError(error)}`);
  }
}

/** SHA-256 of a result as it is kept. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function entryOfResult(result: Result, text: string, target: HistoryEntry["target"]): HistoryEntry {
  const { name, tool, level, startedAt, endedAt, verdict, exitCode, seconds, failed } = result;
  const { backup, takenAt, report } = result;
  const notChecked = (report?.checks ?? []).filter((check) => check.verdict === "not-checked");
  return {
    ...{ schemaVersion: 1, drill: report?.drill?.name ?? name, tool, target, level },
    ...{ startedAt, endedAt, verdict, exitCode, seconds },
    phases: result.phases.flatMap((phase) => {
      const known = PHASE_NAMES.find((each) => each === phase.name);
      return known === undefined ? [] : [{ name: known, seconds: phase.seconds }];
    }),
    failed,
    notChecked: notChecked.map(({ id }) => id),
    ...(report?.ended === undefined
      ? {}
      : { ended: { phase: report.ended.phase, reason: report.ended.reason } }),
    ...(backup === undefined
      ? {}
      : { backup: { ...backup, ...(takenAt === undefined ? {} : { takenAt }) } }),
    listed: { name, result: fileNameOf(result), sha256: digestOf(text) },
  };
}
