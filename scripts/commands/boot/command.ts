/** `boot FILE`: whether a Kubernetes API server comes up on what a backup holds, and whether the store lives. */
import * as path from "node:path";
import { type Command, Option } from "commander";
import { boot as bootBackup, type BootResult } from "../../../boot/boot";
import type { BootStore } from "../../../boot/boot-request";
import { bootText } from "../../../boot/text";
import { bootReport, type BootReport } from "../../../boot/boot-report";
import { nextSteps } from "../../../boot/outlook";
import { readBackup, type OpenedSnapshot } from "../../../etcd/backup/read-backup";
import { reasonsAgainstRestore } from "../../../etcd/snapshot/judgement";
import { beginning } from "../../began";
import { bootEncryption } from "../../encryption-config";
import { encryptionConfigFlag, pathFlag, pathText } from "../../flags";
import { abortOnInterrupt } from "../../interrupt";
import { kubernetesFlag } from "../../kubernetes-flag";
import type { GlobalOptions } from "../../options";
import { EXIT, UserError } from "../../outcome";
import { progressLines, tellProgress } from "../../progress-lines";
import { colorsFor, printJson, printText, say as sayLine } from "../../terminal";

type BootOptions = GlobalOptions & {
  readonly snapshotEvents?: string;
  readonly kubernetes: string;
  readonly encryptionConfig?: string;
  readonly etcdPrograms?: string;
  readonly kubeApiserver?: string;
  readonly workDir?: string;
  readonly life: boolean;
};

export function declare(command: Command): void {
  command
    .description(
      "Restores a backup into a clone that is cut off from every network, starts a kube-apiserver on it, and compares " +
        "every object that it lists with the file: resource, namespace, name, uid and resourceVersion. Then the store is " +
        "restarted, written to, compacted and joined by a second member. Needs no cluster; nothing of it stays.",
    )
    .argument("<FILE>", "the backup", pathText)
    .addOption(
      pathFlag("--snapshot-events <FILE>", "backup of the events' own etcd, where there is one"),
    )
    .addOption(kubernetesFlag().default("auto"))
    .addOption(encryptionConfigFlag())
    .addOption(
      pathFlag("--kube-apiserver <FILE>", "the program to use (ETCD_RESTORE_KUBE_APISERVER)"),
    )
    .addOption(pathFlag("--etcd-programs <DIR>", "folder with etcd, etcdctl and etcdutl"))
    .addOption(
      pathFlag("--work-dir <DIR>", "folder for the clone; it takes about twice the backup's size"),
    )
    .addOption(new Option("--no-life", "leave out the restart and everything that writes"))
    .addHelpText(
      "after",
      "\nExit codes: 0 pass; 1 something differs, or could not be checked; 2 wrong use; 3 a program is missing.\n" +
        "\nExamples:\n  npx etcd-restore boot backup.db\n" +
        "  npx etcd-restore boot main.db --snapshot-events events.db --kubernetes 1.35\n" +
        "  npx etcd-restore boot backup.db --kubernetes next          # rehearse an upgrade\n" +
        "  npx etcd-restore boot backup.db --encryption-config encryption.yaml --json | jq .kubernetes",
    )
    .action(async (file: string) => {
      process.exitCode = await boot(file, command.optsWithGlobals<BootOptions>());
    });
}

/** Boots a backup and prints what came of it; returns the exit code. */
async function boot(given: string, options: BootOptions): Promise<number> {
  const signal = abortOnInterrupt();
  const isQuiet = options.quiet === true;
  const tell = isQuiet ? () => undefined : progressLines();
  const say = (line: string) => {
    if (!isQuiet) sayLine(line);
  };
  const encryption = await bootEncryption(options.encryptionConfig);
  const opened: OpenedSnapshot[] = [];
  const read = async (file: string): Promise<BootStore> => {
    const name = path.resolve(file);
    const { snapshot, backup } = await readBackup(name, {
      ...{ digests: false, signal },
      ...tellProgress(name, tell),
    });
    opened.push({ snapshot, backup });
    const against = reasonsAgainstRestore(snapshot);
    if (against.length === 0) return { snapshot, path: backup.path };
    throw new UserError(EXIT.checkFailed, `${name} cannot be restored`, against);
  };
  try {
    const readFrom = Date.now();
    const main = await read(given);
    const { snapshotEvents } = options;
    const events = snapshotEvents === undefined ? undefined : await read(snapshotEvents);
    const preflight = { name: "preflight" as const, seconds: (Date.now() - readFrom) / 1000 };
    const result: BootResult = await bootBackup({
      ...{ main, events, say, tell, signal },
      ...encryption,
      ...{ kubernetes: options.kubernetes, life: options.life },
      ...{ etcdPrograms: options.etcdPrograms, kubeApiServer: options.kubeApiserver },
      base: options.workDir && path.resolve(options.workDir, "etcd-restore-clones"),
    });
    const report = bootReport({
      ...{ result, main: main.snapshot, file: opened[0]?.backup.name ?? given },
      ...{ preflight, startedAt: beginning(), notes: nextSteps(main.snapshot.live) },
    });
    print(report, options);
    return report.verdict === "pass" ? EXIT.good : EXIT.checkFailed;
  } finally {
    encryption.close();
    for (const { snapshot } of opened) snapshot.close();
  }
}

function print(report: BootReport, { json, quiet }: BootOptions): void {
  if (json === true) {
    printJson(report);
    return;
  }
  const text = bootText(report, { color: colorsFor(process.stdout) });
  printText(quiet === true ? (text.split("\n").at(-1) ?? "") : text);
}
