/** What lies in a store: its backups, newest first, by the layouts of those who write there. */
import type { Backup, Found, Layout } from "./layouts/backup";
import { gardener } from "./layouts/gardener";
import { kops } from "./layouts/kops";
import { openshift } from "./layouts/pairs";
import { onlyOne, plain } from "./layouts/plain";
import { hypershift, k3s, talos } from "./layouts/single";
import type { Store, StoredObject } from "./store";

export type { Backup, LayoutName } from "./layouts/backup";

export interface Listing {
  /** The store's name. */
  readonly source: string;
  /** Newest first; those whose time nobody knows come last. */
  readonly backups: readonly Backup[];
  /** How many other objects lie there. */
  readonly others: number;
}

/** From the strictest names to the loosest: what one has taken, the next does not see. */
const LAYOUTS: readonly Layout[] = [gardener, kops, openshift, k3s, talos, hypershift, plain];

/** A clock may be wrong by so much; a name that lies further ahead tells no time. */
const MOST_AHEAD_MS = 86_400_000;

/** Lists the backups of a store. @throws SourceError */
export async function listBackups(
  store: Store,
  { signal, now = new Date() }: { readonly signal?: AbortSignal; readonly now?: Date } = {},
): Promise<Listing> {
  const objects: StoredObject[] = [];
  for await (const object of store.list(signal)) {
    signal?.throwIfAborted();
    objects.push(object);
  }
  return { source: store.name, ...recognize(objects, now, store.isOne) };
}

/**
 * Tells which objects are backups.
 * @param isOne whether the one object was named: then it is meant, whatever it is called and whatever lies beside it
 */
export function recognize(
  objects: readonly StoredObject[],
  now: Date,
  isOne = false,
): Pick<Listing, "backups" | "others"> {
  if (isOne) return { backups: objects.map((object) => backupOf(onlyOne(object), now)), others: 0 };
  // A name that ends in a slash stands for a folder where there are none.
  let rest = objects
    .filter(({ path }) => path !== "" && !path.endsWith("/"))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const found: Found[] = [];
  for (const layout of LAYOUTS) {
    const claimed = new Set<string>();
    found.push(...layout.find(rest, (path) => claimed.add(path)));
    if (claimed.size > 0) rest = rest.filter(({ path }) => !claimed.has(path));
  }
  const manifests = new Set(found.map(({ manifest }) => manifest?.path));
  return {
    backups: found.map((one) => backupOf(one, now)).sort(newestFirst),
    others: rest.filter(({ path }) => !manifests.has(path)).length,
  };
}

function backupOf({ named, notes = [], ...found }: Found, now: Date): Backup {
  const { path, bytes, modified } = found.object;
  const isAhead = named !== undefined && named.getTime() > now.getTime() + MOST_AHEAD_MS;
  const byName = named !== undefined && !(isAhead && modified !== undefined);
  const takenAt = byName ? named : modified;
  return {
    ...found,
    path,
    bytes,
    takenAt,
    timeFrom: takenAt === undefined ? undefined : byName ? "name" : "modified",
    notes: isAhead
      ? [...notes, `its name says ${named.toISOString()}, which is yet to come`]
      : notes,
  };
}

/** Of the same moment the one that comes last by name, as a number behind the time makes it. */
function newestFirst(a: Backup, b: Backup): number {
  const [first, second] = [a, b].map(({ takenAt }) => takenAt?.getTime() ?? -Infinity);
  if (first !== second) return (second ?? 0) > (first ?? 0) ? 1 : -1;
  return a.path < b.path ? 1 : -1;
}
