/** The files that a client of a restored etcd needs, in a folder of their own. */
import * as path from "node:path";
import { claimDirectory, isClaimed, removeOwn, writeIfChanged } from "../local/own-files";

/** PEM texts of a client. */
export interface ClientCredentials {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const FILES = { ca: "ca.crt", certificate: "client.crt", key: "client.key" } as const;

/** Writes `ca.crt`, `client.crt` and `client.key` (0600) into a folder (0700) of ours; those that differ only. */
export async function writeClientFiles(
  directory: string,
  credentials: ClientCredentials,
): Promise<void> {
  await claimDirectory(directory);
  await writeIfChanged(path.join(directory, FILES.ca), credentials.ca);
  await writeIfChanged(path.join(directory, FILES.certificate), credentials.certificate);
  await writeIfChanged(path.join(directory, FILES.key), credentials.key);
}

/** Removes them, and their folder unless somebody put something else there. Nothing there: nothing to do. */
export async function removeClientFiles(directory: string): Promise<void> {
  if (!(await isClaimed(directory))) return;
  const names: readonly string[] = Object.values(FILES);
  await removeOwn(directory, (name) => names.includes(name));
}
