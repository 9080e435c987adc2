/** What people name as a backup: which of the words it is, and the opening of it, wherever it lies. */
import * as fs from "node:fs";
import * as path from "node:path";
import { V2BackupError, type V2Place } from "../etcd/backup/opened-backup";
import {
  readBackup,
  readBackupKeys,
  salvageBackup,
  snapshotOrV2,
  type OpenedSnapshot,
  type ReadBackupOptions,
} from "../etcd/backup/read-backup";
import type { SalvagedKeys } from "../etcd/snapshot/salvage";
import type { SnapshotKeys } from "../etcd/snapshot/types";
import type { V2Store } from "../etcd/backup/v2/v2-backup";
import { isRemote } from "../sources/address";
import { bringNamed, type NamedBackup, type NamedOptions } from "../sources/named";
import { EXIT, UserError } from "./outcome";

/** What the words of `ls` and `get` say. */
export interface Words {
  /** The prefix or key; undefined when none was typed. */
  readonly key: string | undefined;
  /** The backup; undefined when none was named. */
  readonly file: string | undefined;
}

/**
 * Tells a key and a FILE apart, in whichever order they stand: FILE is the word that is there on this computer.
 *
 * @param words one or two, as they were typed
 * @param elsewhere whether flags have said where to look: then no word is a FILE
 * @param keyNeeded whether a word alone is a key, whatever files there are (`get`)
 * @throws UserError (wrong use) when it cannot be told
 */
export function tellApart(
  words: readonly (string | undefined)[],
  elsewhere: boolean,
  keyNeeded: boolean,
): Words {
  const [first, second] = words;
  if (elsewhere) {
    if (second === undefined) return { key: first, file: undefined };
    throw new UserError(
      EXIT.usage,
      `one word is the key, and where to look is given by a flag; too many are ${JSON.stringify(second)}`,
    );
  }
  if (first === undefined) return { key: undefined, file: undefined };
  if (second === undefined) {
    return !keyNeeded && isThere(first)
      ? { key: undefined, file: first }
      : { key: first, file: undefined };
  }
  const [one, other] = [isThere(first), isThere(second)];
  if (one !== other) return one ? { key: second, file: first } : { key: first, file: second };
  throw new UserError(
    EXIT.usage,
    one
      ? `${first} and ${second} are both files: say which is the backup, with --file FILE`
      : `there is no file ${path.resolve(second)}, and none ${path.resolve(first)}: one of the two words must be the backup`,
  );
}

/** The root of this computer is none that anybody means: `ls /` asks for all keys. */
function isThere(word: string): boolean {
  if (isRemote(word)) return true;
  return word !== "" && path.resolve(word) !== "/" && fs.existsSync(word);
}

type ReadOptions = ReadBackupOptions & Pick<NamedOptions, "say" | "expectedCluster">;

/** `readBackup` of whatever was named. @throws as `readBackup` and `bringNamed` */
export function readNamedBackup(word: string, options: ReadOptions): Promise<OpenedSnapshot> {
  return openNamed(word, options, async (file, reading, named) => {
    const { snapshot, backup } = await readBackup(file, reading);
    return { backup, snapshot: { ...snapshot, close: closing(snapshot, named) } };
  });
}

/** A backup that was opened: its snapshot, or where its v2 store lies. */
export type NamedStore = (OpenedSnapshot | { readonly v2: V2Place }) & {
  /** Closes it, and removes what was fetched of it. */
  close(): void;
};

/** `snapshotOrV2` of whatever was named; both stay readable until it is closed. @throws as `readBackup` and `bringNamed` */
export function readNamedStore(word: string, options: ReadOptions): Promise<NamedStore> {
  return openNamed(word, options, async (file, reading, named) => {
    const opened = await snapshotOrV2(readBackup(file, reading));
    if ("v2" in opened)
      return {
        ...opened,
        close: () => {
          named.dispose();
        },
      };
    return { ...opened, close: closing(opened.snapshot, named) };
  });
}

/** `readBackupKeys` of whatever was named. @throws as `readBackupKeys` and `bringNamed` */
export function readNamedKeys(word: string, options: ReadOptions): Promise<SnapshotKeys> {
  return openNamed(word, options, async (file, reading, named) => {
    const keys = await readBackupKeys(file, reading);
    return { ...keys, close: closing(keys, named) };
  });
}

/**
 * The v2 store of whatever was named, with or without a v3 store beside it.
 * @throws UserError where it has none; as `readBackup` and `bringNamed`
 */
export async function readNamedV2(word: string, options: ReadOptions): Promise<V2Store> {
  try {
    const { snapshot, backup } = await readNamedBackup(word, { ...options, digests: false });
    snapshot.close();
    if (backup.v2 !== undefined) return backup.v2;
    throw new UserError(EXIT.checkFailed, `${backup.name} holds no key of a v2 store`);
  } catch (error) {
    if (error instanceof V2BackupError) return error.store;
    throw error;
  }
}

/** `salvageBackup` of whatever was named. @throws as `salvageBackup` and `bringNamed` */
export function salvageNamed(word: string, options: ReadOptions): Promise<SalvagedKeys> {
  return openNamed(word, options, async (file, reading, named) => {
    const keys = await salvageBackup(file, reading);
    return { ...keys, close: closing(keys, named) };
  });
}

/** Brings what was named and has it read; what was brought stays until the reading is closed, or fails. */
async function openNamed<T>(
  word: string,
  options: ReadOptions,
  read: (file: string, options: ReadBackupOptions, named: NamedBackup) => Promise<T>,
): Promise<T> {
  const named = await bringNamed(word, fetching(options));
  try {
    return await read(named.file, { ...options, fetched: named.fetched }, named);
  } catch (error) {
    named.dispose();
    throw error;
  }
}

/** `keepIn` among the others is a folder for what is unpacked. */
function fetching({ signal, say, expectedCluster }: ReadOptions): NamedOptions {
  return { expectedCluster, ...(signal && { signal }), ...(say && { say }) };
}

function closing(read: { close(): void }, named: NamedBackup): () => void {
  return () => {
    read.close();
    named.dispose();
  };
}
