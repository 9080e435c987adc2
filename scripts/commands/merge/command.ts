/** `merge RESULTS…`: its flags. */
import { type Command, Option } from "commander";
import { durationText } from "../../durations";
import { pathFlag, pathText } from "../../flags";
import { merge, type MergeCommandOptions } from "./merge";

export function declare(command: Command): void {
  command
    .description(
      "Puts the results of many backups together into one report: how many of how many are proved, which are not and why, " +
        "what share was proved lately, which took longest, which are oldest, and how it went day by day.",
    )
    .argument(
      "<RESULTS...>",
      "where `drill --from LIST` kept them: folders, files, s3://BUCKET/PREFIX",
      (word: string, before: readonly string[] | undefined) => [...(before ?? []), pathText(word)],
    )
    .addOption(
      pathFlag(
        "--list <LIST>",
        "all that should be there: what has no result is named, and is not good",
      ),
    )
    .addOption(
      new Option("--within <TIME>", "what counts as proved lately")
        .argParser(durationText)
        .default(7 * 86_400, "7d"),
    )
    .addOption(
      pathFlag("--report <DIR>", "also fleet.json, fleet.xml (JUnit), fleet.html and fleet.prom"),
    )
    .addOption(
      pathFlag("--key <FILE>", "the public key (ed25519, PEM) that must have signed every result"),
    )
    .addOption(
      pathFlag(
        "--history <FILE>",
        "what drills have noted there (a file or s3://BUCKET/KEY) must be there, and nothing else; may be given for each shard's",
      ).argParser((word: string, before: readonly string[] | undefined) => [
        ...(before ?? []),
        pathText(word),
      ]),
    )
    .addHelpText(
      "after",
      "\nExit codes: 0 every backup is good; 1 one is not, or has no result, or was altered; 2 wrong use; 3 a store does not answer.\n" +
        "\nExamples:\n  npx etcd-restore merge results/ --list fleet.jsonl --report /var/www/etcd\n" +
        "  npx etcd-restore merge s3://evidence/etcd --within 3d --json | jq .coverage\n" +
        "  npx etcd-restore merge results/ --key drill.pub --history drills-0.jsonl --history drills-1.jsonl",
    )
    .action(async (places: readonly string[]) => {
      const options = command.optsWithGlobals<MergeCommandOptions>();
      process.exitCode = await merge(places, options);
    });
}
