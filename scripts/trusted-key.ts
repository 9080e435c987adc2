import { readTrustedKey, TrustedKeyError } from "../settings/judge-backup";
import { EXIT, UserError } from "./outcome";

/**
 * The SHA-256 of the public key in a file that was named on the command line; undefined without a file.
 * @param where what names the file
 * @throws UserError naming the file
 */
export function trustedKeyOf(
  file: string | undefined,
  where = "--trusted-key",
): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readTrustedKey(file, where);
  } catch (error) {
    if (error instanceof TrustedKeyError) throw new UserError(EXIT.usage, error.message);
    throw error;
  }
}
