/** `ls [PREFIX] [FILE]`: one level of a store like a folder. */
import type { Command } from "commander";
import { decodeObject, UndecodableError } from "../../etcd/kubernetes/decode";
import { listKeys, type ListEntry } from "../../etcd/inspect/list";
import { findFolders, keysWanted, parseWanted } from "../../etcd/inspect/kubernetes-keys";
import { sortedKeys } from "../../etcd/inspect/keys";
import type { SortedKeys } from "../../etcd/wire/sorted-keys";
import type { StoredKey } from "../../etcd/inspect/show";
import { grouped, size } from "../../etcd/wire/figures";
import { tellApart } from "../file-argument";
import { namespaceOf, withClusterStoreFlags } from "../cluster";
import { pathFlag, salvageFlag, v2Flag, withEndpointFlags } from "../flags";
import { abortOnInterrupt } from "../interrupt";
import { keyArgument, notThere } from "../key-argument";
import { isNamedByFlags, openKeyStore, tellOtherStore, type KeyStoreOptions } from "../key-store";
import type { KeyStore } from "../opened-store";
import type { GlobalOptions } from "../options";
import { EXIT } from "../outcome";
import { print, printJson, printText, say } from "../terminal";
import { refuseElsewhere } from "../unused";

export type LsOptions = GlobalOptions &
  KeyStoreOptions & {
    readonly recursive?: boolean;
    readonly long?: boolean;
  };

export function declare(command: Command): void {
  withClusterStoreFlags(
    withEndpointFlags(
      command
        .description(
          "Lists the keys of a backup or of a running etcd, one level like a folder. Without FILE, --stack, --endpoint or --kubernetes: " +
            "those of the lab that runs.",
        )
        .argument(
          "[PREFIX]",
          "a folder, the beginning of keys, or objects as for kubectl: deploy; base64:… for bytes",
        )
        .argument("[FILE]", "the backup to look into")
        .addOption(pathFlag("--file <FILE>", "the backup to look into, said with a flag"))
        .option("-r, --recursive", "list every key below")
        .option(
          "-l, --long",
          "with the number of keys of a folder; of a key its size, revision, and the age of its Kubernetes object",
        )
        .addOption(salvageFlag())
        .addOption(v2Flag()),
    ),
  )
    .addHelpText(
      "after",
      "\nA key that is no plain text is shown as base64:…, and can be given so.\n" +
        "Of a backup the structure is checked and not the sha256: inspect does that.\n" +
        "\nExamples:\n  npx etcd-restore ls /registry backup.db -l\n" +
        "  npx etcd-restore ls /registry/pods/kube-system\n" +
        "  npx etcd-restore ls deploy -n shop backup.db\n" +
        "  npx etcd-restore ls / --stack production\n" +
        "  npx etcd-restore ls / damaged.db --salvage -r\n" +
        "  npx etcd-restore ls /registry/pods --v2 --endpoint https://10.0.0.7:2379 --cacert ca.crt --cert client.crt --key client.key",
    )
    .action(async (first: string | undefined, second: string | undefined) => {
      const options = command.optsWithGlobals<LsOptions>();
      const { key = "", file } = tellApart([first, second], isNamedByFlags(options), false);
      const named = file === undefined ? options : { ...options, file };
      refuseElsewhere(command, named);
      process.exitCode = await ls(key, named);
    });
}

/** Lists one level of a store like a folder; returns the exit code. */
export async function ls(prefix: string, options: LsOptions): Promise<number> {
  const bytes = keyArgument(prefix);
  const store = await openKeyStore(options, abortOnInterrupt());
  try {
    const objects = await objectsNamed(prefix, namespaceOf(options), store);
    const keys = objects ?? (await store.keys(bytes));
    const entries =
      objects === undefined
        ? listKeys(keys, bytes, options.recursive)
        : listKeys(keys, Buffer.alloc(0), true);
    if (entries.length === 0) await tellOtherStore(store, say);
    if (entries.length === 0 && prefix !== "") {
      throw notThere(prefix, store.name, await store.near(bytes));
    }
    const details = options.long === true ? await detailsOf(entries, keys, store) : undefined;
    if (options.json === true) {
      printJson(
        entries.map(({ name, isFolder, keys: count, index }) => ({
          ...{ name, isFolder, keys: count },
          ...details?.get(index),
        })),
      );
    } else if (details !== undefined) printLong(entries, details);
    else print(entries.map(({ name }) => `${name}\n`).join(""));
    return store.isDamaged === true ? EXIT.checkFailed : EXIT.good;
  } finally {
    store.close();
  }
}

