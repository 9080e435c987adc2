/**
 * One line of JSON that cannot be altered unseen: `{…content, "hash": HEX}` and, signed, `"signature": BASE64`. `hash` is the SHA-256
 * of the line's bytes before `,"hash"` and a closing brace; the signature is ed25519 over the 32 bytes of `hash`. Lines of a history
 * and results of many backups are sealed so.
 */
import * as crypto from "node:crypto";
import { privateKeyOf } from "../etcd/wire/ed25519";

export interface Seal {
  readonly hash: string;
  readonly signature?: string;
}

/** The seal of a content. @param privateKey PEM of ed25519: it is signed. @throws KeyError */
export function sealOf(content: object, privateKey?: string): Seal {
  const hash = hashOf(content);
  if (privateKey === undefined) return { hash };
  const key = privateKeyOf(privateKey);
  return { hash, signature: crypto.sign(null, Buffer.from(hash, "hex"), key).toString("base64") };
}

/** What is wrong with a seal, as the end of a sentence; undefined where nothing is. @param publicKey must have signed it */
export function sealProblem(
  content: object,
  { hash, signature }: Seal,
  publicKey?: crypto.KeyObject,
): string | undefined {
  if (hashOf(content) !== hash) return "is not what its hash was made of";
  if (publicKey === undefined) return undefined;
  if (signature === undefined) return "is not signed";
  const [digest, sig] = [Buffer.from(hash, "hex"), Buffer.from(signature, "base64")];
  return crypto.verify(null, digest, publicKey, sig) ? undefined : "is not signed by this key";
}

function hashOf(content: object): string {
  return crypto.createHash("sha256").update(JSON.stringify(content)).digest("hex");
}
