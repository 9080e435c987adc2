import { listKeys, type ListEntry } from "../../etcd/inspect/list";
import { grouped } from "../../etcd/wire/figures";
import type { GlobalOptions } from "../etcd-restore";
import { keyArgument, notThere } from "../key-argument";
import { openKeyStore, type KeyStoreOptions } from "../key-store";
import { abortOnInterrupt } from "../lab";
import { EXIT } from "../outcome";

export type LsOptions = GlobalOptions &
  KeyStoreOptions & {
    readonly recursive?: boolean;
    readonly long?: boolean;
  };

/** Lists one level of a store like a folder; returns the exit code. */
export async function ls(prefix: string, options: LsOptions): Promise<number> {
  const bytes = keyArgument(prefix);
  const store = await openKeyStore(options, abortOnInterrupt());
  try {
    const keys = await store.keys(bytes);
    const entries = listKeys(keys, bytes, options.recursive);
    if (entries.length === 0 && prefix !== "") throw notThere(prefix, store.name, keys);
    process.stdout.write(options.json === true ? json(entries) : text(entries, options.long));
    return EXIT.good;
  } finally {
    store.close();
  }
}

function json(entries: readonly ListEntry[]): string {
  return `${JSON.stringify(entries.map(({ name, isFolder, keys }) => ({ name, isFolder, keys })))}\n`;
}

function text(entries: readonly ListEntry[], long = false): string {
  return entries
    .map(({ name, isFolder, keys }) =>
      long ? `${(isFolder ? grouped(keys) : "").padStart(11)}  ${name}\n` : `${name}\n`,
    )
    .join("");
}