/** The keys of objects that are named as for kubectl; undefined for a folder, or what is no name. */
async function objectsNamed(
  word: string,
  namespace: string | undefined,
  store: KeyStore,
): Promise<SortedKeys | undefined> {
  const wanted = parseWanted(word, namespace);
  if (wanted === undefined) return undefined;
  const bytes = keyArgument(word);
  // Keys that begin so come first.
  if (listKeys(await store.keys(bytes), bytes).length > 0) return undefined;
  const folders = await findFolders(wanted.type, store);
  if (folders.length === 0) return undefined;
  return sortedKeys(
    folders
      .flatMap((folder) => keysWanted(folder.keys, folder, wanted).map((i) => folder.keys.key(i)))
      .sort((a, b) => a.compare(b)),
  );
}

/** What `-l` says of a key. */
interface Details {
  readonly bytes: number;
  readonly modRevision: number;
  /** When its Kubernetes object was created; absent where it is none, or says nothing. */
  readonly created?: string;
}

/** As many keys are asked for at one time: a server's answer takes longer than its work. */
const AT_ONCE = 8;

async function detailsOf(
  entries: readonly ListEntry[],
  keys: SortedKeys,
  store: KeyStore,
): Promise<ReadonlyMap<number, Details>> {
  const found = new Map<number, Details>();
  const wanted = entries.filter(({ isFolder }) => !isFolder).map(({ index }) => index);
  const next = wanted[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const index of next) {
      const stored = await store.get(keys.key(index));
      // One that has gone since it was listed has no details any more.
      if (stored !== undefined) found.set(index, describe(stored));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}

function describe({ value, metadata }: StoredKey): Details {
  const created = createdAt(value);
  const { modRevision } = metadata;
  return { bytes: value.length, modRevision, ...(created === undefined ? {} : { created }) };
}

/** `metadata.creationTimestamp` of an object of Kubernetes; of anything else nothing. */
function createdAt(value: Buffer): string | undefined {
  try {
    const { metadata } = decodeObject(value).object;
    if (typeof metadata !== "object" || metadata === null || !("creationTimestamp" in metadata)) {
      return undefined;
    }
    const { creationTimestamp } = metadata;
    return typeof creationTimestamp === "string" ? creationTimestamp : undefined;
  } catch (error) {
    if (error instanceof UndecodableError) return undefined;
    throw error;
  }
}

function printLong(entries: readonly ListEntry[], details: ReadonlyMap<number, Details>): void {
  const revisions = [...details.values()].map(({ modRevision }) => String(modRevision).length);
  const width = revisions.reduce((most, length) => Math.max(most, length), 0);
  const lines = entries.map(({ name, isFolder, keys, index }) => {
    const of = details.get(index);
    const first = isFolder ? grouped(keys) : of === undefined ? "" : size(of.bytes);
    // Where there are folders alone, nothing but their counts.
    const rest =
      width === 0
        ? ""
        : `${String(of?.modRevision ?? "").padStart(width)}  ${ageOf(of?.created).padStart(4)}  `;
    return `${first.padStart(11)}  ${rest}${name}`;
  });
  if (lines.length > 0) printText(lines.join("\n"));
}

/** The age of an object as kubectl shows it: `45s`, `12m`, `7h`, `38d`, `3y`. */
function ageOf(created: string | undefined): string {
  const began = created === undefined ? NaN : Date.parse(created);
  if (Number.isNaN(began)) return "";
  const seconds = Math.max(0, Math.floor((Date.now() - began) / 1000));
  const steps = [
    [60, 1, "s"],
    [3600, 60, "m"],
    [86_400, 3600, "h"],
    [2 * 365 * 86_400, 86_400, "d"],
  ] as const;
  const step = steps.find(([below]) => seconds < below);
  if (step === undefined) return `${Math.floor(seconds / (365 * 86_400))}y`;
  return `${Math.floor(seconds / step[1])}${step[2]}`;
}
