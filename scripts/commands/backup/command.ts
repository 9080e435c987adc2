/** `backup`: of running members, out of the pods of a cluster, or of a v2 store out of its data directory wherever that is. */
import { type Command, Option } from "commander";
import { WAYS } from "../../../cluster/way-names";
import { pathFlag } from "../../flags";
import { withClusterFlags, withHelperImage, withOnly } from "../../cluster";
import { EXIT, UserError } from "../../outcome";
import { backupFromCluster, type FromClusterOptions } from "./from-cluster";
import { backupOfV2, type FromV2Options } from "./from-v2";
import { backupFromEndpoint, type BackupOptions } from "./from-endpoint";
import { POD_FLAGS, refuseUnused } from "../../unused";

/** Adds the flags of a backup out of the pods of a cluster. */
function withPodFlags(command: Command): Command {
  command
    .addOption(
      new Option("--kubernetes", "take the etcd pods of a cluster, through kubectl").conflicts([
        "endpoint",
        "member",
        "user",
      ]),
    )
    .addOption(new Option("--via <WAY>", "the only way to a pod to be taken").choices(WAYS))
    .option("--dry-run", "with --kubernetes: say what would be taken, made and removed");
  return withHelperImage(withOnly(withClusterFlags(command)));
}

/** Adds the flags of a backup of a v2 store. */
function withV2Flags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--v2",
        "take the old v2 store of a data directory, as `etcdctl backup` does: of one here, of one over SSH, or with " +
          "--kubernetes of those of the etcd pods",
      ).conflicts(["endpoint", "member", "user"]),
    )
    .option("--data-dir <DIR>", "with --v2: the member's data directory, here or behind --ssh")
    .addOption(
      new Option(
        "--ssh <HOST>",
        "with --v2: the machine that has it, as ssh takes it: HOST, USER@HOST, or a name of ~/.ssh/config",
      ).conflicts("kubernetes"),
    )
    .addOption(
      pathFlag("--ssh-config <FILE>", "with --ssh: settings for ssh, instead of the user's"),
    )
    .addOption(
      new Option("--with-v3", "with --v2: take the v3 keys beside it along").conflicts("withoutV3"),
    )
    .option("--without-v3", "with --v2: leave the v3 keys beside it out");
}

/** Attributes of these flags. */
const V2_FLAGS = ["dataDir", "ssh", "sshConfig", "withV3", "withoutV3"];

export function declare(command: Command): void {
  withV2Flags(withPodFlags(command))
    .description(
      "Asks every member that is named what it holds, takes the snapshot of a healthy follower, proves that it is whole " +
        "and what its source says of itself, and writes it with a manifest FILE.json. Nothing is under FILE before that.",
    )
    .option(
      "-o, --output <FILE>",
      "the backup's file; .gz and .zst are packed, - is stdout; with --kubernetes a directory; with --v2 a directory, or a .tar",
    )
    .option("--endpoint <URL,…>", "members to ask, https://HOST:PORT (ETCDCTL_ENDPOINTS)")
    .addOption(pathFlag("--cacert <FILE>", "CA of the etcd's certificate (ETCDCTL_CACERT)"))
    .addOption(pathFlag("--cert <FILE>", "client certificate (ETCDCTL_CERT)"))
    .addOption(pathFlag("--key <FILE>", "key of the client certificate (ETCDCTL_KEY)"))
    .option("-u, --user <NAME>", "user, where authentication is on (ETCDCTL_USER)")
    .addOption(
      pathFlag("--password-file <FILE>", "file with the user's password (ETCDCTL_PASSWORD)"),
    )
    .option("--password-stdin", "read the user's password from stdin")
    .option(
      "--member <NAME>",
      "take this member, whatever is the matter with it: name, id or endpoint",
    )
    .addOption(pathFlag("--sign-key <FILE>", "private key (ed25519, PEM) that signs the manifest"))
    .option("--overwrite", "replace a backup of the same name, once the new one is whole")
    .addHelpText(
      "after",
      "\nExit codes: 0 taken and proved, 1 members disagree or what came is not good, 2 wrong use, 3 the source, the\n" +
        "network or the disk failed.\n" +
        "\nExamples:\n  npx etcd-restore backup --endpoint https://10.0.0.7:2379 --cacert ca.crt --cert client.crt --key client.key \\\n" +
        "    -o etcd-2026-11-29.db\n" +
        "  npx etcd-restore backup --endpoint https://10.0.0.7:2379,https://10.0.0.8:2379,https://10.0.0.9:2379 \\\n" +
        "    --cacert ca.crt --cert client.crt --key client.key --sign-key backup-key.pem -o etcd-2026-11-29.db.zst\n" +
        "  npx etcd-restore backup -o - | age -r RECIPIENT > etcd.db.age   # the rest out of ETCDCTL_…\n" +
        "  npx etcd-restore backup --kubernetes --context production -o backups/$(date +%F)\n" +
        "  npx etcd-restore backup --v2 --data-dir /var/lib/etcd/default --with-v3 -o etcd-v2-2026-11-29\n" +
        "  npx etcd-restore backup --v2 --ssh core@10.0.0.7 --data-dir /var/lib/etcd2 -o etcd-v2-2026-11-29\n" +
        "  npx etcd-restore backup --v2 --kubernetes --without-v3 -o etcd-v2-2026-11-29",
    )
    .action(async () => {
      const options = command.optsWithGlobals<TypedOptions>();
      if (options.v2 === true) {
        refuseBesideV2(command, options);
        process.exitCode = await backupOfV2(options);
        return;
      }
      refuseUnused(command, V2_FLAGS, "it is about a v2 store: give --v2, too");
      if (options.kubernetes === true) {
        const reason = "pods are reached with the client's certificate";
        refuseUnused(command, ["passwordFile", "passwordStdin"], reason);
      } else {
        const reason = "it is about the pods of a cluster: give --kubernetes, too";
        refuseUnused(command, [...POD_FLAGS, "via", "dryRun"], reason);
      }
      process.exitCode = await backup(options);
    });
}

type TypedOptions = Omit<BackupOptions, "output"> &
  FromClusterOptions &
  FromV2Options & { readonly v2?: boolean };

/** A v2 store is read from files: whatever is about asking an etcd is of no use. */
function refuseBesideV2(command: Command, { kubernetes, ssh }: TypedOptions): void {
  const asked = ["cacert", "cert", "key", "passwordFile", "passwordStdin", "overwrite", "via"];
  refuseUnused(command, asked, "a data directory is read, and nobody asked");
  if (kubernetes === true) {
    refuseUnused(command, ["dataDir"], "the pod says itself where it is");
  } else {
    const reason = "it is about the pods of a cluster: give --kubernetes, too";
    refuseUnused(command, [...POD_FLAGS, "dryRun"], reason);
  }
  if (ssh === undefined) refuseUnused(command, ["sshConfig"], "it goes with --ssh HOST");
}

function backup(options: TypedOptions): Promise<number> {
  if (options.kubernetes === true) return backupFromCluster(options);
  const { output } = options;
  if (output === undefined) throw new UserError(EXIT.usage, "where to? Give -o FILE");
  return backupFromEndpoint({ ...options, output });
}
