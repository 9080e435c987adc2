/** Keys and signatures of ed25519 (RFC 8032) by node:crypto: the one kind of key that signs here, manifests and evidence. */
import * as crypto from "node:crypto";

/** A key that is none, or not of ed25519. The message names what was given, and never the key. */
export class KeyError extends Error {}

/** @param pem as `openssl genpkey -algorithm ed25519` writes it. @throws KeyError */
export function privateKeyOf(pem: string): crypto.KeyObject {
  return readKey(() => crypto.createPrivateKey(pem), "private key");
}

/** @param pem the public key, or the private one. @throws KeyError */
export function publicKeyOf(pem: string): crypto.KeyObject {
  return readKey(() => crypto.createPublicKey(pem), "public key");
}

/** SubjectPublicKeyInfo (RFC 8410), DER. */
export function spkiOf(publicKey: crypto.KeyObject): Buffer {
  return publicKey.export({ format: "der", type: "spki" });
}

/** SHA-256 of a public key, as `openssl pkey -pubin -outform DER | sha256sum` prints it. */
export function sha256OfKey(publicKey: crypto.KeyObject): string {
  return crypto.createHash("sha256").update(spkiOf(publicKey)).digest("hex");
}

function readKey(read: () => crypto.KeyObject, what: string): crypto.KeyObject {
  let key: crypto.KeyObject;
  try {
    key = read();
  } catch {
    throw new KeyError(`it holds no ${what} in PEM form`);
  }
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new KeyError(
    `its ${what} is of ${key.asymmetricKeyType ?? "another kind"}, not of ed25519`,
  );
}
