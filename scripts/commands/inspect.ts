import * as path from "node:path";
import { manifestOf, readBackup, V2BackupError } from "../../etcd/backup/backup-file";
import { inspect as inspectSnapshot, type Inspection } from "../../etcd/inspect/inspection";
import { inspectionText } from "../../etcd/inspect/text";
import { inspectV2, v2InspectionText } from "../../etcd/inspect/v2-inspection";
import { SnapshotError } from "../../etcd/snapshot/snapshot-error";
import type { GlobalOptions } from "../etcd-restore";
import { abortOnInterrupt } from "../lab";
import { EXIT } from "../outcome";
import { progressLines, tellProgress } from "../progress-lines";

/** Says what a backup file holds and whether it can be restored; returns the exit code. */
export async function inspect(given: string, options: GlobalOptions): Promise<number> {
  const file = path.resolve(given);
  const signal = abortOnInterrupt();
  const say = options.quiet === true ? () => undefined : progressLines();
  let inspection: Inspection;
  try {
    const { snapshot, backup } = await readBackup(file, { signal, ...tellProgress(file, say) });
    try {
      const found = inspectSnapshot(snapshot, manifestOf(backup));
      inspection = {
        ...found,
        file: backup.name,
        ...(backup.container === undefined ? {} : { container: backup.container }),
        notes: [...backup.notes, ...found.notes],
      };
    } finally {
      snapshot.close();
    }
  } catch (error) {
    if (error instanceof V2BackupError) {
      const found = inspectV2(file, error.store, error.message.slice(`${file}: `.length));
      process.stdout.write(
        `${options.json === true ? JSON.stringify(found) : v2InspectionText(found)}\n`,
      );
      return EXIT.checkFailed;
    }
    if (options.json === true && error instanceof SnapshotError) printUnreadable(error);
    throw error;
  }
  process.stdout.write(
    `${options.json === true ? JSON.stringify(inspection) : inspectionText(inspection)}\n`,
  );
  return inspection.verdict === "restorable" ? EXIT.good : EXIT.checkFailed;
}

/** So that a pipeline gets its JSON for every file; the error goes to stderr as well. */
function printUnreadable({ file, message, page, offset }: SnapshotError): void {
  const json = { schemaVersion: 1, file, verdict: "unreadable", reasons: [message], page, offset };
  process.stdout.write(`${JSON.stringify(json)}\n`);
}
