/**
 * The key of a stack's secrets, kept beside the passphrase that it is derived from: a quarter of a second of CPU that each
 * command on the stack would spend again. It tells nobody more than the passphrase does, whose file lies beside it with the
 * same mode; a passphrase that lies elsewhere is the user's own, and no key of it is ever kept.
 */
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import { writeFileSafely, type StackFiles } from "./files";
import type { KeptKeys } from "./passphrase";

const KEY_BYTES = 32;

/**
 * The kept key of one passphrase of a stack; nothing is kept of one that is not in the stack's own file.
 *
 * @param mayWrite false for who only reads the stack, and has no lock on it.
 */
export function keptKeyOf(
  files: StackFiles,
  passphrase: string,
  mayWrite: boolean,
): KeptKeys | undefined {
  if (!fs.existsSync(files.passphrase)) return undefined;
  if (fs.readFileSync(files.passphrase, "utf8").trim() !== passphrase) return undefined;
  /** A file of another passphrase, or of another salt, is no key of this one. */
  const origin = (salt: Buffer): string =>
    crypto.createHash("sha256").update(salt).update(passphrase).digest("hex");
  return {
    find(salt) {
      if (!fs.existsSync(files.key)) return undefined;
      const [of, text = ""] = fs.readFileSync(files.key, "utf8").trim().split(" ");
      const key = Buffer.from(text, "base64");
      return of === origin(salt) && key.length === KEY_BYTES ? key : undefined;
    },
    keep(salt, key) {
      if (!mayWrite) return;
      try {
        writeFileSafely(files.key, `${origin(salt)} ${key.toString("base64")}\n`);
      } catch {
        // No room for it: it is derived again the next time.
      }
    },
  };
}
