/** The signature of a manifest: ed25519 over its other fields, so that none can be altered unseen (RFC 8032). */
import * as crypto from "node:crypto";
import type { z as zod } from "zod";
import { privateKeyOf, publicKeyOf, sha256OfKey, spkiOf } from "../wire/ed25519";
import { libraries } from "./libraries";

export { KeyError } from "../wire/ed25519";

/** The form of a signature in a manifest. */
export function signatureForm(z: typeof zod) {
  // In the one form that base64 has for its bytes: the unused bits of the last letter could be altered unseen.
  const base64 = z
    .string()
    .regex(/^[A-Za-z0-9+/]+={0,2}$/)
    .refine((text) => Buffer.from(text, "base64").toString("base64") === text);
  return z.object({
    algorithm: z.literal("ed25519"),
    /** SubjectPublicKeyInfo (RFC 8410), DER in base64. */
    publicKey: base64.max(100),
    /** Of the manifest without this field, as canonical JSON: names sorted, no space, as in RFC 8785. */
    value: base64.length(88),
  });
}

/** What a signature says. */
export interface Seal {
  /** Whether everything is as it was signed. */
  readonly intact: boolean;
  /** SHA-256 of the public key, as `openssl pkey -pubin -outform DER | sha256sum` prints it. */
  readonly keySha256: string;
}

/**
 * Adds a signature to a manifest, in place of the one that it has.
 * @param privateKey PEM, as `openssl genpkey -algorithm ed25519` writes it
 * @throws KeyError
 */
export function sealed<T extends object>(content: T, privateKey: string) {
  const key = privateKeyOf(privateKey);
  const value = crypto.sign(null, canonical(unsigned(content)), key).toString("base64");
  const publicKey = spkiOf(crypto.createPublicKey(key)).toString("base64");
  return { ...content, signature: { algorithm: "ed25519" as const, publicKey, value } };
}

/** Checks the signature of what stands in a manifest's file; undefined when it has none. */
export function checkSeal(content: unknown): Seal | undefined {
  const z = libraries.zod();
  const parsed = z.object({ signature: signatureForm(z) }).safeParse(content);
  if (!parsed.success || typeof content !== "object" || content === null) return undefined;
  const { publicKey, value } = parsed.data.signature;
  const der = Buffer.from(publicKey, "base64");
  const keySha256 = sha256(der);
  try {
    const key = crypto.createPublicKey({ key: der, format: "der", type: "spki" });
    const signed = canonical(unsigned(content));
    const intact =
      key.asymmetricKeyType === "ed25519" &&
      crypto.verify(null, signed, key, Buffer.from(value, "base64"));
    return { intact, keySha256 };
  } catch {
    // No key at all: OpenSSL's words for that help nobody.
    return { intact: false, keySha256 };
  }
}

/**
 * The SHA-256 of a public key that is trusted, as `Seal` has it.
 * @param pem the public key, or the private one
 * @throws KeyError
 */
export function keySha256Of(pem: string): string {
  return sha256OfKey(publicKeyOf(pem));
}

function sha256(bytes: Buffer): string {
  return crypto.createHash("sha256").update(bytes).digest("hex");
}

function unsigned(content: object): object {
  return Object.fromEntries(Object.entries(content).filter(([name]) => name !== "signature"));
}

function canonical(content: unknown): Buffer {
  const sorted = (_name: string, value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return Buffer.from(JSON.stringify(content, sorted));
}
