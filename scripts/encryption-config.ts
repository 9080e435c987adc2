/** The API server's keys, as they are given on the command line: loaded by those alone who are given them. */
import type { EncryptionConfiguration } from "../etcd/encryption/configuration";
import type { StoredKeys } from "../etcd/encryption/batches";
import type { Decryptor } from "../etcd/encryption/decryptor";
import type { EncryptionFindings } from "../etcd/encryption/findings";

/* eslint-disable @typescript-eslint/no-require-imports -- most commands are given none */

/**
 * Reads the file that `--encryption-config` names; undefined where it names none.
 * @throws EncryptionConfigError
 */
export function encryptionConfigOf(file: string | undefined): EncryptionConfiguration | undefined {
  if (file === undefined) return undefined;
  const { readEncryptionConfig } =
    require("../etcd/encryption/read-configuration") as typeof import("../etcd/encryption/read-configuration");
  return readEncryptionConfig(file);
}

/** Opens every encrypted value of a store, telling how far it is. */
export function examined(
  live: StoredKeys,
  configuration: EncryptionConfiguration,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<EncryptionFindings> {
  const { examineEncryption } =
    require("../etcd/encryption/examine") as typeof import("../etcd/encryption/examine");
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
  const { openDecryptor } =
    require("../etcd/encryption/decryptor") as typeof import("../etcd/encryption/decryptor");
  return openDecryptor(configuration);
}
