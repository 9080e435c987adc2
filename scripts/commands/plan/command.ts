/** `plan LIST`: its flags. */
import { type Command, Option } from "commander";
import { version } from "../../../package.json";
import { durationText } from "../../durations";
import { pathFlag, pathText, wholeNumber } from "../../flags";
import { LEVELS } from "../../fleet/words";
import { plan, type PlanCommandOptions } from "./plan";

export function declare(command: Command): void {
  command
    .description(
      "Looks at the size of every backup of a list, by a listing and the first pages, and says what it takes to prove all of " +
        "them: memory, disk and time of each, shards of equal work, a Kubernetes Job whose requests fit, and the cost in core-hours.",
    )
    .argument("<LIST>", "LIST.jsonl or LIST.csv, as drill --from takes it", pathText)
    .addOption(
      new Option("--shards <N>", "how many (default: as --within needs)").argParser(wholeNumber),
    )
    .addOption(
      new Option("--within <TIME>", "in what time it should be done")
        .argParser(durationText)
        .default(3600, "1h"),
    )
    .addOption(
      new Option("--cores <N>", "cores of a pod, and backups at the same time in it")
        .argParser(wholeNumber)
        .default(2),
    )
    .addOption(
      new Option("--level <LEVEL>", "what is compared, where the list does not say it")
        .choices(LEVELS)
        .default("full"),
    )
    .addOption(pathFlag("--write <DIR>", "write fleet.jsonl, with its shards, and job.yaml there"))
    .addOption(new Option("--image <IMAGE>", "for job.yaml").default(`etcd-restore:${version}`))
    .addOption(new Option("--results <PLACE>", "for job.yaml").default("s3://BUCKET/PREFIX"))
    .addHelpText(
      "after",
      "\nExit codes: 0 planned; 1 a backup of the list cannot be found; 2 wrong use.\n" +
        "\nExamples:\n  npx etcd-restore plan fleet.jsonl\n" +
        "  npx etcd-restore plan fleet.jsonl --within 30m --cores 4 --write plan --results s3://evidence/etcd\n" +
        "  kubectl create configmap etcd-fleet --from-file=plan/fleet.jsonl && kubectl apply -f plan/job.yaml",
    )
    .action(async (list: string) => {
      const options = command.optsWithGlobals<PlanCommandOptions>();
      process.exitCode = await plan(list, options);
    });
}
