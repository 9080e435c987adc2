/** All that a backup file tells about itself, and whether it can be restored. */
import type { Container } from "../backup/container";
import { counted, size } from "../wire/figures";
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
  const { trailerSha256, storageVersion, clusterVersion, badMetaPage } = snapshot;
  const version = etcdVersionOf(snapshot);
  return {
    schemaVersion: 1,
    file: snapshot.file,
    verdict: reasons.length === 0 ? "restorable" : "not-restorable",
    reasons,
    notes: [
      ...notes(snapshot, census, leases, encryption),
      ...(encryption === undefined ? [] : encryptionNotes(encryption)),
    ],
    ...(manifest !== undefined && { manifest: manifestPart(manifest) }),
    format: formatOf(snapshot),
    bytes: snapshot.bytes,
    sha256: snapshot.sha256,
    trailer: {
      state: snapshot.trailer,
      ...(trailerSha256 === undefined ? {} : { says: trailerSha256 }),
      content: snapshot.contentSha256,
    },
    structure: {
      pageSize: snapshot.pageSize,
      pages: snapshot.pages,
      freePages: snapshot.freePages,
      ...(badMetaPage === undefined ? {} : { badMetaPage }),
    },
    revision: snapshot.revision,
    compactRevision: snapshot.compactRevision,
    scheduledCompactRevision: snapshot.scheduledCompactRevision,
    finishedCompactRevision: snapshot.finishedCompactRevision,
    records: snapshot.records,
    placeholders: snapshot.placeholders,
    keys: snapshot.live.count,
    hashKv: snapshot.hashKv(),
    etcd: {
      version,
      ...(storageVersion === undefined ? {} : { storageVersion }),
      ...(clusterVersion === undefined ? {} : { clusterVersion }),
      ...(snapshot.downgradeTo === undefined ? {} : { downgradeTo: snapshot.downgradeTo }),
      restoreWith: minorToServe(version),
      // Storage only moves up: a server refuses the form of a later one.
      servedBy: SERVABLE_MINORS.filter(
        (minor) => compareVersions(minor, minorToServe(version)) >= 0,
      ),
    },
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

/** etcd's own limit where nobody sets one. */
const DEFAULT_QUOTA_BYTES = 2 * 2 ** 30;

function notes(
  snapshot: Snapshot,
  census: Census,
  leases: LeaseCensus,
  opened: EncryptionFindings | undefined,
): readonly string[] {
  const { alarms, auth, badMetaPage, bytes, downgradeTo, live } = snapshot;
  const { encryption } = census;
  const list: string[] = [];
  if (live.count === 0) list.push("it holds no key at all");
  if (etcdVersionOf(snapshot) === "unknown") {
    list.push(
      "it does not say which etcd wrote it: 3.5 or older, or one that ran for a short time",
    );
  }
  if (alarms.length > 0) {
    const names = [...new Set(alarms.map(({ alarm }) => alarm))].join(", ");
    list.push(
      names.includes("CORRUPT")
        ? `alarm ${names} was raised and comes along: etcd found that the members of this cluster hold different data, so ` +
            "this backup may be of the wrong one. Compare it with a backup of another member (diff A B) before it is " +
            "trusted, and before the alarm is disarmed"
        : `alarm ${names} was raised and comes along: writes are refused until it is disarmed`,
    );
  }
  if (downgradeTo !== undefined) {
    list.push(
      `a downgrade to ${downgradeTo} was under way and comes along: the restored cluster goes on with it by itself; ` +
        "`etcdctl downgrade cancel` on it ends that",
    );
  }
  if (auth.enabled) {
    list.push(
      auth.rootWithoutPassword
        ? "authentication is on and comes along, and root has no password: the proof needs none; you come in by a client certificate named root, or by another user's password"
        : "authentication is on and comes along: the proof needs no password, you need root's to look inside",
    );
  }
  if (badMetaPage !== undefined) {
    list.push(`meta page ${badMetaPage} is damaged; the other one was used, as etcd would`);
  }
  if (encryption.encrypted > 0 && opened === undefined) {
    const keys = encryption.providers.map(({ provider, keyName }) => `${provider} ${keyName}`);
    list.push(
      `${counted(encryption.encrypted, "value")} can be read only with the API server's keys: ${keys.join(", ")}`,
    );
  }
  if (encryption.secretsNotEncrypted > 0) {
    list.push(
      `${counted(encryption.secretsNotEncrypted, "Secret")} not encrypted: keep this file like a password`,
    );
  }
  if (leases.keysWithoutTheirLease > 0) {
    const one = leases.keysWithoutTheirLease === 1;
    list.push(
      `${counted(leases.keysWithoutTheirLease, "key")} ${one ? "names" : "name"} a lease that the file does not hold: ` +
        `nothing ends ${one ? "it" : "them"} any more, so ${one ? "it stays" : "they stay"} for ever unless deleted`,
    );
  }
  if (bytes > DEFAULT_QUOTA_BYTES) {
    list.push(
      `with ${size(bytes)} it is over etcd's default quota of 2.0 GiB: set --quota-backend-bytes (etcd-restore does)`,
    );
  }
  return list;
}
