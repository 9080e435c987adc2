import type { StorageEncoding } from "../kubernetes/storage";
import { countIn, entry, tallied, type Tally } from "./tally";

/** Values that one key of one provider of the API server's EncryptionConfiguration can read. */
export interface ProviderCount {
  /** `aescbc`, `aesgcm`, `secretbox`, `kms`. */
  readonly provider: string;
  readonly version: string;
  /** Name of the key, or of the KMS plugin; never the key. */
  readonly keyName: string;
  readonly keys: number;
  /** Keys by resource. */
  readonly resources: Readonly<Record<string, number>>;
}

/** Which Kubernetes objects are encrypted at rest, and by what: a restored cluster needs each of these keys. */
export interface EncryptionCensus {
  readonly providers: readonly ProviderCount[];
  readonly encrypted: number;
  readonly notEncrypted: number;
  /** Secrets that anyone with the backup can read. */
  readonly secretsNotEncrypted: number;
}

/** Gathers an `EncryptionCensus`. */
export function createEncryptionCensus(): {
  /** Adds so many objects of a resource. */
  count(resource: string, encoding: StorageEncoding, objects: number): void;
  result(): EncryptionCensus;
} {
  const providers = new Map<
    string,
    Omit<ProviderCount, "keys" | "resources"> & { resources: Tally }
  >();
  let notEncrypted = 0;
  let secretsNotEncrypted = 0;
  return {
    count(resource, encoding, objects) {
      if (encoding.kind !== "encrypted") {
        notEncrypted += objects;
        if (resource === "secrets") secretsNotEncrypted += objects;
        return;
      }
      const { provider, version, keyName } = encoding;
      const id = JSON.stringify([provider, version, keyName]);
      const known = entry(providers, id, () => ({
        provider,
        version,
        keyName,
        resources: new Map<string, number>(),
      }));
      countIn(known.resources, resource, objects);
    },
    result() {
      const list = [...providers.values()].map((provider) => ({
        ...provider,
        resources: tallied(provider.resources),
        keys: [...provider.resources.values()].reduce((sum, keys) => sum + keys, 0),
      }));
      return {
        providers: list.sort((a, b) => b.keys - a.keys),
        encrypted: list.reduce((sum, { keys }) => sum + keys, 0),
        notEncrypted,
        secretsNotEncrypted,
      };
    },
  };
}
