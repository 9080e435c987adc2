/** The command line of `backup`. */
import type { Command } from "commander";

/* eslint-disable-next-line @typescript-eslint/no-require-imports -- loaded when it runs, as in etcd-restore.ts */
const load = () => require("./from-endpoint") as typeof import("./from-endpoint");

/** Adds `backup` to the program. */
export function addBackup(program: Command): void {
  program
    .command("backup")
    .summary("take a backup of a running etcd, and prove it")
    .description(
      "Asks every member that is named what it holds, takes the snapshot of a healthy follower, proves that it is whole\n" +
        "and what its source says of itself, and writes it with a manifest FILE.json. Nothing is under FILE before that.",
    )
    .requiredOption(
      "-o, --output <FILE>",
      "the backup's file; .gz and .zst are packed, - is stdout",
    )
    .option("--endpoint <URL,…>", "members to ask, https://HOST:PORT (ETCDCTL_ENDPOINTS)")
    .option("--cacert <FILE>", "CA of the etcd's certificate (ETCDCTL_CACERT)")
    .option("--cert <FILE>", "client certificate (ETCDCTL_CERT)")
    .option("--key <FILE>", "key of the client certificate (ETCDCTL_KEY)")
    .option("-u, --user <NAME>", "user, where authentication is on (ETCDCTL_USER)")
    .option("--password-file <FILE>", "file with the user's password (ETCDCTL_PASSWORD)")
    .option("--password-stdin", "read the user's password from stdin")
    .option(
      "--member <NAME>",
      "take this member, whatever is the matter with it: name, id or endpoint",
    )
    .option("--sign-key <FILE>", "private key (ed25519, PEM) that signs the manifest")
    .option("--overwrite", "replace a backup of the same name, once the new one is whole")
    .addHelpText(
      "after",
      "\nExit codes: 0 taken and proved, 1 members disagree or what came is not good, 2 wrong use, 3 the source, the\n" +
        "network or the disk failed.\n" +
        "\nExamples:\n  npx etcd-restore backup --endpoint https://10.0.0.7:2379 --cacert ca.crt --cert client.crt --key client.key \\\n" +
        "    -o etcd-2026-11-29.db\n" +
        "  npx etcd-restore backup --endpoint https://10.0.0.7:2379,https://10.0.0.8:2379,https://10.0.0.9:2379 \\\n" +
        "    --cacert ca.crt --cert client.crt --key client.key --sign-key backup-key.pem -o etcd-2026-11-29.db.zst\n" +
        "  npx etcd-restore backup -o - | age -r RECIPIENT > etcd.db.age   # the rest out of ETCDCTL_…",
    )
    .action(async (_options, command: Command) => {
      process.exitCode = await load().backupFromEndpoint(command.optsWithGlobals());
    });
}
