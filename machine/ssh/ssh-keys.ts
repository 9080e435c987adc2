/**
 * SSH keys of a machine that does not exist yet: one to log in with, one that it will show as its own.
 *
 * Ed25519, in the form of `ssh-keygen`: openssh's PROTOCOL.key describes the private key's file, RFC 8709 the public key.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import * as z from "zod";

/** A key pair as OpenSSH keeps it in files. */
export const SshKey = z.object({
  /** Not encrypted; ends with a newline, without which ssh refuses it. */
  privateKey: z.string(),
  /** `ssh-ed25519 AAAA… COMMENT`, without a newline. */
  publicKey: z.string(),
});
export type SshKey = Readonly<z.infer<typeof SshKey>>;

/** The two key pairs of one machine. */
export const MachineKeys = z.object({
  /** Logs in. */
  login: SshKey,
  /** What the machine shows, so that the first connection is already to the right one. */
  host: SshKey,
});
export type MachineKeys = Readonly<z.infer<typeof MachineKeys>>;

const ALGORITHM = "ssh-ed25519";

/** A new key pair. The comment is public; letters, digits, `.`, `_`, `@`, `+` and `-` can stand in it. */
export function makeSshKey(comment: string): SshKey {
  if (!/^[\w.@+-]+$/.test(comment)) {
    throw new RangeError(
      `the comment of an SSH key is "${comment}"; letters, digits and . _ @ + - are allowed`,
    );
  }
  const { publicHalf, seed } = makeKeyPair();
  const publicBlob = Buffer.concat([sshString(ALGORITHM), sshString(publicHalf)]);

  const check = randomBytes(4); // twice the same number: tells a wrong passphrase, where there is one
  const secrets = Buffer.concat([
    check,
    check,
    publicBlob,
    sshString(Buffer.concat([seed, publicHalf])),
    sshString(comment),
  ]);
  const padding = Buffer.from(
    Array.from({ length: (8 - (secrets.length % 8)) % 8 }, (_, index) => index + 1),
  );
  const file = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    sshString("none"), // cipher
    sshString("none"), // key derivation
    sshString(""), // and its options
    uint32(1), // keys
    sshString(publicBlob),
    sshString(Buffer.concat([secrets, padding])),
  ]);
  const lines = file.toString("base64").match(/.{1,70}/g) ?? [];
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join("\n")}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `${ALGORITHM} ${publicBlob.toString("base64")} ${comment}`,
  };
}

/**
 * The 32 bytes of each half of a new key pair, which both DER forms end with (RFC 8410, 4 and 7).
 *
 * Not out of a KeyObject that was just made: where the garbage collector comes while Node 20 exports it as JWK, it waits
 * for ever for a lock that it holds itself (`ExportJWKEdKey` and the destructor of the making), one time in some thousand.
 */
function makeKeyPair(): { readonly publicHalf: Buffer; readonly seed: Buffer } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "der" },
  });
  return { publicHalf: publicKey.subarray(-32), seed: privateKey.subarray(-32) };
}

/** A public key without its comment: what connections pin. */
export function withoutComment(publicKey: string): string {
  return publicKey.trim().split(/\s+/).slice(0, 2).join(" ");
}

/** The line of a `known_hosts` file that trusts this key at this address and nothing else. */
export function knownHostsLine(host: string, port: number, publicKey: string): string {
  return `${port === 22 ? host : `[${host}]:${port}`} ${withoutComment(publicKey)}\n`;
}

function uint32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

/** A string as the SSH protocol writes it: its length, then its bytes (RFC 4251, 5). */
export function sshString(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([uint32(bytes.length), bytes]);
}
