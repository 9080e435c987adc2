/** Which backup a drill restores: the file that was named, or the newest or a drawn one of where backups lie. */
import { createHash, randomBytes } from "node:crypto";
import { readManifest } from "../../../etcd/backup/manifest";
import { chooseBackup as chooseFrom, nothingChosen } from "../../../sources/choose";
import { fetchBackup } from "../../../sources/fetch";
import { isRemote } from "../../../sources/address";
import { listBackups, type Backup, type Listing } from "../../../sources/listing";
import { openSource } from "../../../sources/open-source";
import type { Store } from "../../../sources/store";
import { EXIT, UserError } from "../../outcome";
import type { Taken } from "./age";

export interface ChooseOptions {
  /** Draw one of the newest so many. @default the newest is taken */
  readonly random?: number | undefined;
  /** What decides which is drawn. @default one is made */
  readonly seed?: string | undefined;
  /** UID of the namespace kube-system: another cluster's backups are passed over. */
  readonly expectedCluster?: string | undefined;
  /** Folder for what is fetched from elsewhere. */
  readonly fetchTo: string;
  readonly signal: AbortSignal;
}

export interface Chosen {
  /** The backup, on this computer. */
  readonly file: string;
  /** What people call it. */
  readonly name: string;
  readonly taken: Taken | undefined;
  /** Those that come before it and were not taken, with the reason. */
  readonly passedOver: readonly PassedOver[];
  readonly random?: { readonly seed: string; readonly among: number } | undefined;
}

export interface PassedOver {
  readonly name: string;
  readonly reason: string;
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

/**
 * Chooses a backup out of a source.
 * @throws NoBackupError when none in it is complete
 * @throws SourceError when it cannot be listed
 */
export async function chooseBackup(source: string, options: ChooseOptions): Promise<Chosen> {
  const { random, expectedCluster, signal } = options;
  const store = openSource(source);
  try {
    if (!store.canReopen) return await fromPipe(store, options);
    const listing = await listBackups(store, { signal });
    const seed = options.seed ?? randomBytes(8).toString("hex");
    const among = Math.min(random ?? 1, listing.backups.length);
    const ordered = random === undefined ? listing : drawn(listing, seed, among);
    const choice = await chooseFrom(store, ordered, { expectedCluster, signal });
    const passedOver = choice.passedOver.map(({ path, reason }) => ({ name: path, reason }));
    if (choice.chosen === undefined) {
      throw new NoBackupError(nothingChosen(ordered, choice).message, passedOver);
    }
    const { file, name } = await broughtHere(source, store, choice.chosen, options);
    return {
      ...{ file, name, passedOver, taken: takenOf(file, choice.chosen) },
      ...(random === undefined ? {} : { random: { seed, among } }),
    };
  } finally {
    store.close();
  }
}

/** What lies in a folder is taken where it is. */
async function broughtHere(
  source: string,
  store: Store,
  chosen: Pick<Backup, "path" | "object" | "manifest">,
  { fetchTo: keepIn, signal }: ChooseOptions,
): Promise<{ readonly file: string; readonly name: string }> {
  const name = store.nameOf(chosen.path);
  return isRemote(source)
    ? await fetchBackup(store, chosen, { keepIn, signal })
    : { file: name, name };
}

/** A pipe holds one, of which nobody knows anything. */
async function fromPipe(store: Store, options: ChooseOptions): Promise<Chosen> {
  const only = { path: store.name, object: { path: store.name, bytes: NaN } };
  return { ...(await broughtHere("-", store, only, options)), taken: undefined, passedOver: [] };
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

function takenOf(file: string, { takenAt, timeFrom }: Backup): Taken | undefined {
  const manifest = readManifest(file);
  if (manifest !== undefined) return { at: new Date(manifest.takenAt), from: "manifest" };
  if (takenAt === undefined) return undefined;
  return { at: takenAt, from: timeFrom === "name" ? "name" : "file time" };
}
