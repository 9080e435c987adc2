/** What people name as a backup, on this computer: a file as it is, of a folder or store the newest complete one. */
import * as path from "node:path";
import { statOf } from "../files/plain-file";
import { isRemote } from "./address";
import { bringNewest, type NamedBackup, type NamedOptions } from "./newest";

export type { NamedBackup, NamedOptions } from "./newest";

/**
 * Brings a backup here that was named by any SOURCE. A file is taken as it is, and so is a folder that is one backup; of
 * a folder or store with many the newest complete one is taken.
 * @throws SourceError, SnapshotError, NoRoomError
 */
export async function bringNamed(word: string, options: NamedOptions = {}): Promise<NamedBackup> {
  const file = path.resolve(word);
  if (!isRemote(word) && statOf(file)?.isDirectory() !== true) {
    return { file, dispose: () => undefined };
  }
  return bringNewest(word, options);
}
