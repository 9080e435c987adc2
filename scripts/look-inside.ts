/** The command lines of `inspect`, `ls`, `get` and `diff`. */
import { type Command, Option } from "commander";

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when they run, as in etcd-restore.ts */
const load = {
  diff: () => require("./commands/diff") as typeof import("./commands/diff"),
  get: () => require("./commands/get") as typeof import("./commands/get"),
  inspect: () => require("./commands/inspect") as typeof import("./commands/inspect"),
  ls: () => require("./commands/ls") as typeof import("./commands/ls"),
};
/* eslint-enable @typescript-eslint/no-require-imports */

/** Adds the flags that name a running etcd, and what its TLS and authentication need (`EndpointOptions`). */
export function withEndpointFlags(command: Command): Command {
  return command
    .option("--endpoint <URL>", "a running etcd, https://HOST:PORT")
    .option("--stack <NAME>", "the stack whose etcd it is")
    .option("--cacert <FILE>", "CA of the etcd's certificate")
    .option("--cert <FILE>", "client certificate")
    .option("--key <FILE>", "key of the client certificate")
    .option("--user <NAME>", "user, where authentication is on")
    .option("--password-stdin", "read the user's password from stdin");
}

/** The commands that look into a backup or a store and change nothing. */
export function addLookInside(
  program: Command,
  { engine, config }: { readonly engine: Option; readonly config: Option },
): void {
  const reaching = (command: Command): Command =>
    withEndpointFlags(command).addOption(engine).addOption(config);

  program
    .command("inspect")
    .summary("say what a backup holds and whether it can be restored")
    .description(
      "Reads a backup file once from end to end, needs no etcd, and says all that it tells: format, sha256, structure,\n" +
        "revision, HashKV, versions, leases, what is in it, and what a restore takes. Never prints a value.",
    )
    .argument(
      "<FILE>",
      "the backup, also compressed (gz, zst, xz, bz2), in an archive (zip, tar), or a directory",
    )
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
        "Of a backup the structure is checked and not the sha256: inspect does that.\n" +
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
          "said to be so (exit 1); -o raw gives their bytes. Of a backup the structure is checked, not the sha256.",
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
