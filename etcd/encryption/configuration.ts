/**
 * The API server's EncryptionConfiguration: which keys can have written a resource's values, and which one writes now
 * (as kubernetes/apiserver has it in pkg/server/options/encryptionconfig/config.go). `parse-configuration.ts` reads it.
 */

/** A key as it stands in the configuration; `secret` are its bytes, which leave this process never. */
export interface SecretKey {
  readonly name: string;
  readonly secret: Buffer;
}

/** A way in which values may be stored. */
export type Provider =
  | { readonly kind: "identity" }
  | { readonly kind: "aescbc" | "aesgcm" | "secretbox"; readonly keys: readonly SecretKey[] }
  | {
      readonly kind: "kms";
      readonly version: "v1" | "v2";
      readonly name: string;
      /** `unix:///path`, or `unix:///@name` for an abstract socket. */
      readonly endpoint: string;
      readonly timeoutMs: number;
    };

/** Resources (`secrets`, `deployments.apps`, `*.apps`, `*.`, `*.*`), and the providers that may read them: the first one writes. */
export interface Entry {
  readonly resources: readonly string[];
  readonly providers: readonly Provider[];
}

export type EncryptionConfiguration = readonly Entry[];

/** `apps` of `deployments.apps`; empty for the core group. */
export function groupOf(resource: string): string {
  const dot = resource.indexOf(".");
  return dot < 0 ? "" : resource.slice(dot + 1);
}

/** `secrets.` is `secrets`, both of the core group. */
export function canonical(resource: string): string {
  return resource.endsWith(".") && resource !== "*." ? resource.slice(0, -1) : resource;
}

/**
 * The providers of a resource in their order, as an API server joins them: those of the entries that name it, else those
 * for its whole group, else those for everything.
 * @returns undefined where none is configured: then it is stored as it is, and what is encrypted cannot be read
 */
export function entriesFor(
  entries: EncryptionConfiguration,
  resource: string,
  group: string,
): readonly number[] | undefined {
  const own = group === "" ? resource : `${resource}.${group}`;
  for (const name of [own, `*.${group}`, "*.*"]) {
    const found = entries.flatMap(({ resources }, index) =>
      resources.some((each) => canonical(each) === name) ? [index] : [],
    );
    if (found.length > 0) return found;
  }
  return undefined;
}
