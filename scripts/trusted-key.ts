import * as fs from "node:fs";
import * as path from "node:path";
import { KeyError, keySha256Of } from "../etcd/backup/seal";
import { EXIT, UserError } from "./outcome";

/**
 * The SHA-256 of the public key in a file, by which a manifest's signature is judged; undefined without a file.
 * @param where what names the file
 * @throws UserError naming the file
 */
export function trustedKeyOf(
  file: string | undefined,
  where = "--trusted-key",
): string | undefined {
  if (file === undefined) return undefined;
  try {
    return keySha256Of(fs.readFileSync(path.resolve(file), "utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const what = error instanceof KeyError ? why : `it cannot be read: ${why}`;
    throw new UserError(EXIT.usage, `${where} ${file}: ${what}`);
  }
}
