/** The encrypted values of a store, packed into batches as they are read. */
import { plainKeyId, type Batch } from "./batch";
import type { EncryptedKey } from "./envelope";
import type { Plugins } from "./kms-plugin";
import { encryptedKeys, type PlainKey } from "./open-value";
import type { Reader, Readers } from "./readers";

/** The live keys of a store, in order; what a snapshot's reader gives. */
export interface StoredKeys {
  readonly count: number;
  key(i: number): Buffer;
  value(i: number): Buffer;
  /** 0: nothing of Kubernetes; 1: the value has to be looked at; else the number of a beginning that `head` has. */
  headNumber(i: number): number;
  head(number: number): Buffer | undefined;
}

/** An encrypted value: the number of its key, and of the chain that its resource has. */
export interface EncryptedValue {
  readonly index: number;
  readonly chain: number | undefined;
}

/** A batch that lacks only what plugins have to say. */
export interface Packed {
  /** How many values it has. */
  readonly values: number;
  readonly batch: Omit<Batch, "plainKeys">;
  readonly asked: Asked;
}

/** Keys that only a plugin decrypts, and the values of the batch that carry them. */
type Asked = readonly {
  readonly at: number;
  readonly reader: Reader;
  readonly key: EncryptedKey;
}[];

const MOST_VALUES = 1024;

/**
 * Reads as many values as there is room for, from number `from` on.
 * @param room where they are put; a value that does not fit into it alone gets memory of its own
 */
export function packBatch(
  live: StoredKeys,
  readers: Readers,
  encrypted: readonly EncryptedValue[],
  from: number,
  room: Uint8Array,
): Packed {
  const table: number[] = [];
  const asked: Asked[number][] = [];
  let bytes = room;
  let used = 0;
  let values = 0;
  for (; from + values < encrypted.length && values < MOST_VALUES; values++) {
    const { index, chain } = encrypted[from + values] ?? { index: 0, chain: undefined };
    const key = live.key(index);
    const value = live.value(index);
    const end = used + key.length + value.length;
    if (end > bytes.length) {
      if (values > 0) break;
      bytes = new Uint8Array(end);
    }
    bytes.set(key, used);
    bytes.set(value, used + key.length);
    used = end;
    table.push(chain === undefined ? 0 : chain + 1, key.length, value.length);
    if (chain !== undefined && readers.hasPlugin) {
      const keys = encryptedKeys(readers.chains[chain] ?? [], Buffer.from(value));
      asked.push(...keys.map((one) => ({ at: values, ...one })));
    }
  }
  const chains = readers.chains.map((chain) => chain.map(({ id }) => id));
  return { values, batch: { bytes, table, chains }, asked };
}

/** Asks the plugins for the keys that a batch needs, each once. */
export function askPlugins(asked: Asked, plugins: Plugins): Promise<Batch["plainKeys"]> {
  const unique = new Map(
    asked.map(({ reader, key }) => [plainKeyId(reader, key), { reader, key }]),
  );
  return Promise.all(
    [...unique].map(async ([id, { reader, key }]): Promise<[string, PlainKey]> => [
      id,
      await plugins.plainKey(reader, key),
    ]),
  );
}

/** Which values of a batch a key of the plugin's encrypted that is not the one that it encrypts with now. */
export async function writtenByFormerKeys(
  asked: Asked,
  plugins: Plugins,
): Promise<ReadonlySet<number>> {
  const former = new Set<number>();
  for (const { at, reader, key } of asked) {
    if (reader.version !== "v2") continue;
    const now = await plugins.currentKeyId(reader);
    if (now !== undefined && now !== key.keyId) former.add(at);
  }
  return former;
}
