/** The ways to read a value that a configuration gives, and which of them an API server tries for a resource. */
import { entriesFor, type EncryptionConfiguration, type Provider } from "./configuration";

/** One key of one provider of one entry: what can have written a value. */
export interface Reader {
  /** Its number among all of the configuration. */
  readonly id: number;
  readonly provider: "identity" | "aescbc" | "aesgcm" | "secretbox" | "kms";
  /** `v1` or `v2`; empty for identity. */
  readonly version: string;
  /** Name of the key or of the plugin; empty for identity. */
  readonly keyName: string;
  /** Where it stands: `resources[0].providers[1]`. */
  readonly place: string;
  /** The resources of its entry, as they are written there. */
  readonly resources: readonly string[];
  /** What its values begin with; empty for identity. */
  readonly prefix: Buffer;
  /** Of aescbc, aesgcm and secretbox. */
  readonly secret?: Buffer;
  /** Of kms. */
  readonly plugin?: Extract<Provider, { kind: "kms" }>;
}

/** What an API server tries for the values of a resource, in this order. The first one writes. */
export type Chain = readonly Reader[];

/** All readers of a configuration, and the chain of each resource. */
export interface Readers {
  readonly all: readonly Reader[];
  /** The number of a resource's chain in `chains`; undefined where the configuration does not name it. */
  readonly chainOf: (resource: string, group: string) => number | undefined;
  /** Made as they are asked for; the first one holds all readers. */
  readonly chains: readonly Chain[];
  /** Whether a KMS plugin is among them. */
  readonly hasPlugin: boolean;
}

/** Number of the chain of all readers, for keys of which nobody can tell the resource. */
export const ANY_READER = 0;

/** Takes a configuration apart. */
export function readersOf(configuration: EncryptionConfiguration): Readers {
  const all: Reader[] = [];
  const byEntry = configuration.map(({ resources, providers }, entry) =>
    providers.flatMap((provider, at) => {
      const place = `resources[${entry}].providers[${at}]`;
      return waysOf(provider).map((way) => {
        const reader: Reader = { ...way, id: all.length, place, resources };
        all.push(reader);
        return reader;
      });
    }),
  );
  const chains: Chain[] = [all];
  const known = new Map<string, number | undefined>();
  return {
    all,
    chains,
    hasPlugin: all.some(({ plugin }) => plugin !== undefined),
    chainOf(resource, group) {
      const name = `${resource}.${group}`;
      if (known.has(name)) return known.get(name);
      const entries = entriesFor(configuration, resource, group);
      const number = entries === undefined ? undefined : chains.length;
      if (entries !== undefined) chains.push(entries.flatMap((entry) => byEntry[entry] ?? []));
      known.set(name, number);
      return number;
    },
  };
}

function waysOf(provider: Provider): readonly Omit<Reader, "id" | "place" | "resources">[] {
  if (provider.kind === "identity") {
    return [{ provider: "identity", version: "", keyName: "", prefix: Buffer.alloc(0) }];
  }
  if (provider.kind === "kms") {
    const { version, name } = provider;
    const prefix = Buffer.from(`k8s:enc:kms:${version}:${name}:`);
    return [{ provider: "kms", version, keyName: name, prefix, plugin: provider }];
  }
  const { kind, keys } = provider;
  return keys.map(({ name, secret }) => {
    const prefix = Buffer.from(`k8s:enc:${kind}:v1:${name}:`);
    return { provider: kind, version: "v1", keyName: name, prefix, secret };
  });
}

const ENCRYPTED = Buffer.from("k8s:enc:");

/** Whether a value says that it is encrypted; identity refuses such a one. */
export function isEncrypted(value: Uint8Array): boolean {
  return ENCRYPTED.equals(value.subarray(0, ENCRYPTED.length));
}

/** A reader as people know it: `aescbc key 'key1'`. */
export function readerName({ provider, version, keyName }: Reader): string {
  if (provider === "identity") return "identity";
  return provider === "kms" ? `kms ${version} plugin '${keyName}'` : `${provider} key '${keyName}'`;
}
