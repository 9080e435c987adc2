/** What came of opening every encrypted value: counts, and names of keys. Never a value, never a key of a provider. */
import { counted, grouped } from "../wire/figures";
import { visible } from "../wire/visible";
import type { Failure } from "./open-value";

/** A key of the configuration, and what it opened. */
export interface ReaderFinding {
  readonly provider: "aescbc" | "aesgcm" | "secretbox" | "kms" | "identity";
  readonly version: string;
  /** Name of the key, or of the plugin. */
  readonly keyName: string;
  /** Where it stands in the configuration: `resources[0].providers[1]`. */
  readonly place: string;
  /** The resources of its entry. */
  readonly resources: readonly string[];
  /** How many values it opened; 0: this key opens nothing. */
  readonly values: number;
  /** Of these: how many are not by the first key of their resource, so that an API server would write them anew. */
  readonly stale: number;
}

/** A value that cannot be read with this configuration. */
export interface Impossible {
  /** `base64:…` where not printable. */
  readonly key: string;
  readonly failure: Failure;
  /** Who wrote it, as its beginning says; absent where it is in plain or says nothing. */
  readonly provider?: string;
  readonly keyName?: string;
}

export interface EncryptionFindings {
  /** Values that begin with `k8s:enc:`. */
  readonly encrypted: number;
  /** Of these: opened, and found to be the object that their key names. */
  readonly opened: number;
  readonly stale: number;
  readonly readers: readonly ReaderFinding[];
  /** Objects that are in plain though the configuration names their resource, by resource. */
  readonly plain: readonly { readonly resource: string; readonly objects: number }[];
  /** In the order of their keys; all of them. */
  readonly impossible: readonly Impossible[];
  /** What plugins said that could not be asked, or refused. */
  readonly pluginProblems: readonly string[];
  /** How often plugins were asked to decrypt a key. */
  readonly pluginCalls: number;
}

const WORDS: Readonly<Record<Failure, string>> = {
  "no-provider": "its resource is not in the configuration, so an API server refuses to read it",
  "no-key": "no provider of its resource has this key",
  plain: "it is in plain, and identity is not among the providers of its resource",
  "not-opened": "the key of this name does not open it",
  "not-its-object": "it opens, but what is in it is not the object that its key names",
  refused: "the plugin refused to decrypt its key",
  "not-asked": "the plugin could not be asked",
};

/** ` by secretbox 'key2' 4, by aescbc 'key1' 4`; empty where nothing opened. */
export function readersText({ readers }: EncryptionFindings): string {
  const used = readers.filter(({ values }) => values > 0);
  const shown = used
    .slice(0, NAMED)
    .map(
      ({ provider, keyName, values }) => `${grouped(values)} by ${provider} '${visible(keyName)}'`,
    );
  return shown.length === 0 ? "" : ` (${shown.join(", ")}${used.length > NAMED ? ", …" : ""})`;
}

/** A value that cannot be read, as a sentence without its end. */
export function impossibleText({ key, failure, provider, keyName }: Impossible): string {
  const by = provider === undefined ? "" : ` (${visible(provider)} '${visible(keyName ?? "")}')`;
  return `${key}${by}: ${WORDS[failure]}`;
}

/** How many are named in a sentence. */
const NAMED = 5;

/** Why a store cannot be used with this configuration; empty where everything opens. */
export function encryptionReasons(findings: EncryptionFindings): readonly string[] {
  const { impossible, pluginProblems } = findings;
  const unknown = notAsked(findings);
  const missing = missingKeys(findings);
  const bad = impossible.filter(({ failure }) => failure !== "not-asked");
  const more =
    bad.length > NAMED ? `; and ${counted(bad.length - NAMED, "more")}`.replace(/s$/, "") : "";
  return [
    ...(bad.length > 0
      ? [
          `${counted(bad.length, "value")} cannot be read with the encryption configuration: ` +
            `${bad.slice(0, NAMED).map(impossibleText).join("; ")}${more}`,
        ]
      : []),
    ...(missing.length > 0 ? [`the configuration has no such key: ${missing.join(", ")}`] : []),
    ...(unknown > 0
      ? [
          `whether ${counted(unknown, "value")} can be read is not known: ${pluginProblems.join("; ")}`,
        ]
      : []),
  ];
}

/** What failed because a plugin could not be asked: nobody knows whether these can be read. */
export function notAsked({ impossible }: EncryptionFindings): number {
  return impossible.filter(({ failure }) => failure === "not-asked").length;
}

/** Keys that no provider has, as values name them: what is lost, if the configuration is all that there is. */
export function missingKeys({ impossible }: EncryptionFindings): readonly string[] {
  const names = impossible.flatMap(({ failure, provider, keyName }) =>
    failure === "no-key" && provider !== undefined
      ? [`${visible(provider)} '${visible(keyName ?? "")}'`]
      : [],
  );
  return [...new Set(names)];
}

/** Keys of the configuration that open nothing. */
export function idleKeys({ readers }: EncryptionFindings): readonly string[] {
  return readers.flatMap(({ values, provider, keyName, place }) =>
    values > 0 ? [] : [`${provider} '${visible(keyName)}' (${place})`],
  );
}

/** What to know although everything can be read. */
export function encryptionNotes(findings: EncryptionFindings): readonly string[] {
  const { stale, plain, pluginProblems } = findings;
  const idle = idleKeys(findings);
  const inPlain = plain.reduce((sum, { objects }) => sum + objects, 0);
  return [
    ...pluginProblems,
    ...(stale > 0
      ? [
          `${counted(stale, "value")} not by the first key of the configuration (written before a rotation)`,
        ]
      : []),
    ...(inPlain > 0
      ? [
          `${counted(inPlain, "object")} in plain although the configuration encrypts ${plain.map(({ resource }) => visible(resource)).join(", ")}`,
        ]
      : []),
    ...(idle.length > 0 ? [`opens nothing in this backup: ${idle.join(", ")}`] : []),
  ];
}
