/** `get KEY [FILE]`: one key with its value. */
import { type Command, Option } from "commander";
import { listKeys } from "../../etcd/inspect/list";
import { showKey, type ShowOptions } from "../../etcd/inspect/show";
import { findFolders, keysWanted, parseWanted } from "../../etcd/inspect/kubernetes-keys";
import { counted } from "../../etcd/wire/figures";
import { printableKey } from "../../etcd/wire/keys";
import { tellApart } from "../file-argument";
import { namespaceOf, withClusterStoreFlags } from "../cluster";
import { decryptorOf, encryptionConfigOf } from "../encryption-config";
import { encryptionConfigFlag, pathFlag, salvageFlag, v2Flag, withEndpointFlags } from "../flags";
import { abortOnInterrupt } from "../interrupt";
import { keyArgument, notThere } from "../key-argument";
import { isNamedByFlags, openKeyStore, tellOtherStore, type KeyStoreOptions } from "../key-store";
import type { KeyStore } from "../opened-store";
import type { GlobalOptions } from "../options";
import { EXIT, UserError } from "../outcome";
import { print, say, visibleLines } from "../terminal";
import { refuseElsewhere } from "../unused";

export type GetOptions = GlobalOptions &
  KeyStoreOptions & {
    readonly output: ShowOptions["format"];
    readonly metadata?: boolean;
    readonly encryptionConfig?: string;
  };

export function declare(command: Command): void {
  withClusterStoreFlags(
    withEndpointFlags(
      command
        .description(
          "Prints a Kubernetes object as kubectl would, any other text as it is. Values that are encrypted at rest are " +
            "said to be so (exit 1), unless --encryption-config gives their keys; -o raw gives their bytes. Of a backup the structure is checked, not the sha256. " +
            "Without FILE, --stack, --endpoint or --kubernetes: from the lab that runs.",
        )
        .argument("<KEY>", "the key, or an object as for kubectl: pod/web; base64:… for bytes")
        .argument("[FILE]", "the backup to look into")
        .addOption(pathFlag("--file <FILE>", "the backup to look into, said with a flag"))
        .addOption(
          new Option("-o, --output <FORMAT>", "how to print it")
            .choices(["json", "yaml", "raw"])
            .default("json"),
        )
        .option(
          "--metadata",
          "with what etcd knows: revisions, version, lease, size (-o raw: that alone)",
        )
        .addOption(encryptionConfigFlag())
        .addOption(salvageFlag())
        .addOption(v2Flag()),
    ),
  )
    .addHelpText(
      "after",
      "\nExamples:\n  npx etcd-restore get /registry/pods/kube-system/etcd-master backup.db | jq .spec\n" +
        "  npx etcd-restore get /registry/namespaces/default -o yaml --metadata\n" +
        "  npx etcd-restore get pods/kube-system/etcd-master backup.db\n" +
        "  npx etcd-restore get deploy/web -n shop backup.db\n" +
        "  npx etcd-restore get /registry/secrets/shop/tls damaged.db --salvage",
    )
    .action(async (first: string, second: string | undefined) => {
      const options = command.optsWithGlobals<GetOptions>();
      const words = tellApart([first, second], isNamedByFlags(options), true);
      const named = words.file === undefined ? options : { ...options, file: words.file };
      refuseElsewhere(command, named);
      process.exitCode = await get(words.key ?? "", named);
    });
}

/** Prints the value of one key; returns the exit code. */
export async function get(key: string, options: GetOptions): Promise<number> {
  const typed = keyArgument(key);
  if (typed.length === 0) throw new UserError(EXIT.usage, "a key cannot be empty; ls shows keys");
  const decryptor = await decryptorOf(encryptionConfigOf(options.encryptionConfig));
  const store = await openKeyStore(options, abortOnInterrupt());
  try {
    const named = await objectKey(key, namespaceOf(options), store);
    const bytes = named ?? typed;
    const stored = await store.get(bytes);
    if (stored === undefined) throw await absent(key, bytes, store);
    // Its bytes as they are stored are asked for with -o raw.
    const decrypted =
      options.output === "raw" ? undefined : await decryptor?.open(bytes, stored.value);
    const { output, problem, note } = showKey(
      stored,
      {
        format: options.json === true ? "json" : options.output,
        metadata: options.json === true || options.metadata === true,
      },
      decrypted,
    );
    printValue(output);
    if (note !== undefined && options.quiet !== true) say(`note: ${note}`);
    if (problem === undefined) return store.isDamaged === true ? EXIT.checkFailed : EXIT.good;
    throw new UserError(EXIT.checkFailed, problem);
  } finally {
    store.close();
    decryptor?.close();
  }
}

/** The key of an object that is named as for kubectl; undefined for what is a key, or no name. */
async function objectKey(
  word: string,
  namespace: string | undefined,
  store: KeyStore,
): Promise<Buffer | undefined> {
  const wanted = parseWanted(word, namespace);
  if (wanted === undefined) return undefined;
  // A key of that very name comes first.
  if (namespace === undefined && (await store.get(keyArgument(word))) !== undefined) {
    return undefined;
  }
  const folders = await findFolders(wanted.type, store);
  if (folders.length === 0) return undefined;
  const found = folders.flatMap((folder) =>
    keysWanted(folder.keys, folder, wanted).map((i) => folder.keys.key(i)),
  );
  const [one] = found;
  if (wanted.name !== undefined && one !== undefined && found.length === 1) return one;
  const nearest = found.slice(0, 5).map((each) => printableKey(each));
  throw new UserError(
    EXIT.checkFailed,
    found.length === 0
      ? `${store.name} has no ${word}${namespace === undefined ? "" : ` in namespace ${namespace}`}`
      : `${word} names ${counted(found.length, "key")} of ${store.name}; name one of them`,
    nearest,
  );
}

/** The bytes as they are where a program takes them; on a terminal nothing that could steer it. */
function printValue(output: string | Buffer): void {
  const isForPeople = process.stdout.isTTY && typeof output === "string";
  print(isForPeople ? visibleLines(output.replaceAll("\t", "    "), false) : output);
}

/** Of a folder that it is one; else which keys come near. */
async function absent(key: string, bytes: Buffer, store: KeyStore): Promise<UserError> {
  const folder = bytes.toString("latin1").replace(/\/*$/, "/");
  const inside = await store.keys(Buffer.from(folder, "latin1"));
  const below = listKeys(inside, Buffer.from(folder, "latin1"), true).length;
  if (below > 0) {
    return new UserError(
      EXIT.checkFailed,
      `${store.name} has no key ${key}, but ${counted(below, "key")} below it: ls ${key} shows them`,
    );
  }
  await tellOtherStore(store, say);
  return notThere(key, store.name, await store.near(bytes));
}
