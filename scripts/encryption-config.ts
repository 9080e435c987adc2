/** The API server's keys, as they are given on the command line: loaded by those alone who are given them. */
import * as fs from "node:fs";
import type { EncryptionConfiguration } from "../etcd/encryption/configuration";
import type { StoredKeys } from "../etcd/encryption/batches";
import type { Decryptor } from "../etcd/encryption/decryptor";
import type { EncryptionFindings } from "../etcd/encryption/findings";
import { readEncryptionConfig, textOfConfiguration } from "../etcd/encryption/read-configuration";
import { examineEncryption } from "../etcd/encryption/examine";
import { openDecryptor } from "../etcd/encryption/decryptor";

/**
 * Reads the file that `--encryption-config` names; undefined where it names none.
 * @throws EncryptionConfigError
 */
export function encryptionConfigOf(file: string | undefined): EncryptionConfiguration | undefined {
  if (file === undefined) return undefined;
  return readEncryptionConfig(file);
}

/**
 * The same out of a text that came by stdin; undefined where none came.
 * @throws EncryptionConfigError
 */
export function encryptionConfigIn(text: string | undefined): EncryptionConfiguration | undefined {
  if (text === undefined) return undefined;
  return textOfConfiguration(text);
}

/** Opens every encrypted value of a store, telling how far it is. */
export function examined(
  live: StoredKeys,
  configuration: EncryptionConfiguration,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<EncryptionFindings> {
  return examineEncryption(live, configuration, {
    signal,
    onProgress: (done, total) => {
      say(`decrypting: ${done} of ${total} values`);
    },
  });
}

/** Opens one value after the other; undefined without a configuration. */
export async function decryptorOf(
  configuration: EncryptionConfiguration | undefined,
): Promise<Decryptor | undefined> {
  if (configuration === undefined) return undefined;
  return openDecryptor(configuration);
}

/** What a clone's API server is given, and who opens values so that they can be compared; to be closed. */
export interface BootEncryption {
  /** The text of the file: secret. */
  readonly encryptionConfig?: string;
  readonly decrypt?: (key: Buffer, value: Buffer) => Promise<Buffer | undefined>;
  close(): void;
}

/** Nothing of it where the flag names no file. Throws as `encryptionConfigOf` does. */
export async function bootEncryption(
  file: string | undefined,
  text?: string,
): Promise<BootEncryption> {
  const decryptor = await decryptorOf(encryptionConfigOf(file) ?? encryptionConfigIn(text));
  const given = file === undefined ? text : fs.readFileSync(file, "utf8");
  if (given === undefined || decryptor === undefined) return { close: () => undefined };
  return {
    encryptionConfig: given,
    async decrypt(key, value) {
      const opened = await decryptor.open(key, value);
      return "value" in opened ? opened.value : undefined;
    },
    close: () => {
      decryptor.close();
    },
  };
}
