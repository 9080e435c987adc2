/**
 * Pulumi's `passphrase` secrets provider: PBKDF2-SHA256 with 1,000,000 rounds, AES-256-GCM
 * (pulumi/pulumi `pkg/secrets/passphrase/manager.go`, `sdk/go/common/resource/config/crypt.go`).
 */

import * as crypto from "node:crypto";
import { promisify } from "node:util";

export interface Crypter {
  /** Salt and check value, as the state file keeps them. */
  readonly salt: string;
  encrypt(text: string): string;
  /** Throws when the text was not encrypted with this key, or was changed. */
  decrypt(text: string): string;
}

/** The state was written with another one. */
export class WrongPassphrase extends Error {}

const ROUNDS = 1_000_000;
const CHECK_TEXT = "pulumi";
const TAG_BYTES = 16;

/** Where a derived key is found again by another process. */
export interface KeptKeys {
  find(salt: Buffer): Buffer | undefined;
  keep(salt: Buffer, key: Buffer): void;
}

/**
 * Derives the key, which takes a good part of a second beside the main thread, unless it was kept.
 * With `salt` (of an existing state) a wrong passphrase is an error; without, the state is a new one.
 */
export async function openCrypter(
  passphrase: string,
  salt?: string,
  kept?: KeptKeys,
): Promise<Crypter> {
  const [, encodedSalt = "", ...check] = salt?.split(":") ?? [];
  const raw = salt === undefined ? newSaltFor(passphrase) : Buffer.from(encodedSalt, "base64");
  const known = kept?.find(raw);
  if (salt !== undefined && known !== undefined && isKeyOf(known, check.join(":"))) {
    return crypterOf(known, salt);
  }
  const key = await keyOf(passphrase, raw);
  if (salt !== undefined && !isKeyOf(key, check.join(":")))
    throw new WrongPassphrase("the passphrase is not the one that this state was written with");
  kept?.keep(raw, key);
  return crypterOf(key, salt ?? `v1:${raw.toString("base64")}:${seal(key, CHECK_TEXT)}`);
}

/** AES-GCM refuses what another key has sealed. */
function isKeyOf(key: Buffer, sealedCheck: string): boolean {
  try {
    return unseal(key, sealedCheck) === CHECK_TEXT;
  } catch {
    return false;
  }
}

/** Salts that this process has made, by passphrase. */
const made = new Map<string, Buffer>();

/**
 * A salt keeps one passphrase from giving two people the same key. Here it is one user's, in one process: all its new states
 * share the salt, and so the key, and each secret has a nonce of its own.
 */
function newSaltFor(passphrase: string): Buffer {
  const salt = made.get(passphrase) ?? crypto.randomBytes(8);
  made.set(passphrase, salt);
  return salt;
}

/** Keys that this process has derived: who makes a stack and takes it away again derives its key once. */
const derived = new Map<string, Promise<Buffer>>();

function keyOf(passphrase: string, salt: Buffer): Promise<Buffer> {
  const name = `${salt.toString("base64")}:${passphrase}`;
  const known = derived.get(name);
  if (known !== undefined) return known;
  const key = promisify(crypto.pbkdf2)(passphrase, salt, ROUNDS, 32, "sha256");
  derived.set(name, key);
  return key;
}

function crypterOf(key: Buffer, salt: string): Crypter {
  // An unchanged secret keeps its ciphertext, so that an unchanged state is an unchanged file.
  const known = new Map<string, string>();
  return {
    salt,
    encrypt(text) {
      const sealed = known.get(text) ?? seal(key, text);
      known.set(text, sealed);
      return sealed;
    },
    decrypt(text) {
      const opened = unseal(key, text);
      known.set(opened, text);
      return opened;
    },
  };
}

function seal(key: Buffer, text: string): string {
  const nonce = crypto.randomBytes(12);
  const cipher = crypto.createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `v1:${nonce.toString("base64")}:${sealed.toString("base64")}`;
}

function unseal(key: Buffer, text: string): string {
  const [version, nonce = "", body = ""] = text.split(":");
  if (version !== "v1") throw new Error(`cannot read a secret of form ${String(version)}, only v1`);
  const sealed = Buffer.from(body, "base64");
  const decipher = crypto.createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  return (
    decipher.update(sealed.subarray(0, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8")
  );
}
