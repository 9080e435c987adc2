/** Flags that several commands have, and how what is typed is read. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { fullNameOf } from "../settings/names";

/** A path as it was typed; an empty one is wrong use, whatever is to be done with it. */
export function pathText(text: string): string {
  if (text === "") throw new InvalidArgumentError("It is empty; a path is needed.");
  return text;
}

/** A flag that takes a path. */
export function pathFlag(flags: string, description: string): Option {
  return new Option(flags, description).argParser(pathText);
}

/** A name that is not empty. */
function nameText(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It is empty; a name is needed.");
  return text;
}

/** Collects a flag that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** A whole number above 0. */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) {
    throw new InvalidArgumentError("It must be a whole number above 0.");
  }
  return Number(text);
}

/** A moment in ISO 8601 with its time zone: `2026-11-22T03:00:00Z`. */
export function moment(text: string): Date {
  const date = new Date(text);
  if (!/T.*(Z|[+-]\d\d:?\d\d)$/.test(text) || Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError("It must be a time in ISO 8601, like 2026-11-22T03:00:00Z.");
  }
  return date;
}

/** The flags that say whose etcd: of a stack, and with which settings over those of its file. */
export function withStackFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--stack <NAME>",
        "the stack whose etcd it is; the lab that runs is local",
      ).argParser(nameText),
    )
    .addOption(engineFlag())
    .addOption(configFlag());
}

/** The flag that says what runs the Pulumi program. */
export function engineFlag(): Option {
  return new Option("--engine <engine>", "what runs the Pulumi program, or has its stack")
    .choices(["auto", "pulumi", "embedded"])
    .default("auto");
}

/** The flag for a setting over those of the stack's file; may be given several times. */
export function configFlag(): Option {
  return new Option("-c, --config <KEY=VALUE>", "a setting of the stack, as in Pulumi.yaml")
    .argParser(addConfig)
    .default({}, "none");
}

/** Collects `--config KEY=VALUE` by the setting's full name. */
function addConfig(
  pair: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const at = pair.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`It must be KEY=VALUE.`);
  const key = pair.slice(0, at);
  try {
    return { ...before, [fullNameOf(key)]: pair.slice(at + 1) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(error.message);
  }
}

/** The flags that name a running etcd, and what its TLS and authentication need (`EndpointOptions`). */
export function withEndpointFlags(command: Command): Command {
  return withMemberFlags(
    withStackFlags(
      command.option("--endpoint <URL>", "a running etcd, https://HOST:PORT (ETCDCTL_ENDPOINTS)"),
    ),
  );
}

/** What TLS and authentication of an etcd need. */
export function withMemberFlags(command: Command): Command {
  return command
    .addOption(pathFlag("--cacert <FILE>", "CA of the etcd's certificate (ETCDCTL_CACERT)"))
    .addOption(pathFlag("--cert <FILE>", "client certificate (ETCDCTL_CERT)"))
    .addOption(pathFlag("--key <FILE>", "key of the client certificate (ETCDCTL_KEY)"))
    .option("--user <NAME>", "user, where authentication is on (ETCDCTL_USER)")
    .addOption(
      pathFlag("--password-file <FILE>", "file with the user's password (ETCDCTL_PASSWORD)"),
    )
    .option("--password-stdin", "read the user's password from stdin");
}

/** The flag that names the API server's keys. */
export function encryptionConfigFlag(): Option {
  return pathFlag(
    "--encryption-config <FILE>",
    "the API server's EncryptionConfiguration: what is encrypted is decrypted in memory, and must be what its key names",
  );
}

/** kubectl's flag for a namespace. */
export function namespaceFlag(): Option {
  return new Option("-n, --namespace <NAME>", "the namespace of what is named").argParser(nameText);
}

/** The flag that says of which cluster a backup must be. */
export function expectClusterFlag(): Option {
  return new Option(
    "--expect-cluster <UID>",
    "the cluster that the backup must be of: the UID of its namespace kube-system",
  ).argParser(nameText);
}

/** The flag that demands a signature. */
export function trustedKeyFlag(): Option {
  return pathFlag(
    "--trusted-key <FILE>",
    "public key (ed25519, PEM) that must have signed the backup's manifest",
  );
}

/** The flag that names the keys of backups that are encrypted with age. */
export function ageIdentityFlag(): Option {
  return pathFlag(
    "--age-identity <FILE>",
    "file with the age identities (age-keygen) that open encrypted backups (ETCD_RESTORE_AGE_IDENTITY)",
  );
}

/** The flag that reads around damage. */
export function salvageFlag(): Option {
  return new Option(
    "--salvage",
    "of a damaged backup: whatever can be read, page by page, and what cannot is said (exit 1)",
  );
}

/** The flag for the old store of an etcd that has both. */
export function v2Flag(): Option {
  return new Option(
    "--v2",
    "the old v2 store, which etcd 3.5 and older serve with --enable-v2, and not the v3 store",
  );
}
