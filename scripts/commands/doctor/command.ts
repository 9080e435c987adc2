/** The command line of `doctor`. */
import { type Command, Option } from "commander";

/** Adds the command that says what `up` will need. */
export function addDoctor(program: Command, config: Option): void {
  program
    .command("doctor")
    .summary("check everything that up will need, and say how to mend it")
    .description(
      "Looks at the backup, the etcd programs, ports, disk and memory of this computer, or at an OpenStack's credentials,\n" +
        "image, flavor, quota and networks. Makes nothing and changes nothing.",
    )
    .addOption(
      new Option(
        "--target <TARGET>",
        "where `up` will make the etcd (default: that of the stack)",
      ).choices(["local", "openstack"]),
    )
    .option("--stack <NAME>", "whose settings (default: local; for openstack: dev)")
    .option("--file <FILE>", "the backup, instead of the one that the settings name")
    .addOption(config)
    .addHelpText(
      "after",
      "\nExit codes: 0 ready; 1 something is to be mended; 2 wrong use.\n" +
        "\nExamples:\n  npx etcd-restore doctor\n  OS_CLOUD=mycloud npx etcd-restore doctor --target openstack\n" +
        "  npx etcd-restore doctor --stack prod --file backup.db --json | jq -r '.checks[] | select(.verdict == \"fail\").mend'",
    )
    .action(async (_options, command: Command) => {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when it runs, as in etcd-restore.ts
      const { doctor } = require("../doctor") as typeof import("../doctor");
      process.exitCode = await doctor(command.optsWithGlobals());
    });
}
