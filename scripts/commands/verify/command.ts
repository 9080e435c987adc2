/** `verify [FILE]`: whether a running etcd serves what a backup holds. Its arguments and flags. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { PHASE_NAMES, type Phase } from "../../../etcd/report/report";
import {
  collect,
  encryptionConfigFlag,
  expectClusterFlag,
  moment,
  pathFlag,
  pathText,
  trustedKeyFlag,
  wholeNumber,
  withEndpointFlags,
} from "../../flags";
import { kubernetesFlag } from "../../kubernetes-flag";
import { EXIT, UserError } from "../../outcome";
import { refuseStackFlags } from "../../unused";
import type { VerifyOptions } from "./options";
import { verify } from "./verify";

/** @param run what is done with the options; a process of its own verifies and prints */
export function declare(
  command: Command,
  run: (options: VerifyOptions) => Promise<number> = (options) => verify(options),
): void {
  withEndpointFlags(
    command
      .description(
        "Compares a running etcd with a backup file (and its manifest FILE.json, where there is one): HashKV, counts, " +
          "and every key read back at the backup's revision. Never prints a value. Without --stack or --endpoint: the " +
          "lab that runs; without FILE: the backup that the stack was restored from. Of several endpoints, the members " +
          "of one cluster, the first is read whole, and each other by its hash and by keys spread over all.",
      )
      .argument("[FILE]", "the backup", pathText)
      .addOption(pathFlag("--file <FILE>", "the backup, said with a flag")),
  )
    .addOption(
      new Option("--level <LEVEL>", "what is compared")
        .choices(["quick", "standard", "full"])
        .default("full"),
    )
    .option("--expect <KEY>", "a key that must be there, or a prefix that ends in /", collect)
    .addOption(
      new Option(
        "--phase <NAME=SECONDS>",
        "how long an earlier phase took, for the report",
      ).argParser(addPhase),
    )
    .addOption(
      pathFlag(
        "--report <DIR>",
        "write the report there: HTML, JSON, JUnit, Prometheus text, Markdown",
      ),
    )
    .addOption(
      new Option(
        "--bumped <N>",
        "the store was restored with --bump-revision N --mark-compacted",
      ).argParser(wholeNumber),
    )
    .option("--etcd-version <VERSION>", "the etcd must be of this version: 3.6, or 3.6.16")
    .option(
      "--in-use",
      "explain what was written after the backup, by whoever used the store since",
    )
    .addOption(
      new Option(
        "--restored-at <TIME>",
        "when the store was restored, as 2026-11-22T03:00:00Z: a lease that is gone sooner than its TTL after was " +
          "revoked. Of a stack it is known",
      ).argParser(moment),
    )
    .addOption(
      new Option(
        "--access-stdin",
        'read {"password", "certificate", "key", "ssh": {"host", "port", "user", "privateKey", "hostKey", "proxy"}, "encryptionConfig"} from stdin: ' +
          "a port that is not open here is asked through SSH",
      ).conflicts("passwordStdin"),
    )
    .addOption(
      new Option("--for-stack <NAME>", "the stack that it is done for, for the report").hideHelp(),
    )
    .addOption(
      new Option(
        "--service <COMMAND>",
        "stop and start the etcd by it once, at full: for each endpoint in its order",
      )
        .argParser(collect)
        .hideHelp(),
    )
    .addOption(
      new Option(
        "--kubernetes-on <PLACE>",
        "where the clone is made: on the machine, by the way to it on stdin",
      )
        .choices(["here", "machine"])
        .hideHelp(),
    )
    .addOption(
      new Option(
        "--reboot",
        "reboot each machine once, at full, by the way to it on stdin",
      ).hideHelp(),
    )
    .addOption(trustedKeyFlag())
    .addOption(encryptionConfigFlag())
    .addOption(expectClusterFlag())
    .addOption(kubernetesFlag().default("off"))
    .option(
      "--life",
      "restart a clone, write to it, compact it; so it is with --kubernetes at the level full",
    )
    .addOption(
      pathFlag("--kube-apiserver <FILE>", "the program to use (ETCD_RESTORE_KUBE_APISERVER)"),
    )
    .addOption(
      pathFlag("--etcd-programs <DIR>", "folder with etcd, etcdctl and etcdutl, for the clone"),
    )
    .addOption(pathFlag("--unpacked <DIR>", "use and keep an unpacked backup there").hideHelp())
    .addHelpText(
      "after",
      "\nExit codes: 0 pass; 1 it differs, or something could not be checked; 2 wrong use; 3 not reached.\n" +
        "\nExamples:\n  npx etcd-restore verify backup.db\n  npx etcd-restore verify --stack production\n" +
        "  npx etcd-restore verify --stack production --kubernetes auto\n" +
        "  npx etcd-restore verify backup.db --endpoint https://10.0.0.7:2379 --cacert ca.crt --cert client.crt --key client.key",
    )
    .action(async (word: string | undefined) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      if (word !== undefined && options.file !== undefined) {
        throw new UserError(EXIT.usage, "FILE is given twice: as a word, and with --file");
      }
      if (options.endpoint !== undefined) refuseStackFlags(command);
      process.exitCode = await run(word === undefined ? options : { ...options, file: word });
    });
}

/** Collects a repeatable `--phase NAME=SECONDS`. */
function addPhase(pair: string, before: readonly Phase[] | undefined): readonly Phase[] {
  const [name = "", seconds = ""] = pair.split("=");
  const known = PHASE_NAMES.find((phase) => phase === name);
  if (known === undefined || !/^\d+(\.\d+)?$/.test(seconds)) {
    throw new InvalidArgumentError(
      `It must be NAME=SECONDS with a NAME of ${PHASE_NAMES.join(", ")}.`,
    );
  }
  return [...(before ?? []), { name: known, seconds: Number(seconds) }];
}
