/** The command line: every command by its name and summary. Its flags stand beside its action, and load when it is named. */
import * as path from "node:path";
import { Command } from "commander";
import { AGE_IDENTITY, ageIdentityFile } from "../etcd/backup/age-identity";
import { version as programVersion } from "../package.json";
import { declare as backup } from "./commands/backup/command";
import { declare as boot } from "./commands/boot/command";
import { declare as completion } from "./commands/completion";
import { declare as diff } from "./commands/diff";
import { declare as doctor } from "./commands/doctor";
import { declare as drill } from "./commands/drill/command";
import { declare as evidence } from "./commands/evidence";
import { declare as extract } from "./commands/extract";
import { declare as get } from "./commands/get";
import { declare as history } from "./commands/history";
import { declare as inspect } from "./commands/inspect";
import { declare as list } from "./commands/list";
import { declare as ls } from "./commands/ls";
import { declare as merge } from "./commands/merge/command";
import { declare as plan } from "./commands/plan/command";
import { declare as pods } from "./commands/pods";
import { declare as start } from "./commands/start";
import { declare as stop } from "./commands/stop";
import { declare as sweep } from "./commands/sweep";
import { declare as verify } from "./commands/verify/command";
import { declare as version } from "./commands/version";
import { colorsFor, columnsOf } from "./terminal";

interface Entry {
  readonly name: string;
  readonly summary: string;
  /** Gives the command its arguments, flags and action; its file is loaded when this is asked. */
  readonly load: () => (command: Command) => void;
}

const ENTRIES: readonly Entry[] = [
  {
    name: "start",
    summary: "restore a backup into an etcd on this computer and prove it",
    load: () => start,
  },
  {
    name: "stop",
    summary: "remove what start made",
    load: () => stop,
  },
  {
    name: "drill",
    summary: "restore a backup, prove it and take everything away again",
    load: () => drill,
  },
  {
    name: "plan",
    summary: "say what it takes to prove many backups, and share them out in equal parts",
    load: () => plan,
  },
  {
    name: "merge",
    summary: "put the results of many backups together into one report",
    load: () => merge,
  },
  {
    name: "sweep",
    summary: "remove what a killed drill has left",
    load: () => sweep,
  },
  {
    name: "history",
    summary: "show how the drills of the last months went",
    load: () => history,
  },
  {
    name: "evidence",
    summary: "check a signed report or a history",
    load: () => evidence,
  },
  {
    name: "verify",
    summary: "compare a running etcd with a backup",
    load: () => verify,
  },
  {
    name: "boot",
    summary: "start a Kubernetes API server on a clone of a backup, and compare every object",
    load: () => boot,
  },
  {
    name: "inspect",
    summary: "say what a backup holds and whether it can be restored",
    load: () => inspect,
  },
  {
    name: "ls",
    summary: "list the keys of a backup or a running etcd like folders",
    load: () => ls,
  },
  {
    name: "get",
    summary: "print one key of a backup or a running etcd",
    load: () => get,
  },
  {
    name: "extract",
    summary: "print objects of a backup, ready for kubectl apply",
    load: () => extract,
  },
  {
    name: "diff",
    summary: "compare two backups, or a backup and a running etcd",
    load: () => diff,
  },
  {
    name: "backup",
    summary: "take a backup of a running etcd, and prove it",
    load: () => backup,
  },
  {
    name: "pods",
    summary: "list the etcd pods of a Kubernetes cluster",
    load: () => pods,
  },
  {
    name: "list",
    summary: "list the backups in a folder or object store, and which is the newest complete one",
    load: () => list,
  },
  {
    name: "doctor",
    summary: "check everything that up will need, and say how to mend it",
    load: () => doctor,
  },
  {
    name: "completion",
    summary: "print the completion script of a shell",
    load: () => completion,
  },
  {
    name: "version",
    summary: "print the version",
    load: () => version,
  },
];

/**
 * Builds the command line.
 * @param args what was typed: of the command that it names the flags are there; `completion` needs those of all
 */
export function commandLine(args: readonly string[]): Command {
  const program = new Command("etcd-restore")
    .description("Proves that an etcd backup really restores.")
    .version(programVersion, "-V, --version", "print the version")
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
    if (name === named || named === "completion") load()(command);
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
