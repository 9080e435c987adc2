/** The `etcd-restore` command: parses, calls one function, prints, sets the exit code. */
import { Command, CommanderError, Option } from "commander";
import { version } from "../package.json";
import { PHASE_NAMES, type Phase } from "../etcd/report/report";
import { addDoctor } from "./commands/doctor/command";
import { addLookInside, withEndpointFlags } from "./look-inside";
import { EXIT, UserError, exitCodeOfError } from "./outcome";

/** What every subcommand is given besides its own options. */
export interface GlobalOptions {
  /** The one JSON on stdout; everything else goes to stderr in any case. */
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

/** Collects a repeatable `--config KEY=VALUE`. */
function addConfig(pair: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const at = pair.indexOf("=");
  if (at < 1) throw new UserError(EXIT.usage, `--config takes KEY=VALUE, given was ${pair}`);
  const key = pair.slice(0, at);
  return { ...before, [key.includes(":") ? key : `etcd-restore:${key}`]: pair.slice(at + 1) };
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** Collects a repeatable `--phase NAME=SECONDS`. */
function addPhase(pair: string, before: readonly Phase[]): Phase[] {
  const [name = "", seconds = ""] = pair.split("=");
  const known = PHASE_NAMES.find((phase) => phase === name);
  if (known === undefined || !/^\d+(\.\d+)?$/.test(seconds)) {
    throw new UserError(
      EXIT.usage,
      `--phase takes NAME=SECONDS with a NAME of ${PHASE_NAMES.join(", ")}; given was ${pair}`,
    );
  }
  return [...before, { name: known, seconds: Number(seconds) }];
}

/** A whole number above 0. */
function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) {
    throw new UserError(EXIT.usage, `"${text}" is no whole number above 0`);
  }
  return Number(text);
}

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when they run, so that `--help` stays instant;
   `import()` would ask Node's ESM loader, which does not know TypeScript here. */
const load = {
  start: () => require("./commands/start") as typeof import("./commands/start"),
  stop: () => require("./commands/stop") as typeof import("./commands/stop"),
  verify: () => require("./commands/verify") as typeof import("./commands/verify"),
};
/* eslint-enable @typescript-eslint/no-require-imports */

/** Builds the command line. */
function commandLine(): Command {
  const program = new Command("etcd-restore")
    .description("Proves that an etcd backup really restores.")
    .version(version)
    .option("--json", "print one JSON on stdout")
    .option("--quiet", "print only the result and errors")
    .option("--no-color", "print without colours (also NO_COLOR)")
    .option("--debug", "show stack traces")
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(--help shows the options)")
    .exitOverride();
  const engine = new Option("--engine <engine>", "what runs the Pulumi program")
    .choices(["auto", "pulumi", "embedded"])
    .default("auto");
  const config = new Option("-c, --config <KEY=VALUE>", "a setting of the stack, as in Pulumi.yaml")
    .argParser(addConfig)
    .default({}, "none");

  program
    .command("start")
    .summary("restore a backup into an etcd on this computer and prove it")
    .description(
      "Restores FILE (default: the sample backup of a Kubernetes cluster) into an etcd of its own on this\n" +
        "computer, reads every key back and leaves the etcd running. Again with the same file: changes nothing.",
    )
    .argument(
      "[FILE]",
      "the backup, also compressed (gz, zst, xz, bz2) or in an archive (zip, tar)",
    )
    .addOption(engine)
    .addOption(config)
    .addHelpText(
      "after",
      "\nExamples:\n  npm start\n  npm start -- /backups/etcd-2026-11-22.db\n  npm start -- -c verification=quick -c clientPort=32379",
    )
    .action(async (file: string | undefined, _options, command: Command) => {
      const { start } = load.start();
      process.exitCode = await start(file, command.optsWithGlobals());
    });

  program
    .command("stop")
    .summary("remove what start made")
    .description(
      "Stops the etcd and removes it with its data, certificates and report. Says so when there is nothing.",
    )
    .addOption(engine)
    .addOption(config)
    .addHelpText("after", "\nExample:\n  npm stop")
    .action(async (_options, command: Command) => {
      const { stop } = load.stop();
      process.exitCode = await stop(command.optsWithGlobals());
    });

  withEndpointFlags(program.command("verify"))
    .summary("compare a running etcd with a backup")
    .description(
      "Compares a running etcd with a backup file (and its manifest FILE.json, where there is one): HashKV, counts,\n" +
        "and every key read back at the backup's revision. Never prints a value.",
    )
    .requiredOption("--file <FILE>", "the backup")
    .addOption(
      new Option("--level <LEVEL>", "what is compared")
        .choices(["quick", "standard", "full"])
        .default("full"),
    )
    .option("--expect <KEY>", "a key that must be there, or a prefix that ends in /", collect, [])
    .addOption(
      new Option("--phase <NAME=SECONDS>", "how long an earlier phase took, for the report")
        .argParser(addPhase)
        .default([], "none"),
    )
    .option(
      "--report <DIR>",
      "write the report there: JSON, JUnit, HTML, Prometheus text, Markdown",
    )
    .addOption(
      new Option(
        "--bumped <N>",
        "the store was restored with --bump-revision N --mark-compacted",
      ).argParser(wholeNumber),
    )
    .option(
      "--in-use",
      "explain what was written after the backup, by whoever used the store since",
    )
    .addOption(
      new Option(
        "--access-stdin",
        'read {"password", "ssh": {"host", "port", "user", "privateKey", "hostKey", "proxy"}} from stdin: ' +
          "a port that is not open here is asked through SSH",
      ).conflicts("passwordStdin"),
    )
    .addOption(new Option("--unpacked <DIR>", "use and keep an unpacked backup there").hideHelp())
    .addOption(engine)
    .addOption(config)
    .addHelpText(
      "after",
      "\nExamples:\n  npx etcd-restore verify --stack local --file backup.db\n" +
        "  npx etcd-restore verify --endpoint https://10.0.0.7:2379 --cacert ca.crt --cert client.crt --key client.key --file backup.db",
    )
    .action(async (_options, command: Command) => {
      const { verify } = load.verify();
      process.exitCode = await verify(command.optsWithGlobals());
    });

  addLookInside(program, { engine, config });
  addDoctor(program, config);
  return program;
}

/** Runs the command line and turns whatever ends it into a message and an exit code. */
async function main(): Promise<void> {
  const program = commandLine();
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.good : EXIT.usage;
      return;
    }
    process.exitCode = exitCodeOfError(error);
    const debug = program.opts<GlobalOptions>().debug === true;
    const text = error instanceof Error ? (debug ? error.stack : error.message) : String(error);
    process.stderr.write(`error: ${text ?? ""}\n`);
  }
}

void main();
