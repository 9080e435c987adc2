/** The command line: every command by its name and summary. Its flags stand beside its action, and load when it is named. */
import * as path from "node:path";
import { Command } from "commander";
import { AGE_IDENTITY, ageIdentityFile } from "../etcd/backup/age-identity";
import { version } from "../package.json";
import { colorsFor, columnsOf } from "./terminal";

/** A command's file: gives the command its arguments, flags and action. */
export interface CommandFile {
  declare(command: Command): void;
}

interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => CommandFile;
}

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when they are named, so that each costs what it needs;
   `import()` would ask Node's ESM loader, which does not know TypeScript here. */
const ENTRIES: readonly Entry[] = [
  {
    name: "start",
    summary: "restore a backup into an etcd on this computer and prove it",
    load: () => require("./commands/start") as typeof import("./commands/start"),
  },
  {
    name: "stop",
    summary: "remove what start made",
    load: () => require("./commands/stop") as typeof import("./commands/stop"),
  },
  {
    name: "drill",
    summary: "restore a backup, prove it and take everything away again",
    load: () => require("./commands/drill/command") as typeof import("./commands/drill/command"),
  },
  {
    name: "plan",
    summary: "say what it takes to prove many backups, and share them out in equal parts",
    load: () => require("./commands/plan/command") as typeof import("./commands/plan/command"),
  },
  {
    name: "merge",
    summary: "put the results of many backups together into one report",
    load: () => require("./commands/merge/command") as typeof import("./commands/merge/command"),
  },
  {
    name: "sweep",
    summary: "remove what a killed drill has left",
    load: () => require("./commands/sweep") as typeof import("./commands/sweep"),
  },
  {
    name: "history",
    summary: "show how the drills of the last months went",
    load: () => require("./commands/history") as typeof import("./commands/history"),
  },
  {
    name: "evidence",
    summary: "check a signed report or a history",
    load: () => require("./commands/evidence") as typeof import("./commands/evidence"),
  },
  {
    name: "verify",
    summary: "compare a running etcd with a backup",
    load: () => require("./commands/verify/command") as typeof import("./commands/verify/command"),
  },
  {
    name: "boot",
    summary: "start a Kubernetes API server on a clone of a backup, and compare every object",
    load: () => require("./commands/boot/command") as typeof import("./commands/boot/command"),
  },
  {
    name: "inspect",
    summary: "say what a backup holds and whether it can be restored",
    load: () => require("./commands/inspect") as typeof import("./commands/inspect"),
  },
  {
    name: "ls",
    summary: "list the keys of a backup or a running etcd like folders",
    load: () => require("./commands/ls") as typeof import("./commands/ls"),
  },
  {
    name: "get",
    summary: "print one key of a backup or a running etcd",
    load: () => require("./commands/get") as typeof import("./commands/get"),
  },
  {
    name: "extract",
    summary: "print objects of a backup, ready for kubectl apply",
    load: () => require("./commands/extract") as typeof import("./commands/extract"),
  },
  {
    name: "diff",
    summary: "compare two backups, or a backup and a running etcd",
    load: () => require("./commands/diff") as typeof import("./commands/diff"),
  },
  {
    name: "backup",
    summary: "take a backup of a running etcd, and prove it",
    load: () => require("./commands/backup/command") as typeof import("./commands/backup/command"),
  },
  {
    name: "pods",
    summary: "list the etcd pods of a Kubernetes cluster",
    load: () => require("./commands/pods") as typeof import("./commands/pods"),
  },
  {
    name: "list",
    summary: "list the backups in a folder or object store, and which is the newest complete one",
    load: () => require("./commands/list") as typeof import("./commands/list"),
  },
  {
    name: "doctor",
    summary: "check everything that up will need, and say how to mend it",
    load: () => require("./commands/doctor") as typeof import("./commands/doctor"),
  },
  {
    name: "completion",
    summary: "print the completion script of a shell",
    load: () => require("./commands/completion") as typeof import("./commands/completion"),
  },
  {
    name: "version",
    summary: "print the version",
    load: () => require("./commands/version") as typeof import("./commands/version"),
  },
];
/* eslint-enable @typescript-eslint/no-require-imports */

/**
 * Builds the command line.
 * @param args what was typed: of the command that it names the flags are there; `completion` needs those of all
 */
export function commandLine(args: readonly string[]): Command {
  const program = new Command("etcd-restore")
    .description("Proves that an etcd backup really restores.")
    .version(version, "-V, --version", "print the version")
    .option("--json", "print one JSON on stdout")
    .option("-q, --quiet", "print only the result (the verdict line) and errors")
    .option("--no-color", "print without colours (also NO_COLOR; FORCE_COLOR for the contrary)")
    .option("--debug", "show stack traces")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [COMMAND]", "show the help of a command")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      getOutHelpWidth: () => columnsOf(process.stdout),
      getErrHelpWidth: () => columnsOf(process.stderr),
      getOutHasColors: () => colorsFor(process.stdout),
      getErrHasColors: () => colorsFor(process.stderr),
    })
    .showHelpAfterError("(--help shows the options)")
    .hook("preAction", (_, command) => {
      useAgeIdentity(command.opts<{ readonly ageIdentity?: string }>().ageIdentity);
    })
    .exitOverride();
  const named = namedCommand(args);
  for (const { name, summary, load } of ENTRIES) {
    const command = program
      .command(name)
      .summary(summary)
      .helpOption("-h, --help", "show this help");
    if (name === named || named === "completion") load().declare(command);
  }
  return program;
}

/** Whatever this command starts finds the file, in whichever folder it works. */
function useAgeIdentity(given: string | undefined): void {
  const file = given ?? ageIdentityFile();
  if (file !== undefined) process.env[AGE_IDENTITY] = path.resolve(file);
}

/** The command that the words name: no flag before it takes a value. */
function namedCommand(args: readonly string[]): string | undefined {
  const words = args.filter((word) => !word.startsWith("-"));
  return words[0] === "help" ? words[1] : words[0];
}
