/** Which backup a drill restores: the file that was named, or the newest or a drawn one of where backups lie. */
import { createHash, randomBytes } from "node:crypto";
import * as path from "node:path";
import type { FetchedFrom } from "../../../etcd/backup/backup-file";
import { findDataDirectory } from "../../../etcd/backup/data-directory";
import { statOf } from "../../../files/plain-file";
import { isRemote } from "../../../sources/address";
import { chooseBackup as chooseFrom, nothingChosen } from "../../../sources/choose";
import { fetchBackup } from "../../../sources/fetch";
import { listBackups, type Backup, type Listing } from "../../../sources/listing";
import { openSource } from "../../../sources/open-source";
import { onlyOne } from "../../../sources/pipe";
import { readRange, type Store } from "../../../sources/store";
import { EXIT, UserError } from "../../outcome";
import { takenOf, type Taken } from "./age";

export interface FindOptions {
  /** Draw one of the newest so many. @default the newest is taken */
  readonly random?: number | undefined;
  /** What decides which is drawn. @default one is made */
  readonly seed?: string | undefined;
  /** UID of the namespace kube-system: another cluster's backups are passed over. */
  readonly expectedCluster?: string | undefined;
  readonly signal: AbortSignal;
}

export interface Chosen {
  /** The backup, on this computer. */
  readonly file: string;
  /** Of one that was fetched to a file without a name. */
  readonly fetched?: FetchedFrom | undefined;
  /** What people call it. */
  readonly name: string;
  readonly taken: Taken | undefined;
  /** Those that come before it and were not taken, with the reason. */
  readonly passedOver: readonly PassedOver[];
  readonly random?: { readonly seed: string; readonly among: number } | undefined;
  /** Ends what holds the file, where it has no name. */
  dispose(): void;
}

export interface PassedOver {
  readonly name: string;
  readonly reason: string;
}

/** A backup that was chosen and not yet fetched. To be closed. */
export interface FoundBackup {
  /** What people call it. */
  readonly name: string;
  /** NaN where nobody knows. */
  readonly bytes: number;
  /** Of another content it is another one. Absent where the store tells nothing of that kind. */
  readonly identity: string | undefined;
  /**
   * Brings it to this computer; what lies here is taken where it is.
   * @param keepIn a folder for what is fetched. @default a file without a name
   */
  bring(keepIn: string | undefined, signal: AbortSignal): Promise<Chosen>;
  /** Its first bytes, at most so many. @throws SourceError */
  head(bytes: number, signal: AbortSignal): Promise<Buffer>;
  close(): void;
}

/** Nothing there can be restored. Its message says what was passed over. */
export class NoBackupError extends UserError {
  constructor(
    message: string,
    readonly passedOver: readonly PassedOver[],
  ) {
    super(EXIT.checkFailed, message);
  }
}

/** Finds a backup in a source and brings it here. @throws as `findBackup` */
export async function chooseBackup(
  source: string,
  options: FindOptions & { readonly fetchTo: string },
): Promise<Chosen> {
  const found = await findBackup(source, options);
  try {
    return await found.bring(options.fetchTo, options.signal);
  } finally {
    found.close();
  }
}

/** A file that was named is the one. */
export function chosenFile(file: string): Chosen {
  return { file, name: file, taken: takenOf(file), passedOver: [], dispose: () => undefined };
}

/**
 * Finds what a list names: a backup, or where backups lie. A data directory is one backup.
 * @throws as `findBackup`
 */
export async function findNamed(source: string, options: FindOptions): Promise<FoundBackup> {
  if (isRemote(source)) return await findBackup(source, options);
  if (statOf(source)?.isDirectory() !== true) return foundFile(source, source);
  const directory = findDataDirectory(source);
  if (directory === undefined) return await findBackup(source, options);
  // What it holds is more than its database: nothing short of reading it tells one from another.
  return { ...foundFile(source, directory.database?.path), identity: undefined };
}

