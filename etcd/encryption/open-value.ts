/**
 * Opens one value as an API server would, and looks whether the object is in it that its key names.
 *
 * The second is no luxury: with aescbc one wrong key in 256 passes, and a value that aescbc or secretbox wrote opens
 * under any key of the store.
 */
import { createSecretKey, type KeyObject } from "node:crypto";
import { checkObject, UndecodableError } from "../kubernetes/decode";
import type { KeyDescription } from "../kubernetes/key";
import { isNamedBy, namedObject } from "../kubernetes/named-object";
import { openBox, openCbc, openGcm, openSeeded } from "./ciphers";
import { envelopeOf, type EncryptedKey } from "./envelope";
import { ANY_READER, isEncrypted, type Chain, type Reader } from "./readers";

/** Why a value cannot be read. */
export const FAILURES = [
  /** Its resource has no provider in the configuration. */
  "no-provider",
  /** No provider of its resource has a key of that name. */
  "no-key",
  /** It is in plain, and `identity` is not among the providers of its resource. */
  "plain",
  /** The key of that name does not open it. */
  "not-opened",
  /** It opens, and what is in it is not the object that its key names. */
  "not-its-object",
  /** The plugin refused to decrypt its key. */
  "refused",
  /** The plugin could not be asked. */
  "not-asked",
] as const;
export type Failure = (typeof FAILURES)[number];

export type Opened =
  | {
      readonly reader: Reader;
      /** Whether another key than the first one wrote it: an API server would write it anew. */
      readonly stale: boolean;
      readonly plain: Buffer;
    }
  | { readonly failure: Failure };

/** What a plugin answered: the key in plain, or why there is none. */
export type PlainKey = Buffer | "refused" | "not-asked";
/** Looks up what a plugin answered for a key; everything that `encryptedKeys` names is there. */
export type PlainKeyOf = (reader: Reader, key: EncryptedKey) => PlainKey;

/** The keys that plugins have to decrypt before a value can be opened. */
export function encryptedKeys(
  chain: Chain,
  value: Buffer,
): readonly { readonly reader: Reader; readonly key: EncryptedKey }[] {
  return chain.flatMap((reader) => {
    if (reader.plugin === undefined || !startsWith(value, reader.prefix)) return [];
    const envelope = envelopeOf(reader.version, value.subarray(reader.prefix.length));
    return envelope === undefined ? [] : [{ reader, key: envelope.encryptedKey }];
  });
}

/** A value and the key under which it lies. */
export interface KeptValue {
  readonly key: Buffer;
  readonly value: Buffer;
  /** What the key says. */
  readonly described: KeyDescription | undefined;
}

/**
 * Opens a value.
 * @param chain of the key's resource; undefined where the configuration does not name it
 */
export function openValue(
  chain: Chain | undefined,
  { key, value, described }: KeptValue,
  plainKeyOf: PlainKeyOf,
): Opened {
  const encrypted = isEncrypted(value);
  if (chain === undefined) {
    return encrypted
      ? { failure: "no-provider" }
      : { reader: IDENTITY, stale: false, plain: value };
  }
  if (!encrypted) {
    const at = chain.findIndex(({ provider }) => provider === "identity");
    const reader = chain[at];
    return reader === undefined ? { failure: "plain" } : { reader, stale: at !== 0, plain: value };
  }
  let failure: Failure = "no-key";
  for (const [at, reader] of chain.entries()) {
    // Several readers may have the same prefix: an error of one does not end it (value/transformer.go).
    if (reader.provider === "identity" || !startsWith(value, reader.prefix)) continue;
    const body = value.subarray(reader.prefix.length);
    const result = openWith(reader, body, key, plainKeyOf);
    if ("failure" in result) failure = worse(failure, result.failure);
    else if (!isItsObject(result, described, key)) failure = "not-its-object";
    else return { reader, stale: at !== 0, plain: result.plain };
  }
  return { failure };
}

/** Stands for a resource that the configuration does not name. */
const IDENTITY: Reader = {
  ...{ id: -1, provider: "identity", version: "", keyName: "", place: "", resources: [] },
  prefix: Buffer.alloc(0),
};

