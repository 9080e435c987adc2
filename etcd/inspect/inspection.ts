/** All that a backup file tells about itself, and whether it can be restored. */
import type { Container } from "../backup/container";
import {
  compareVersions,
  etcdVersionOf,
  minorToServe,
  reasonsAgainstRestore,
  SERVABLE_MINORS,
} from "../snapshot/judgement";
import type { Auth, Snapshot, Trailer } from "../snapshot/snapshot";
import type { Manifest } from "../backup/manifest";
import { manifestReasons, type ManifestWitness } from "../backup/manifest-problems";
import {
  encryptionReasons,
  encryptionNotes,
  type EncryptionFindings,
} from "../encryption/findings";
import { clusterFacts, type ClusterFacts } from "../kubernetes/cluster-facts";
import { clusterReasons } from "./cluster";
import { takeCensus, type Census } from "./census";
import { forecast, type Forecast } from "./forecast";
import { countLeases, type LeaseCensus } from "./leases";
import { notesOf } from "./notes";

/** What `inspect` finds. Ids are in hex, as etcdctl prints them. */
export interface Inspection {
  readonly schemaVersion: 1;
  readonly file: string;
  /** What the file is packed in; the rest is about what is in it. Absent for a plain file. */
  readonly container?: Container;
  readonly verdict: "restorable" | "not-restorable";
  /** Why not; empty when restorable. */
  readonly reasons: readonly string[];
  /** What to know before a restore; none of it prevents one. */
  readonly notes: readonly string[];

  /** What the source said when it was saved; absent without a manifest. */
  readonly manifest?: Omit<
    Manifest,
    "seal" | "signature" | "schemaVersion" | "sha256" | "bytes"
  > & {
    /** SHA-256 of the public key, where it is signed and the signature holds. */
    readonly signedBy?: string;
  };
  readonly format: { readonly name: string; readonly recognisedBy: string };
  readonly bytes: number;
  readonly sha256: string;
  readonly trailer: { readonly state: Trailer; readonly says?: string; readonly content: string };
  readonly structure: {
    readonly pageSize: number;
    readonly pages: number;
    readonly freePages: number;
    readonly badMetaPage?: 0 | 1;
  };
  readonly revision: number;
  readonly compactRevision: number;
  readonly scheduledCompactRevision: number;
  readonly finishedCompactRevision: number;
  readonly records: number;
  readonly placeholders: number;
  readonly keys: number;
  readonly hashKv: number;

  readonly etcd: {
    /** The greater of the two below, or `unknown`. */
    readonly version: string;
    readonly storageVersion?: string;
    readonly clusterVersion?: string;
    /** Set while a downgrade is under way, which a restored cluster goes on with. */
    readonly downgradeTo?: string;
    /** The minor version to restore with. */
    readonly restoreWith: string;
    /** All minor versions that may serve it. */
    readonly servedBy: readonly string[];
  };
  readonly term?: number;
  readonly consistentIndex?: number;
  readonly members: readonly {
    readonly id: string;
    readonly name: string;
    readonly peerUrls: readonly string[];
    readonly clientUrls: readonly string[];
    readonly isLearner: boolean;
  }[];
  readonly removedMembers: readonly string[];
  readonly alarms: readonly { readonly memberId: string; readonly alarm: string }[];
  readonly auth: Auth;
  readonly leases: LeaseCensus;
  readonly census: Census;
  /** Whose it is and of when; absent where it is no store of Kubernetes. */
  readonly cluster?: ClusterFacts & {
    /** Seconds from the last sign of life in it until now. */
    readonly ageSeconds?: number;
  };
  /** What the given EncryptionConfiguration opens; absent without one. */
  readonly encryption?: EncryptionFindings;
  readonly forecast: Forecast;
}

/** What is asked of a backup besides being whole. */
export interface Asked {
  /** UID of the namespace kube-system of the cluster that it must be of. */
  readonly expectedCluster?: string | undefined;
  /** What an EncryptionConfiguration opened. */
  readonly encryption?: EncryptionFindings | undefined;
  /** Default: now. */
  readonly now?: Date;
}

/**
 * Judges a snapshot that was read, and counts what is in it.
 * @param manifest what the backup's source said; where it is there, all of it must fit
 *
 * @example
 * ```ts
 * import { inspect, manifestOf, readBackup } from "etcd-restore/snapshot";
 *
 * const { backup, snapshot } = await readBackup("/backups/etcd-2026-11-22.db.gz");
 * const { verdict, reasons, census } = inspect(snapshot, manifestOf(backup));
 * console.log(verdict, reasons, census.namespaces.length);
 * snapshot.close();
 * ```
 */
