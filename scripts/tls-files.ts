/** Files with certificates and keys, as flags name them; what cannot be one is refused by its name before anything is asked. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import * as path from "node:path";
import { readPlainText } from "../files/plain-file";
import { EXIT, UserError } from "./outcome";

/** A text out of a file that a flag names. */
export function readNamedFile(file: string): string {
  try {
    return readPlainText(path.resolve(file));
  } catch (error) {
    throw new UserError(EXIT.usage, `cannot read ${file}: ${(error as Error).message}`);
  }
}

/** A certificate, or several, in PEM. */
export function readCertificate(flag: string, file: string): string {
  return readPem(flag, file, "certificate", (pem) => new X509Certificate(pem));
}

/** A private key in PEM, not encrypted. */
export function readPrivateKey(flag: string, file: string): string {
  return readPem(flag, file, "private key without a passphrase", (pem) => createPrivateKey(pem));
}

function readPem(
  flag: string,
  file: string,
  what: string,
  parse: (pem: string) => unknown,
): string {
  const pem = readNamedFile(file);
  try {
    parse(pem);
    return pem;
  } catch {
    throw new UserError(EXIT.usage, `${flag} ${file} holds no ${what} in PEM`);
  }
}
