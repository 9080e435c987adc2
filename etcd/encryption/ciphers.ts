/**
 * The ciphers of the API server's providers, on values in memory (kubernetes/apiserver, pkg/storage/value/encrypt/{aes,secretbox}).
 *
 * Each gives the plain text, or undefined where the key does not open it; plain texts are of this process alone.
 */
import { createDecipheriv, createHmac, type KeyObject } from "node:crypto";

const BLOCK = 16;
const NONCE = 12;
const TAG = 16;
const INFO = 32;
const BOX_NONCE = 24;

/**
 * aescbc: IV 16, then blocks that end in PKCS#7 padding. Nothing in it proves that the key is the right one: one wrong key
 * in 256 leaves a last byte that is a good padding. Who calls looks at what comes out.
 */
export function openCbc(
  key: Buffer | KeyObject,
  keyBytes: number,
  data: Buffer,
): Buffer | undefined {
  const length = data.length - BLOCK;
  if (length < BLOCK || length % BLOCK !== 0) return undefined;
  const decipher = createDecipheriv(`aes-${keyBytes * 8}-cbc`, key, data.subarray(0, BLOCK));
  // The padding is looked at here, which is a third of the time that `final` takes.
  decipher.setAutoPadding(false);
  const plain = decipher.update(data.subarray(BLOCK));
  decipher.final();
  const padding = plain.at(-1) ?? 0;
  if (padding === 0 || padding > plain.length) return undefined;
  for (let at = plain.length - padding; at < plain.length; at++) {
    if (plain[at] !== padding) return undefined;
  }
  return plain.subarray(0, plain.length - padding);
}

/** aesgcm: nonce 12, cipher text, tag 16; the key in etcd is authenticated with it, so that a value that was moved does not open. */
export function openGcm(
  key: Buffer | KeyObject,
  keyBytes: number,
  data: Buffer,
  etcdKey: Uint8Array,
): Buffer | undefined {
  if (data.length < NONCE + TAG) return undefined;
  const options = { authTagLength: TAG };
  const nonce = data.subarray(0, NONCE);
  const decipher =
    keyBytes === 32
      ? createDecipheriv("aes-256-gcm", key, nonce, options)
      : keyBytes === 24
        ? createDecipheriv("aes-192-gcm", key, nonce, options)
        : createDecipheriv("aes-128-gcm", key, nonce, options);
  decipher.setAAD(etcdKey);
  decipher.setAuthTag(data.subarray(data.length - TAG));
  const plain = decipher.update(data.subarray(NONCE, data.length - TAG));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/**
 * kms v2 with a seed: info 32, then as aesgcm with a key of this value alone, HKDF-Expand-SHA256(seed, info): its first
 * block, which is HMAC(seed, info, 1) (RFC 5869, 2.3).
 */
export function openSeeded(
  seed: Buffer | KeyObject,
  data: Buffer,
  etcdKey: Uint8Array,
): Buffer | undefined {
  if (data.length < INFO) return undefined;
  const key = createHmac("sha256", seed)
    .update(data.subarray(0, INFO))
    .update(FIRST_BLOCK)
    .digest();
  return openGcm(key, key.length, data.subarray(INFO), etcdKey);
}

const FIRST_BLOCK = Buffer.from([1]);

type Sodium = typeof import("libsodium-wrappers");
let sodium: Sodium | undefined;

/** Loads what secretbox needs; `openBox` works from then on. */
export async function loadSodium(): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- 2 MB, for those who have a secretbox
  const library = require("libsodium-wrappers") as Sodium;
  await library.ready;
  sodium = library;
}

/** secretbox: nonce 24, then XSalsa20-Poly1305 with its tag first. The key in etcd is not part of it. */
export function openBox(key: Buffer, data: Buffer): Buffer | undefined {
  if (sodium === undefined) throw new Error("loadSodium comes before openBox");
  if (data.length < BOX_NONCE + TAG) return undefined;
  try {
    const plain = sodium.crypto_secretbox_open_easy(
      data.subarray(BOX_NONCE),
      data.subarray(0, BOX_NONCE),
      key,
    );
    return Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
  } catch {
    return undefined;
  }
}
