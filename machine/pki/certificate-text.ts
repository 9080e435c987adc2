/** The server's certificates and keys as one text, for `write-certificates.sh` on a machine. */
import { CERTIFICATE_FILES } from "../environment";
import type { Pki } from "./pki-texts";

/** Holds private keys. Without the client's: that one stays here. */
export function certificateText(pki: Pki): string {
  return Object.entries(CERTIFICATE_FILES)
    .map(([key, file]) => `file ${file}\n${pki[key as keyof typeof CERTIFICATE_FILES].trimEnd()}\n`)
    .join("");
}