/** @param database the file in which the most of it lies; undefined where there is none */
function foundFile(named: string, database: string | undefined): FoundBackup {
  const stats = database === undefined ? undefined : statOf(database);
  return {
    name: named,
    bytes: stats?.size ?? NaN,
    identity: stats === undefined ? undefined : `${stats.size}-${Math.round(stats.mtimeMs)}`,
    bring: () => Promise.resolve(chosenFile(named)),
    async head(bytes, signal) {
      if (database === undefined) return Buffer.alloc(0);
      const store = openSource(database);
      try {
        return await readRange(store, path.basename(database), { from: 0, to: bytes }, { signal });
      } finally {
        store.close();
      }
    },
    close: () => undefined,
  };
}

/**
 * Chooses a backup out of a source.
 * @throws NoBackupError when none in it is complete
 * @throws SourceError when it cannot be listed
 */
export async function findBackup(source: string, options: FindOptions): Promise<FoundBackup> {
  const store = openSource(source);
  try {
    if (!store.canReopen) return foundIn(source, store, onlyOne(store), { passedOver: [] });
    return await findIn(source, store, options);
  } catch (error) {
    store.close();
    throw error;
  }
}

async function findIn(source: string, store: Store, options: FindOptions): Promise<FoundBackup> {
  const { random, expectedCluster, signal } = options;
  const listing = await listBackups(store, { signal });
  const seed = options.seed ?? randomBytes(8).toString("hex");
  const among = Math.min(random ?? 1, listing.backups.length);
  const ordered = random === undefined ? listing : drawn(listing, seed, among);
  const choice = await chooseFrom(store, ordered, { expectedCluster, signal });
  const passedOver = choice.passedOver.map(({ path, reason }) => ({ name: path, reason }));
  if (choice.chosen === undefined) {
    throw new NoBackupError(nothingChosen(ordered, choice).message, passedOver);
  }
  return foundIn(source, store, choice.chosen, {
    passedOver,
    ...(random === undefined ? {} : { random: { seed, among } }),
  });
}

function foundIn(
  source: string,
  store: Store,
  chosen: Pick<Backup, "path" | "object"> & Partial<Backup>,
  told: Pick<Chosen, "passedOver" | "random">,
): FoundBackup {
  const name = store.nameOf(chosen.path);
  const { bytes, etag, modified } = chosen.object;
  // The name that a folder gives a content counts the file system as well, which is another one on another computer.
  const here = modified === undefined ? undefined : `${bytes}-${Math.round(modified.getTime())}`;
  const listed = { takenAt: chosen.takenAt, timeFrom: chosen.timeFrom };
  return {
    ...{ name, bytes, identity: isRemote(source) ? etag : here },
    async bring(keepIn, signal) {
      if (!isRemote(source)) {
        return {
          ...told,
          file: name,
          name,
          taken: takenOf(name, listed),
          dispose: () => undefined,
        };
      }
      const fetched = await fetchBackup(store, chosen, {
        signal,
        ...(keepIn === undefined ? {} : { keepIn }),
      });
      const { file } = fetched;
      const taken = takenOf(file, listed, fetched.fetched?.manifest);
      return {
        ...told,
        ...{ file, name: fetched.name, taken, fetched: fetched.fetched },
        dispose: () => {
          fetched.dispose();
        },
      };
    },
    head: (most, signal) => readRange(store, chosen.path, { from: 0, to: most }, { etag, signal }),
    close: () => {
      store.close();
    },
  };
}

/** The newest so many, the drawn one first: where it is not complete, the newest of the others is taken. */
function drawn(listing: Listing, seed: string, among: number): Listing {
  const newest = listing.backups.slice(0, among);
  const first = draw(seed, among);
  const others = newest.filter((_, at) => at !== first);
  return { ...listing, backups: [...newest.slice(first, first + 1), ...others] };
}

/** A number below `among` that a seed gives, each as likely as another. */
export function draw(seed: string, among: number): number {
  const digest = createHash("sha256").update(seed).digest();
  // 2^48 is so far beyond any number of backups that the remainder favours none.
  return among === 0 ? 0 : digest.readUIntBE(0, 6) % among;
}
