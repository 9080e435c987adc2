/** `doctor`: what `up` will need, and how to mend it. */
import { type Command, Option } from "commander";
import { version } from "../../package.json";
import { lookAtBackup } from "./doctor/backup";
import { cloudChecks } from "./doctor/cloud";
import { computerChecks, folderCheck, programsCheck, runtimeChecks } from "./doctor/local";
import { readSubject, settingsCheck, type SubjectOptions } from "./doctor/subject";
import { doctorText } from "./doctor/text";
import { configFlag, pathFlag } from "../flags";
import { abortOnInterrupt } from "../interrupt";
import type { GlobalOptions } from "../options";
import { EXIT } from "../outcome";
import { colorsFor, columnsOf, printJson, printText } from "../terminal";

export type DoctorOptions = GlobalOptions & SubjectOptions;

export function declare(command: Command): void {
  command
    .description(
      "Looks at the backup, the etcd programs, ports, disk and memory of this computer, or at an OpenStack's credentials, " +
        "image, flavor, quota and networks. Makes nothing and changes nothing.",
    )
    .addOption(
      new Option(
        "--target <TARGET>",
        "where `up` will make the etcd (default: that of the stack)",
      ).choices(["local", "openstack"]),
    )
    .option("--stack <NAME>", "whose settings (default: local; for openstack: dev)")
    .addOption(pathFlag("--file <FILE>", "the backup, instead of the one that the settings name"))
    .addOption(configFlag())
    .addHelpText(
      "after",
      "\nExit codes: 0 ready; 1 something is to be mended; 2 wrong use.\n" +
        "\nExamples:\n  npx etcd-restore doctor\n  OS_CLOUD=mycloud npx etcd-restore doctor --target openstack\n" +
        "  npx etcd-restore doctor --stack prod --file backup.db --json | jq -r '.checks[] | select(.verdict == \"fail\").mend'",
    )
    .action(async () => {
      process.exitCode = await doctor(command.optsWithGlobals());
    });
}

/** Looks at everything that `up` will need, changes nothing, and says how to mend it; returns the exit code. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const signal = abortOnInterrupt();
  const subject = readSubject(options);
  const { settings, stack } = subject;
  const { check, facts } = await lookAtBackup(subject, options.file, signal);
  const checks = [
    ...runtimeChecks(settings.target),
    settingsCheck(subject),
    check,
    await programsCheck(subject, facts),
    folderCheck(subject),
    ...(settings.target === "local"
      ? await computerChecks(subject, facts)
      : await cloudChecks({ ...subject, settings }, facts, process.env, signal)),
  ];
  const ready = checks.every(({ verdict }) => verdict !== "fail");
  if (options.json === true) {
    const { target } = settings;
    const verdict = ready ? "ready" : "not-ready";
    const tool = `etcd-restore ${version}`;
    printJson({ schemaVersion: 1, tool, verdict, target, stack, checks });
  } else {
    const style = { color: colorsFor(process.stdout), columns: columnsOf(process.stdout) };
    const text = doctorText(subject, checks, style);
    printText(options.quiet === true ? (text.split("\n").at(-1) ?? "") : text);
  }
  return ready ? EXIT.good : EXIT.checkFailed;
}
