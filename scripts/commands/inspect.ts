/** `inspect FILE`: what a backup holds, and whether it can be restored. */
import type { Command } from "commander";
import { V2BackupError } from "../../etcd/backup/opened-backup";
import { manifestOf } from "../../etcd/backup/manifest-beside";
import { inspect as inspectSnapshot, type Inspection } from "../../etcd/inspect/inspection";
import { inspectionText } from "../../etcd/inspect/text";
import { inspectV2, v2InspectionText, type V2Inspection } from "../../etcd/inspect/v2-inspection";
import { SnapshotError } from "../../etcd/snapshot/snapshot-error";
import { readNamedBackup } from "../file-argument";
import { nameOfBackup } from "../../sources/address";
import {
  ageIdentityFlag,
  encryptionConfigFlag,
  expectClusterFlag,
  pathText,
  trustedKeyFlag,
} from "../flags";
import { encryptionConfigOf, examined } from "../encryption-config";
import { abortOnInterrupt } from "../interrupt";
import type { GlobalOptions } from "../options";
import { EXIT } from "../outcome";
import { progressLines, tellProgress } from "../progress-lines";
import { columnsOf, printJson, printText, say as sayLine } from "../terminal";
import { trustedKeyOf } from "../trusted-key";

export function declare(command: Command): void {
  command
    .description(
      "Reads a backup file once from end to end, needs no etcd, and says all that it tells: format, sha256, " +
        "structure, revision, HashKV, versions, leases, what is in it, and what a restore takes. Never prints a value.",
    )
    .argument(
      "<FILE>",
      "the backup, also compressed (gz, zst, xz, bz2), in an archive (zip, tar), or a directory; or where it lies: " +
        "https://…, s3://BUCKET/PREFIX, swift://CONTAINER/PREFIX, - (a pipe)",
      pathText,
    )
    .addOption(trustedKeyFlag())
    .addOption(encryptionConfigFlag())
    .addOption(ageIdentityFlag())
    .addOption(expectClusterFlag())
    .addHelpText(
      "after",
      "\nExit codes: 0 restorable, 1 read and judged not restorable, 2 not a readable backup.\n" +
        "\nExamples:\n  npx etcd-restore inspect backup.db\n" +
        "  npx etcd-restore inspect backup.db --encryption-config /etc/kubernetes/enc/config.yaml\n" +
        "  npx etcd-restore inspect backup.db --json | jq .census.resources\n" +
        "  npx etcd-restore inspect s3://backups/production",
    )
    .action(async (file: string) => {
      process.exitCode = await inspect(file, command.optsWithGlobals());
    });
}

export type InspectOptions = GlobalOptions & {
  readonly trustedKey?: string;
  readonly encryptionConfig?: string;
  readonly expectCluster?: string;
};

/** Says what a backup file holds and whether it can be restored; returns the exit code. */
export async function inspect(given: string, options: InspectOptions): Promise<number> {
  const trustedKey = trustedKeyOf(options.trustedKey);
  const configuration = encryptionConfigOf(options.encryptionConfig);
  const file = nameOfBackup(given);
  const signal = abortOnInterrupt();
  const say = options.quiet === true ? () => undefined : progressLines();
  let inspection: Inspection;
  try {
    const { snapshot, backup } = await readNamedBackup(given, {
      digests: false,
      signal,
      say: options.quiet === true ? () => undefined : sayLine,
      ...tellProgress(file, say),
    });
    try {
      const { container } = backup;
      const encryption =
        configuration && (await examined(snapshot.live, configuration, { signal, say }));
      const found = inspectSnapshot(
        snapshot,
        manifestOf(backup),
        { container, trustedKey },
        { encryption, expectedCluster: options.expectCluster },
      );
      if (backup.v2 !== undefined) {
        return printV2(inspectV2(backup.name, backup.v2, found), options);
      }
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
      return printV2(inspectV2(error.file, error.store), options);
    }
    if (options.json === true && error instanceof SnapshotError) printUnreadable(error);
    throw error;
  }
  printInspection(inspection, inspectionText(inspection, columnsOf(process.stdout)), options);
  return inspection.verdict === "restorable" ? EXIT.good : EXIT.checkFailed;
}

function printV2(found: V2Inspection, options: InspectOptions): number {
  printInspection(found, v2InspectionText(found), options);
  return found.verdict === "restorable" ? EXIT.good : EXIT.checkFailed;
}

/** As JSON, as text, or (quiet) as the last line of the text, which is the verdict. */
function printInspection(found: object, text: string, { json, quiet }: GlobalOptions): void {
  if (json === true) printJson(found);
  else printText(quiet === true ? (text.split("\n").at(-1) ?? "") : text);
}

/** So that a pipeline gets its JSON for every file; the error goes to stderr as well. */
function printUnreadable({ file, message, page, offset }: SnapshotError): void {
  printJson({
    ...{ schemaVersion: 1, file, verdict: "unreadable", reasons: [message], page, offset },
    ...{ error: message, exitCode: EXIT.usage },
  });
}
