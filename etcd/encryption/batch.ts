/** Many values opened at once, in this thread or in another: only numbers come back, never a plain text. */
import { keyDescriber } from "../kubernetes/key";
import type { EncryptionConfiguration } from "./configuration";
import { loadSodium } from "./ciphers";
import { FAILURES, openValue, type Failure, type PlainKey } from "./open-value";
import { readersOf, type Chain, type Reader } from "./readers";

/** Keys and values, one after the other; nothing in it is in plain but what plugins decrypted. */
export interface Batch {
  readonly bytes: Uint8Array;
  /** Of each value three numbers: its chain (0: none, else one more than its number), length of the key, length of the value. */
  readonly table: readonly number[];
  /** Chains as numbers of readers. */
  readonly chains: readonly (readonly number[])[];
  /** What plugins answered, by `plainKeyId`. */
  readonly plainKeys: readonly (readonly [
    id: string,
    key: Uint8Array | Exclude<PlainKey, Buffer>,
  ])[];
}

/** A key that a plugin decrypts, by the plugin and the key's own id. */
export function plainKeyId(reader: Reader, key: { readonly id: string }): string {
  return `${reader.id}:${key.id}`;
}

/** What became of a value: which reader opened it. */
export type Result =
  { readonly reader: number; readonly stale: boolean } | { readonly failure: Failure };

/** Opens batches. */
export type BatchOpener = (batch: Batch) => Int32Array<ArrayBuffer>;

/** Makes ready for batches whose chains are of this configuration. */
export async function batchOpener(configuration: EncryptionConfiguration): Promise<BatchOpener> {
  const { all } = readersOf(configuration);
  if (all.some(({ provider }) => provider === "secretbox")) await loadSodium();
  return (batch) => openBatch(batch, all);
}

function openBatch({ bytes, table, chains, plainKeys }: Batch, all: readonly Reader[]) {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const known = new Map(
    plainKeys.map(([id, key]) => [id, typeof key === "string" ? key : Buffer.from(key)]),
  );
  const plainKeyOf = (reader: Reader, key: { readonly id: string }) =>
    known.get(plainKeyId(reader, key)) ?? "not-asked";
  const resolved = chains.map((chain): Chain =>
    chain.flatMap((id) => {
      const reader = all[id];
      return reader === undefined ? [] : [reader];
    }),
  );
  const describe = keyDescriber();
  const results = new Int32Array(table.length / 3);
  let at = 0;
  for (let i = 0; i < results.length; i++) {
    const chain = table[3 * i] ?? 0;
    const keyEnd = at + (table[3 * i + 1] ?? 0);
    const valueEnd = keyEnd + (table[3 * i + 2] ?? 0);
    const key = content.subarray(at, keyEnd);
    const value = content.subarray(keyEnd, valueEnd);
    at = valueEnd;
    const readers = chain === 0 ? undefined : resolved[chain - 1];
    const opened = openValue(readers, { key, value, described: describe(key) }, plainKeyOf);
    if ("failure" in opened) results[i] = -1 - FAILURES.indexOf(opened.failure);
    else {
      results[i] = opened.reader.id * 2 + (opened.stale ? 1 : 0);
      opened.plain.fill(0);
    }
  }
  for (const key of known.values()) if (typeof key !== "string") key.fill(0);
  return results;
}

/** What a number that came back means. */
export function resultOf(number: number): Result {
  if (number >= 0) return { reader: number >> 1, stale: (number & 1) === 1 };
  return { failure: FAILURES[-1 - number] ?? "not-opened" };
}