/** Of two reasons the one that was further on the way; a plugin that was not asked leaves it open. */
function worse(one: Failure, other: Failure): Failure {
  return one === "not-asked" || FAILURES.indexOf(one) > FAILURES.indexOf(other) ? one : other;
}

function startsWith(value: Buffer, prefix: Buffer): boolean {
  return value.length >= prefix.length && prefix.equals(value.subarray(0, prefix.length));
}

interface Plain {
  readonly plain: Buffer;
  /** Whether the cipher itself proves that nothing in it was changed. */
  readonly authenticated: boolean;
}

const NOT_OPENED = { failure: "not-opened" } as const;

function openWith(
  reader: Reader,
  body: Buffer,
  etcdKey: Buffer,
  plainKeyOf: PlainKeyOf,
): Plain | { readonly failure: Failure } {
  if (reader.provider === "kms") return openEnvelope(reader, body, etcdKey, plainKeyOf);
  const { secret } = reader;
  if (secret === undefined) return NOT_OPENED;
  if (reader.provider === "secretbox") return opened(openBox(secret, body), true);
  const key = keyObject(secret);
  return reader.provider === "aescbc"
    ? opened(openCbc(key, secret.length, body), false)
    : opened(openGcm(key, secret.length, body, etcdKey), true);
}

function openEnvelope(
  reader: Reader,
  body: Buffer,
  etcdKey: Buffer,
  plainKeyOf: PlainKeyOf,
): Plain | { readonly failure: Failure } {
  const envelope = envelopeOf(reader.version, body);
  if (envelope === undefined) return NOT_OPENED;
  const { encryptedKey, data, form } = envelope;
  const secret = plainKeyOf(reader, encryptedKey);
  if (typeof secret === "string") return { failure: secret };
  if (form === "seed") {
    return secret.length < 32
      ? NOT_OPENED
      : opened(openSeeded(keyObject(secret), data, etcdKey), true);
  }
  if (![16, 24, 32].includes(secret.length)) return NOT_OPENED;
  const key = keyObject(secret);
  const plain = openGcm(key, secret.length, data, etcdKey);
  if (plain !== undefined) return opened(plain, true);
  return form === "v1" ? opened(openCbc(key, secret.length, data), false) : NOT_OPENED;
}

function opened(plain: Buffer | undefined, authenticated: boolean): Plain | typeof NOT_OPENED {
  return plain === undefined ? NOT_OPENED : { plain, authenticated };
}

/** Made once for each key: that takes longer than a value. Weak, so that a plugin's keys go with who holds them. */
const keyObjects = new WeakMap<Buffer, KeyObject>();

function keyObject(secret: Buffer): KeyObject {
  let found = keyObjects.get(secret);
  if (found === undefined) {
    found = createSecretKey(secret);
    keyObjects.set(secret, found);
  }
  return found;
}

function isItsObject(
  { plain, authenticated }: Plain,
  described: KeyDescription | undefined,
  etcdKey: Buffer,
): boolean {
  const object = namedObject(plain);
  if (object === undefined || !isNamedBy(object, described, etcdKey)) return false;
  return authenticated || isWhole(plain, described);
}

/** Where no cipher says that nothing was changed, all of it has to decode. */
function isWhole(plain: Buffer, described: KeyDescription | undefined): boolean {
  try {
    checkObject(plain);
    return true;
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    // A kind that is younger than this program; its name has been read. The core group gets no more of them.
    return (
      error.reason === "unknown-kind" && described?.kind === "object" && described.group !== ""
    );
  }
}

/** The number of the chain for a key; `ANY_READER` where it does not tell its resource. */
export function chainForKey(
  described: KeyDescription | undefined,
  chainOf: (resource: string, group: string) => number | undefined,
): number | undefined {
  if (described === undefined) return ANY_READER;
  // Bookkeeping is of the core group, and only a wildcard covers it (validation_encryption.go).
  if (described.kind === "special") return chainOf("apiserveripinfo", "");
  // A resource that is younger than this program does not tell its group by its key.
  return (
    chainOf(described.resource, described.group ?? "") ??
    (described.group === undefined ? ANY_READER : undefined)
  );
}
