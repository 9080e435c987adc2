/** The newest complete backup of a folder or a store, found, told and brought here. Loaded for those who name one. */
import * as path from "node:path";
import type { FetchedFrom } from "../etcd/backup/backup-file";
import { findDataDirectory } from "../etcd/backup/data-directory";
import { moment, size } from "../etcd/wire/figures";
import { isRemote } from "./address";
import { chooseBackup, nothingChosen, type Choice } from "./choose";
import { fetchBackup, type FetchedBackup } from "./fetch";
import { openFolder } from "./folder";
import { listBackups, type Backup, type Listing } from "./listing";
import { openSource } from "./open-source";
import { onlyOne } from "./pipe";
import type { Store } from "./store";

/** A backup that was named, on this computer now. To be disposed of. */
export interface NamedBackup {
  /** What `readBackup` and `openBackup` take, with `fetched` among their options. */
  readonly file: string;
  readonly fetched?: FetchedFrom | undefined;
  dispose(): void;
}

/** How a named backup is brought here. */
export interface NamedOptions {
  readonly signal?: AbortSignal;
  /** Told what was chosen of several, and how far it is. @default nobody is */
  readonly say?: (line: string) => void;
  /** Told how far it is, in place of `say`. */
  readonly sayInPassing?: (line: string) => void;
  /** Folder in which what is fetched stays. @default a file without a name */
  readonly keepIn?: string;
  /** UID of the namespace kube-system: backups that say that they are of another cluster are passed over. */
  readonly expectedCluster?: string | undefined;
}

/**
 * Brings the newest complete backup of a SOURCE here, that is no plain file; a folder that is one backup is taken as it is.
 * @throws SourceError, SnapshotError, NoRoomError
 */
export async function bringNewest(word: string, options: NamedOptions): Promise<NamedBackup> {
  if (isRemote(word)) return fetchNewest(word, options);
  const folder = path.resolve(word);
  return { file: (await newestBelow(folder, options)) ?? folder, dispose: () => undefined };
}

/** As many that were passed over are told one by one. */
const MOST_TOLD = 5;

/**
 * Brings the newest complete backup of a SOURCE here, that is no path.
 * @throws SourceError; SnapshotError, NoRoomError
 */
export async function fetchNewest(
  word: string,
  options: NamedOptions,
): Promise<NamedBackup & FetchedBackup> {
  const store = openSource(word);
  try {
    const chosen = store.canReopen ? await choose(store, options) : onlyOne(store);
    const fetched = await fetchBackup(store, chosen, {
      ...options,
      onProgress: progress(store, chosen, options),
    });
    if (fetched.resumed > 0) {
      options.say?.(
        `fetched ${fetched.name}: the connection was cut ${fetched.resumed} times, and it was gone on with`,
      );
    }
    return fetched;
  } finally {
    store.close();
  }
}

async function choose(store: Store, options: NamedOptions): Promise<Backup> {
  const { signal, expectedCluster } = options;
  const listing = await listBackups(store, signal === undefined ? {} : { signal });
  const choice = await chooseBackup(store, listing, { signal, expectedCluster });
  if (choice.chosen === undefined) throw nothingChosen(listing, choice);
  if (!store.isOne) tellChoice(store, listing, choice, options);
  return choice.chosen;
}

function tellChoice(
  store: Store,
  listing: Listing,
  { chosen, passedOver, notes }: Choice,
  { say = () => undefined }: NamedOptions,
): void {
  if (chosen === undefined) return;
  const when = chosen.takenAt === undefined ? "" : ` of ${moment(chosen.takenAt.toISOString())}`;
  say(
    `${store.nameOf(chosen.path)}${when} is taken, the newest complete one of ${listing.backups.length}`,
  );
  for (const { path, reason } of passedOver.slice(0, MOST_TOLD))
    say(`passed over: ${path}: ${reason}`);
  const more = passedOver.length - MOST_TOLD;
  if (more > 0) say(`passed over: ${more} more; etcd-restore list shows them`);
  for (const note of notes) say(`note: ${note}`);
}

/** Says how far it is, once a second. */
function progress(store: Store, { path }: Pick<Backup, "path">, options: NamedOptions) {
  const say = options.sayInPassing ?? options.say;
  const name = store.nameOf(path);
  let last = Date.now();
  return (done: number, total: number): void => {
    if (say === undefined || Date.now() - last < 1000) return;
    last = Date.now();
    const of = Number.isNaN(total) ? "" : ` of ${size(total)}`;
    say(`fetching ${name}: ${size(done)}${of}`);
  };
}

/**
 * The newest complete backup below a folder with many. Undefined where the folder is one backup itself, or its names
 * tell no times: then whoever named it must say more.
 * @throws SourceError when there are many, and none is complete
 */
async function newestBelow(folder: string, options: NamedOptions): Promise<string | undefined> {
  if (findDataDirectory(folder) !== undefined) return undefined;
  const store = openFolder(folder);
  const { signal } = options;
  const listing = await listBackups(store, signal === undefined ? {} : { signal });
  const { backups } = listing;
  const isNested = backups.some(({ path }) => path.includes("/"));
  const [only] = backups;
  if (only === undefined || (backups.length === 1 && !isNested)) return undefined;
  const isInOrder = backups.every(
    ({ path, timeFrom }) => timeFrom === "name" || path.includes("/"),
  );
  if (!isInOrder) return undefined;
  return store.nameOf((await choose(store, options)).path);
}
