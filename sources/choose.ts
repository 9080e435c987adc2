/** Which of the backups that lie in a store is taken: the newest complete one; and what was passed over, with why. */
import { readManifestText } from "./manifest-beside";
import { lookAt } from "./look";
import type { Backup, Listing } from "./listing";
import { SourceError } from "./source-error";
import type { Store } from "./store";
import { size } from "../etcd/wire/figures";

export interface ChooseOptions {
  /** UID of the namespace kube-system: backups that say that they are of another cluster are passed over. */
  readonly expectedCluster?: string | undefined;
  /** @default now */
  readonly now?: Date;
  readonly signal?: AbortSignal | undefined;
}

/** A backup that was not taken. */
export interface PassedOver {
  readonly path: string;
  readonly takenAt?: Date | undefined;
  readonly reason: string;
}

/** What became of a choice. */
export interface Choice {
  /** Undefined when none is complete. */
  readonly chosen: Backup | undefined;
  /** UID of the chosen one's cluster, where its store or its manifest tells. */
  readonly clusterUid?: string | undefined;
  /** Those before the chosen one, in the listing's order. */
  readonly passedOver: readonly PassedOver[];
  /** What to know, whole sentences without a full stop. */
  readonly notes: readonly string[];
}

/**
 * Chooses the first complete backup of a listing, in the listing's order, which is newest first: whoever wants another
 * order gives a listing in that order.
 * @throws SourceError when the store does not answer
 */
export async function chooseBackup(
  store: Store,
  listing: Listing,
  options: ChooseOptions = {},
): Promise<Choice> {
  const { expectedCluster, now = new Date(), signal } = options;
  const passedOver: PassedOver[] = [];
  // Events of a cluster are worth nothing without it: kops keeps them beside the cluster, and as often.
  const hasMain = listing.backups.some((backup) => partOf(backup) === "main" && isWhole(backup));
  for (const backup of listing.backups) {
    signal?.throwIfAborted();
    const pass = (reason: string): void => {
      passedOver.push({ path: backup.path, takenAt: backup.takenAt, reason });
    };
    if (backup.problem !== undefined) {
      pass(backup.problem);
      continue;
    }
    if (hasMain && partOf(backup) === "events") {
      pass("it is of the etcd for events, and backups of the main one lie here as well");
      continue;
    }
    const reason = await lookAt(store, backup, now, signal);
    if (reason !== undefined) {
      pass(reason);
      continue;
    }
    const clusterUid = await clusterUidOf(store, backup, signal);
    if (expectedCluster !== undefined && clusterUid !== undefined) {
      if (clusterUid.toLowerCase() !== expectedCluster.toLowerCase()) {
        pass(`it is of another cluster: ${clusterUid}, expected ${expectedCluster}`);
        continue;
      }
    }
    const notes = [...backup.notes, ...notesOnOthers(backup, listing)];
    return { chosen: backup, clusterUid, passedOver, notes };
  }
  return { chosen: undefined, passedOver, notes: [] };
}

/** The error of a choice that found nothing: what lies there, and why none of it is taken. */
export function nothingChosen({ source, backups, others }: Listing, choice: Choice): SourceError {
  if (backups.length === 0) {
    const besides = others === 0 ? "nothing lies there" : `${others} other objects lie there`;
    return new SourceError("none", `${source} holds no backup: ${besides}`);
  }
  const reasons = choice.passedOver.slice(0, 5).map(({ path, reason }) => `${path}: ${reason}`);
  const more = choice.passedOver.length - reasons.length;
  return new SourceError(
    "none",
    `${source} holds no complete backup, of ${backups.length}: ${reasons.join("; ")}${more > 0 ? `; and ${more} more` : ""}`,
  );
}

/** One line for people: what was chosen, out of how many. */
export function choiceText({ backups }: Listing, { chosen, passedOver }: Choice): string {
  if (chosen === undefined) return "no complete backup";
  const when = chosen.takenAt === undefined ? "" : `, of ${chosen.takenAt.toISOString()}`;
  const over = passedOver.length === 0 ? "" : `, ${passedOver.length} newer passed over`;
  return `${chosen.path} (${size(chosen.bytes)}${when}), out of ${backups.length}${over}`;
}

/**
 * UID of the cluster that a backup is of: k3s and RKE2 note it with the object, `etcd-restore backup` in its manifest.
 * Undefined where nothing tells before the backup itself is read.
 */
export async function clusterUidOf(
  store: Store,
  backup: Backup,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (backup.manifest !== undefined) {
    return (await readManifestText(store, backup.manifest, signal))?.uid;
  }
  if (backup.layout !== "k3s" || store.notes === undefined) return undefined;
  const notes = await store.notes(backup.path, signal);
  const uid = notes["k3s-cluster-id"] ?? notes["rke2-cluster-id"];
  return uid === "" ? undefined : uid;
}

/** kops keeps a cluster's two etcds in folders of these names. */
function partOf({ layout, cluster }: Backup): "main" | "events" | undefined {
  const last = cluster?.split("/").at(-1);
  return layout === "kops" && (last === "main" || last === "events") ? last : undefined;
}

function isWhole({ problem }: Backup): boolean {
  return problem === undefined;
}

/** Of several clusters in one place the newest is not always the one that is meant. */
function notesOnOthers(chosen: Backup, { backups }: Listing): readonly string[] {
  const clusters = [...new Set(backups.flatMap(({ cluster }) => cluster ?? []))].filter(
    (cluster) => !/(^|\/)events$/.test(cluster),
  );
  if (chosen.cluster === undefined || clusters.length < 2) return [];
  const shown = clusters.slice(0, 5).join(", ");
  return [
    `backups of ${clusters.length} clusters lie here (${shown}${clusters.length > 5 ? ", …" : ""}), and the newest is of ` +
      `${chosen.cluster}; name a cluster's folder, or its expectedCluster`,
  ];
}
