/** The `etcd-restore` command: parses, calls one function, prints, sets the exit code. */
import { Command, CommanderError, Option } from "commander";
import { version } from "../package.json";
import { PHASE_NAMES, type Phase } from "../etcd/report/report";
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

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when they run, so that `--help` stays instant;
   `import()` would ask Node's ESM loader, which does not know TypeScript here. */
const load = {
  diff: () => require("./commands/diff") as typeof import("./commands/diff"),
  get: () => require("./commands/get") as typeof import("./commands/get"),
  inspect: () => require("./commands/inspect") as typeof import("./commands/inspect"),
  ls: () => require("./commands/ls") as typeof import("./commands/ls"),
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
    .argument("[FILE]", "the backup, as `etcdctl snapshot save` wrote it")
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

  program
    .command("verify")
    .summary("compare a running etcd with a backup")
    .description(
      "Compares a running etcd with a backup file (and its manifest FILE.json, where there is one): HashKV, counts,\n" +
        "and every key read back at the backup's revision. Never prints a value.",
    )
    .requiredOption("--file <FILE>", "the backup")
    .option("--endpoint <URL>", "the etcd, https://HOST:PORT")
    .option("--stack <NAME>", "the stack whose etcd it is")
    .option("--cacert <FILE>", "CA of the etcd's certificate")
    .option("--cert <FILE>", "client certificate")
    .option("--key <FILE>", "key of the client certificate")
    .option("--user <NAME>", "user, where authentication is on")
    .option("--password-stdin", "read the user's password from stdin")
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
  return program;
}

/** The commands that look into a backup or a store and change nothing. */
function addLookInside(
  program: Command,
  { engine, config }: { readonly engine: Option; readonly config: Option },
): void {
  const reaching = (command: Command): Command =>
    command
      .option("--endpoint <URL>", "a running etcd, https://HOST:PORT")
      .option("--stack <NAME>", "the stack whose etcd it is")
      .option("--cacert <FILE>", "CA of the etcd's certificate")
      .option("--cert <FILE>", "client certificate")
      .option("--key <FILE>", "key of the client certificate")
      .option("--user <NAME>", "user, where authentication is on")
      .option("--password-stdin", "read the user's password from stdin")
      .addOption(engine)
      .addOption(config);

  program
    .command("inspect")
    .summary("say what a backup holds and whether it can be restored")
    .description(
      "Reads a backup file once from end to end, needs no etcd, and says all that it tells: format, sha256, structure,\n" +
        "revision, HashKV, versions, leases, what is in it, and what a restore takes. Never prints a value.",
    )
    .argument("<FILE>", "the backup, as `etcdctl snapshot save` wrote it")
    .addHelpText(
      "after",
      "\nExit codes: 0 restorable, 1 read and judged not restorable, 2 not a readable backup.\n" +
        "\nExamples:\n  npx etcd-restore inspect backup.db\n" +
        "  npx etcd-restore inspect backup.db --json | jq .census.resources",
    )
    .action(async (file: string, _options, command: Command) => {
      const { inspect } = load.inspect();
      process.exitCode = await inspect(file, command.optsWithGlobals());
    });

  reaching(
    program
      .command("ls")
      .summary("list the keys of a backup or a running etcd like folders")
      .argument("[PREFIX]", "a folder, or the beginning of keys; base64:… for bytes", "")
      .option("--file <FILE>", "the backup to look into")
      .option("-r, --recursive", "list every key below")
      .option("-l, --long", "count the keys of each folder"),
  )
    .addHelpText(
      "after",
      "\nA key that is no plain text is shown as base64:…, and can be given so.\n" +
        "\nExamples:\n  npx etcd-restore ls /registry --file backup.db -l\n" +
        "  npx etcd-restore ls /registry/pods/kube-system --stack local",
    )
    .action(async (prefix: string, _options, command: Command) => {
      const { ls } = load.ls();
      process.exitCode = await ls(prefix, command.optsWithGlobals());
    });

  reaching(
    program
      .command("get")
      .summary("print one key of a backup or a running etcd")
      .description(
        "Prints a Kubernetes object as kubectl would, any other text as it is. Values that are encrypted at rest are\n" +
          "said to be so (exit 1); -o raw gives their bytes.",
      )
      .argument("<KEY>", "the key; base64:… for bytes")
      .option("--file <FILE>", "the backup to look into")
      .addOption(
        new Option("-o, --output <FORMAT>", "how to print it")
          .choices(["json", "yaml", "raw"])
          .default("json"),
      )
      .option(
        "--metadata",
        "with what etcd knows: revisions, version, lease, size (-o raw: that alone)",
      ),
  )
    .addHelpText(
      "after",
      "\nExamples:\n  npx etcd-restore get /registry/pods/kube-system/etcd-master --file backup.db | jq .spec\n" +
        "  npx etcd-restore get /registry/namespaces/default --stack local -o yaml --metadata",
    )
    .action(async (key: string, _options, command: Command) => {
      const { get } = load.get();
      process.exitCode = await get(key, command.optsWithGlobals());
    });

  reaching(
    program
      .command("diff")
      .summary("compare two backups, or a backup and a running etcd")
      .description(
        "Says which keys of A were added, removed or changed in B (or in the etcd that the flags name, as it is now),\n" +
          "by prefix and resource. Never prints a value.",
      )
      .argument("<A>", "a backup")
      .argument("[B]", "another backup")
      .option("--keys", "name every key that differs"),
  )
    .addHelpText(
      "after",
      "\nExit codes: 0 the same, 1 different, 2 a file cannot be read.\n" +
        "\nExamples:\n  npx etcd-restore diff monday.db tuesday.db --keys\n" +
        "  npx etcd-restore diff backup.db --stack local",
    )
    .action(async (a: string, b: string | undefined, _options, command: Command) => {
      const { diff } = load.diff();
      process.exitCode = await diff(a, b, command.optsWithGlobals());
    });
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
