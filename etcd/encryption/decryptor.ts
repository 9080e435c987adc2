/** Opens one value after the other, for `get`, `ls` and `extract`: what is asked for in plain. */
import { describeKey } from "../kubernetes/key";
import { readerName, readersOf } from "./readers";
import type { EncryptionConfiguration } from "./configuration";
import { loadSodium } from "./ciphers";
import { plainKeyId } from "./batch";
import { impossibleText } from "./findings";
import { openPlugins } from "./kms-plugin";
import { chainForKey, encryptedKeys, openValue, type PlainKey } from "./open-value";
import { isEncrypted } from "./readers";
import { classify } from "../kubernetes/storage";
import { printableKey } from "../wire/keys";

/** What became of a value that is encrypted. */
export type Decrypted =
  | {
      readonly value: Buffer;
      /** Who wrote it: `aescbc key 'key1'`. */
      readonly by: string;
    }
  | { readonly problem: string };

export interface Decryptor {
  /** Opens a value; one that is not encrypted comes back as it is, `by` empty. */
  open(key: Buffer, value: Buffer): Promise<Decrypted>;
  close(): void;
}

/** To be closed. Plugins are asked when there is a value of theirs. */
export async function openDecryptor(configuration: EncryptionConfiguration): Promise<Decryptor> {
  const readers = readersOf(configuration);
  if (readers.all.some(({ provider }) => provider === "secretbox")) await loadSodium();
  const plugins = openPlugins();
  return {
    async open(key, value) {
      if (!isEncrypted(value)) return { value, by: "" };
      const described = describeKey(key.toString());
      const number = chainForKey(described, readers.chainOf);
      const chain = number === undefined ? undefined : readers.chains[number];
      const plainKeys = new Map<string, PlainKey>();
      for (const asked of encryptedKeys(chain ?? [], value)) {
        plainKeys.set(
          plainKeyId(asked.reader, asked.key),
          await plugins.plainKey(asked.reader, asked.key),
        );
      }
      const opened = openValue(
        chain,
        { key, value, described },
        (reader, encrypted) => plainKeys.get(plainKeyId(reader, encrypted)) ?? "not-asked",
      );
      if (!("failure" in opened)) return { value: opened.plain, by: readerName(opened.reader) };
      const encoding = classify(value);
      const header =
        encoding.kind === "encrypted"
          ? { provider: encoding.provider, keyName: encoding.keyName }
          : {};
      const why = impossibleText({ key: printableKey(key), failure: opened.failure, ...header });
      return { problem: [why, ...plugins.problems()].join("; ") };
    },
    close() {
      plugins.close();
    },
  };
}
