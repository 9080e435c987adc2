/** A configuration out of a file that a user names. */
import { NotPlainFileError, readPlainText } from "../../files/plain-file";
import { visible } from "../wire/visible";
import type { EncryptionConfiguration } from "./configuration";
import { parseEncryptionConfig } from "./parse-configuration";
import { EncryptionConfigError } from "./errors";
import { preventCoreDumps } from "./no-core-dump";

/**
 * A configuration that somebody gave as text; from then on this process leaves no core dump.
 * @throws EncryptionConfigError
 */
export function textOfConfiguration(text: string): EncryptionConfiguration {
  preventCoreDumps();
  try {
    return parseEncryptionConfig(text);
  } catch (error) {
    if (!(error instanceof EncryptionConfigError)) throw error;
    throw new EncryptionConfigError(`the encryption configuration: ${error.message}`);
  }
}

/**
 * Reads the file; from then on this process leaves no core dump.
 * @throws EncryptionConfigError that names the file, and never shows what is in it
 */
export function readEncryptionConfig(path: string): EncryptionConfiguration {
  preventCoreDumps();
  try {
    return parseEncryptionConfig(readPlainText(path));
  } catch (error) {
    if (error instanceof NotPlainFileError) {
      throw new EncryptionConfigError(`encryption configuration ${visible(path)} ${error.message}`);
    }
    if (error instanceof EncryptionConfigError) {
      throw new EncryptionConfigError(
        `encryption configuration ${visible(path)}: ${error.message}`,
      );
    }
    throw error;
  }
}
