import { prefixOf } from "../../etcd/wire/keys";
import { listKeys } from "../../etcd/inspect/list";
import { showKey, type ShowOptions } from "../../etcd/inspect/show";
import { counted } from "../../etcd/wire/figures";
import type { GlobalOptions } from "../etcd-restore";
import { keyArgument, notThere } from "../key-argument";
import { openKeyStore, type KeyStore, type KeyStoreOptions } from "../key-store";
import { abortOnInterrupt } from "../lab";
import { EXIT, UserError } from "../outcome";

export type GetOptions = GlobalOptions &
  KeyStoreOptions & {
    readonly output: ShowOptions["format"];
    readonly metadata?: boolean;
  };

/** Prints the value of one key; returns the exit code. */
export async function get(key: string, options: GetOptions): Promise<number> {
  const bytes = keyArgument(key);
  const store = await openKeyStore(options, abortOnInterrupt());
  try {
    const stored = await store.get(bytes);
    if (stored === undefined) throw await absent(key, bytes, store);
    const { output, problem, note } = showKey(stored, {
      format: options.json === true ? "json" : options.output,
      metadata: options.json === true || options.metadata === true,
    });
    process.stdout.write(output);
    if (note !== undefined) process.stderr.write(`note: ${note}\n`);
    if (problem === undefined) return EXIT.good;
    throw new UserError(EXIT.checkFailed, problem);
  } finally {
    store.close();
  }
}

/** Of a folder that it is one; else which keys come near: those of the same folder. */
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
  const parent = prefixOf(bytes.toString("latin1"), Infinity);
  return notThere(key, store.name, await store.keys(Buffer.from(parent, "latin1")));
}