export function inspect(
  snapshot: Snapshot,
  manifest?: Manifest,
  witness: Omit<ManifestWitness, "snapshot"> = {},
  asked: Asked = {},
): Inspection {
  const { encryption, expectedCluster, now = new Date() } = asked;
  const cluster = clusterFacts(snapshot.live);
  const reasons = [
    ...reasonsAgainstRestore(snapshot),
    ...manifestReasons(manifest, { snapshot, ...witness }),
    ...clusterReasons(cluster, expectedCluster),
    ...(encryption === undefined ? [] : encryptionReasons(encryption)),
  ];
  const census = takeCensus(snapshot);
  const leases = countLeases(snapshot);
  return {
    schemaVersion: 1,
    file: snapshot.file,
    verdict: reasons.length === 0 ? "restorable" : "not-restorable",
    reasons,
    notes: [
      ...notesOf(snapshot, census, leases, encryption),
      ...(encryption === undefined ? [] : encryptionNotes(encryption)),
    ],
    ...(manifest !== undefined && { manifest: manifestPart(manifest) }),
    format: formatOf(snapshot),
    bytes: snapshot.bytes,
    sha256: snapshot.sha256,
    trailer: trailerOf(snapshot),
    structure: structureOf(snapshot),
    revision: snapshot.revision,
    compactRevision: snapshot.compactRevision,
    scheduledCompactRevision: snapshot.scheduledCompactRevision,
    finishedCompactRevision: snapshot.finishedCompactRevision,
    records: snapshot.records,
    placeholders: snapshot.placeholders,
    keys: snapshot.live.count,
    hashKv: snapshot.hashKv(),
    etcd: versionsOf(snapshot),
    ...(snapshot.term === undefined ? {} : { term: snapshot.term }),
    ...(snapshot.consistentIndex === undefined
      ? {}
      : { consistentIndex: snapshot.consistentIndex }),
    members: snapshot.members.map((member) => ({ ...member, id: hex(member.id) })),
    removedMembers: snapshot.removedMembers.map(hex),
    alarms: snapshot.alarms.map(({ memberId, alarm }) => ({ memberId: hex(memberId), alarm })),
    auth: snapshot.auth,
    leases,
    census,
    ...(cluster !== undefined && { cluster: { ...cluster, ...ageOf(cluster, now) } }),
    ...(encryption !== undefined && { encryption }),
    forecast: forecast(snapshot),
  };
}

function ageOf({ lastRenewal }: ClusterFacts, now: Date): { readonly ageSeconds?: number } {
  if (lastRenewal === undefined) return {};
  return { ageSeconds: Math.round((now.getTime() - Date.parse(lastRenewal)) / 1000) };
}

function hex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}

function formatOf({ trailer, pageSize }: Snapshot): Inspection["format"] {
  const meta = `a valid bbolt meta page (magic 0xed0cdaed, version 2, pages of ${pageSize} bytes) and etcd's buckets`;
  return trailer === "absent"
    ? { name: "bbolt database of etcd without a sha256", recognisedBy: meta }
    : { name: "etcd snapshot", recognisedBy: `${meta}, and 32 bytes behind the last page` };
}

function trailerOf({ trailer, trailerSha256, contentSha256 }: Snapshot): Inspection["trailer"] {
  return {
    state: trailer,
    ...(trailerSha256 === undefined ? {} : { says: trailerSha256 }),
    content: contentSha256,
  };
}

function structureOf({
  pageSize,
  pages,
  freePages,
  badMetaPage,
}: Snapshot): Inspection["structure"] {
  return {
    ...{ pageSize, pages, freePages },
    ...(badMetaPage === undefined ? {} : { badMetaPage }),
  };
}

function versionsOf(snapshot: Snapshot): Inspection["etcd"] {
  const { storageVersion, clusterVersion, downgradeTo } = snapshot;
  const version = etcdVersionOf(snapshot);
  const restoreWith = minorToServe(version);
  return {
    version,
    ...(storageVersion === undefined ? {} : { storageVersion }),
    ...(clusterVersion === undefined ? {} : { clusterVersion }),
    ...(downgradeTo === undefined ? {} : { downgradeTo }),
    restoreWith,
    // Storage only moves up: a server refuses the form of a later one.
    servedBy: SERVABLE_MINORS.filter((minor) => compareVersions(minor, restoreWith) >= 0),
  };
}

function manifestPart({ tool, takenAt, packed, source, members, kubernetes, seal }: Manifest) {
  return {
    ...(tool !== undefined && { tool }),
    takenAt,
    ...(packed !== undefined && { packed }),
    source,
    ...(members !== undefined && { members }),
    ...(kubernetes !== undefined && { kubernetes }),
    ...(seal?.intact === true && { signedBy: seal.keySha256 }),
  };
}
