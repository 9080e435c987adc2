/** `drill FILE | --from SOURCE`: its flags. */
import { type Command, Option } from "commander";
import { durationText } from "../../durations";
import {
  ageIdentityFlag,
  configFlag,
  engineFlag,
  pathFlag,
  pathText,
  wholeNumber,
} from "../../flags";
import { EXIT, UserError } from "../../outcome";
import type { FleetOptions } from "../../fleet/options";
import { proveMany } from "../../fleet/prove-many";
import { isList, LEVELS, shardText } from "../../fleet/words";
import { refuseUnused } from "../../unused";
import { addBudget } from "./budget";
import { drill } from "./drill";
import type { DrillOptions } from "./options";

export function declare(command: Command): void {
  command
    .description(
      "Restores a backup into an etcd of its own, proves it, measures each phase and takes everything away again, " +
        "whatever happened. Every end leaves its report. Many run beside each other.",
    )
    .argument("[FILE]", "the backup, in any form that inspect reads; also https://… or -", pathText)
    .addOption(pathFlag("--file <FILE>", "the backup, said with a flag"))
    .addOption(
      pathFlag(
        "--from <SOURCE>",
        "a folder or store with backups (s3://…, swift://…): the newest complete one; or a list of many, LIST.jsonl or LIST.csv",
      ),
    )
    .addOption(
      new Option(
        "--shard <I/N>",
        "with a list: the part I of N, from 0 (JOB_COMPLETION_INDEX, JOB_COMPLETIONS)",
      ).argParser(shardText),
    )
    .addOption(
      new Option(
        "--jobs <N>",
        "with a list: so many at a time (default: as there are cores)",
      ).argParser(wholeNumber),
    )
    .addOption(
      pathFlag(
        "--results <PLACE>",
        "with a list: a folder or s3://BUCKET/PREFIX for one result each (default: HOME/results)",
      ),
    )
    .addOption(
      new Option(
        "--again-after <TIME>",
        "with a list: what was found out longer ago is found out again (default: 12h)",
      ).argParser(durationText),
    )
    .addOption(
      new Option("--target <TARGET>", "where the etcd is made").choices(["local", "openstack"]),
    )
    .option(
      "--stack <NAME>",
      "whose settings (default: local; for openstack: dev); that stack is not touched",
    )
    .addOption(engineFlag())
    .addOption(configFlag())
    .addOption(
      new Option(
        "--level <LEVEL>",
        "what is compared; file, with a list: read whole and judged, no etcd is started",
      ).choices(LEVELS),
    )
    .addOption(
      new Option(
        "--budget <PHASE=TIME>",
        "what may take how long, as restore=60s,total=10m: more fails; total ends the drill",
      ).argParser(addBudget),
    )
    .addOption(
      new Option("--max-age <TIME>", "how old the backup may be, as 26h").argParser(durationText),
    )
    .addOption(
      new Option("--random <N>", "with --from: one of the newest N, drawn").argParser(wholeNumber),
    )
    .addOption(ageIdentityFlag())
    .option("--seed <TEXT>", "with --random: draw as the drill with this seed did")
    .addOption(pathFlag("--report <DIR>", "where the reports go (default: HOME/reports/NAME)"))
    .addOption(
      pathFlag(
        "--home <DIR>",
        "the one folder that is written to (ETCD_RESTORE_HOME; default: .drills in the project)",
      ),
    )
    .addOption(
      pathFlag(
        "--history <FILE>",
        "note the drill there (a file or s3://BUCKET/KEY), chained to the one before",
      ),
    )
    .addOption(
      pathFlag(
        "--sign-key <FILE>",
        "private key (ed25519, PEM): signs report.intoto.json (with a list: each result) and the history's line",
      ),
    )
    .addOption(
      new Option("--keep [TIME]", "leave the etcd running for so long (default: 24h)").argParser(
        durationText,
      ),
    )
    .addHelpText(
      "after",
      "\nExit codes: 0 restored and proved; 1 a check failed, also a budget or the age; 2 wrong use, or a backup that\n" +
        "cannot be restored; 3 the environment failed; 130, 143 interrupted.\n" +
        "\nExamples:\n  npx etcd-restore drill /backups/etcd.db --report /var/lib/drill\n" +
        "  npx etcd-restore drill --from /backups --max-age 26h --budget restore=60s,total=10m\n" +
        "  npx etcd-restore drill --from /backups --random 30 --json | jq .verdict\n" +
        "  npx etcd-restore drill --from fleet.jsonl --shard 0/8 --results s3://evidence/etcd",
    )
    .action(async (word: string | undefined) => {
      const options = command.optsWithGlobals<FleetOptions & { readonly file?: string }>();
      const file = onlyOne(word, options);
      if (file === undefined && options.from !== undefined && isList(options.from)) {
        refuseUnused(command, OF_ONE, "it is about one backup, and --from names a list of many");
        process.exitCode = await proveMany(options.from, options);
        return;
      }
      refuseUnused(command, OF_MANY, "it is about many backups: name a list with --from");
      const { level, ...rest } = options;
      if (level === "file") {
        throw new UserError(
          EXIT.usage,
          "--level file restores nothing: it is for lists; of one backup `etcd-restore inspect` says the same",
        );
      }
      process.exitCode = await drill(file, { ...rest, ...(level && { level }) });
    });
}

const OF_ONE = ["random", "seed", "keep"];
const OF_MANY = ["shard", "jobs", "results", "againAfter"];

/** FILE, wherever it stands; undefined where `--from` says where to look. */
function onlyOne(
  word: string | undefined,
  options: Pick<DrillOptions, "from" | "random" | "seed"> & { readonly file?: string },
): string | undefined {
  const { file, from, random, seed } = options;
  const given = [word, file, from].filter((name) => name !== undefined);
  if (given.length !== 1) {
    throw new UserError(
      EXIT.usage,
      given.length === 0
        ? "which backup? Give its FILE, or where backups lie with --from"
        : "FILE and --from are one too many: give the backup once",
    );
  }
  if (from === undefined && random !== undefined) {
    throw new UserError(EXIT.usage, "--random draws one of many: it needs --from");
  }
  if (random === undefined && seed !== undefined) {
    throw new UserError(EXIT.usage, "--seed says which one --random draws: it needs --random");
  }
  return word ?? file;
}
