import { isUtf8 } from "node:buffer";

/**
 * How a value was stored. Kubernetes stores objects as protobuf (`k8s` and a NUL byte before it), custom
 * resources as JSON, both perhaps encrypted; `cbor` is an alpha feature since 1.32. `text` (UTF-8 without control
 * characters) and `binary` are values of somebody else, such as `compact_rev_key`.
 */
export type StorageEncoding =
  { readonly kind: "protobuf" | "json" | "cbor" | "text" | "binary" } | EncryptedEncoding;

/** An encrypted value: which provider and key of the API server's EncryptionConfiguration can read it. */
export interface EncryptedEncoding {
  readonly kind: "encrypted";
  /** `aescbc`, `aesgcm`, `secretbox` or `kms`, or what stands in their place. */
  readonly provider: string;
  readonly version: string;
  /** Name of the key, or of the KMS plugin. */
  readonly keyName: string;
}

const PROTOBUF: StorageEncoding = { kind: "protobuf" };
const JSON_OBJECT: StorageEncoding = { kind: "json" };
const CBOR: StorageEncoding = { kind: "cbor" };
const TEXT: StorageEncoding = { kind: "text" };
const BINARY: StorageEncoding = { kind: "binary" };

const ENCRYPTED_PREFIX = Buffer.from("k8s:enc:");
// A key's name has no limit of its own; the search for the header's end has.
const HEADER_LIMIT = 512;

interface KnownHeader {
  readonly bytes: Uint8Array;
  readonly encoding: EncryptedEncoding;
}

// A store has a handful of keys: their headers are kept, so that a known one costs a comparison and no memory.
const KNOWN_HEADERS_LIMIT = 64;
const knownHeaders: KnownHeader[] = [];

/** Tells how a value was stored, from its first bytes (all of them for `text` and `binary`). */
export function classify(value: Uint8Array): StorageEncoding {
  const first = value[0];
  if (first === 0x6b && value[1] === 0x38 && value[2] === 0x73) {
    if (value[3] === 0) return PROTOBUF;
    const encrypted = value[3] === 0x3a ? encryptedEncoding(value) : undefined;
    if (encrypted !== undefined) return encrypted;
  }
  if (first === 0x7b && opensObject(value)) return JSON_OBJECT;
  if (first === 0xd9 && value[1] === 0xd9 && value[2] === 0xf7) return CBOR;
  return isText(value) ? TEXT : BINARY;
}

function startsWith(value: Uint8Array, prefix: Uint8Array): boolean {
  if (value.length < prefix.length) return false;
  for (let index = 0; index < prefix.length; index++) {
    if (value[index] !== prefix[index]) return false;
  }
  return true;
}

/** Reads `k8s:enc:PROVIDER:VERSION:KEY:`, as apiserver's encryptionconfig writes it. */
function encryptedEncoding(value: Uint8Array): EncryptedEncoding | undefined {
  for (const { bytes, encoding } of knownHeaders) {
    if (startsWith(value, bytes)) return encoding;
  }
  if (!startsWith(value, ENCRYPTED_PREFIX)) return undefined;
  const head = Buffer.from(value.subarray(0, HEADER_LIMIT)).toString("latin1");
  const [header, provider, version, key] = /^k8s:enc:([^:]*):([^:]*):([^:]*):/.exec(head) ?? [];
  if (
    header === undefined ||
    provider === undefined ||
    version === undefined ||
    key === undefined
  ) {
    return undefined;
  }
  const keyName = Buffer.from(key, "latin1").toString();
  const encoding: EncryptedEncoding = { kind: "encrypted", provider, version, keyName };
  if (knownHeaders.length < KNOWN_HEADERS_LIMIT) {
    knownHeaders.push({ bytes: Buffer.from(header, "latin1"), encoding });
  }
  return encoding;
}

function opensObject(value: Uint8Array): boolean {
  const next = value[skipJsonSpace(value, 1)];
  return next === 0x22 || next === 0x7d;
}

function isText(value: Uint8Array): boolean {
  for (const byte of value) {
    const isSpace = byte === 0x09 || byte === 0x0a || byte === 0x0d;
    if ((byte < 0x20 && !isSpace) || byte === 0x7f) return false;
  }
  return isUtf8(value);
}

/** The place of the first byte from `from` on that is no white space of JSON. */
export function skipJsonSpace(value: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const byte = value[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}
