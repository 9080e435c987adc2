/** The one result of a verification. Every printer starts from it; it never holds a value of a key. */
import type { SnapshotSummary } from "../snapshot/judgement";
import type { DrillSummary } from "./drill-summary";

/** `explained`: differs in a way that the backup itself foretells (a lease that runs out). `not-checked`: see `reason`. */
export type CheckVerdict = "pass" | "fail" | "explained" | "not-checked";

export interface Check {
  /** Stable name, `hashkv`, `keys`, `read-back`; scripts rely on it. */
  readonly id: string;
  readonly title: string;
  readonly verdict: CheckVerdict;
  readonly expected?: string;
  readonly found?: string;
  /** Where the expectation comes from: `file`, `manifest`, `setting`. */
  readonly source?: string;
  /** Why it is explained or was not checked. */
  readonly reason?: string;
}

/** The phases of a run, in their order. */
export const PHASE_NAMES = [
  "fetch",
  "preflight",
  "provision",
  "install",
  "copy",
  "restore",
  "start",
  "verify",
  "boot",
  "life",
  "report",
  "destroy",
] as const;

export interface Phase {
  readonly name: (typeof PHASE_NAMES)[number];
  /** Wall time in seconds. */
  readonly seconds: number;
}

/** What the etcd that was restored says of itself; a number that it did not tell is 0, a text empty. */
export interface RestoredSummary {
  readonly endpoint: string;
  readonly revision: number;
  readonly compactRevision: number;
  readonly keys: number;
  readonly hashKv: number;
  readonly etcdVersion: string;
  /** Cluster id in hex, as etcdctl prints it. */
  readonly clusterId: string;
}

/** One member of a restored cluster, as it says itself; a number that it did not tell is 0, a text empty. */
export interface MemberSummary {
  readonly name: string;
  /** In hex, as etcdctl prints it. */
  readonly id: string;
  readonly endpoint: string;
  readonly etcdVersion: string;
  readonly revision: number;
  /** At the backup's revision. */
  readonly hashKv: number;
}

/** What the source said when the backup was taken (from the manifest beside the file). */
export interface SourceSummary {
  readonly revision: number;
  /** Absent where none of its answers could be compared with the file. */
  readonly hashKv?: number;
  readonly takenAt: string;
}

/** Whose backup it is and of when, as the backup itself tells. */
export interface ClusterSummary {
  /** UID of the namespace kube-system. */
  readonly uid?: string;
  /** Of the newest kubelet: `v1.35.4`. */
  readonly kubernetesVersion?: string;
  readonly nodes: number;
  /** Newest renewal of a Lease in it: the backup was taken a moment later. */
  readonly lastRenewal?: string;
}

/** What the keys of an EncryptionConfiguration opened: counts and names, never a value or a key of a provider. */
export interface EncryptionSummary {
  /** Values that begin with `k8s:enc:`. */
  readonly encrypted: number;
  /** Of these: decrypted, and found to be the object that their key names. */
  readonly opened: number;
  /** Of these: not by the first key of their resource. */
  readonly stale: number;
  /** The keys of the configuration, in its order; those with no value open nothing. */
  readonly keys: readonly {
    readonly provider: string;
    readonly version: string;
    readonly name: string;
    readonly place: string;
    readonly values: number;
    readonly stale: number;
  }[];
  /** Objects in plain although the configuration names their resource. */
  readonly plain: readonly { readonly resource: string; readonly objects: number }[];
  /** What cannot be read; the first 100 keys. */
  readonly impossible: {
    readonly total: number;
    readonly keys: readonly { readonly key: string; readonly failure: string }[];
  };
}

/** What a backup holds of etcd's old v2 store, and what is served of it. */
export interface V2Summary {
  readonly keys: number;
  readonly folders: number;
  /** Of both: their names begin with `_`, so that no listing has them. */
  readonly hidden: number;
  /** Of both: those that run out. */
  readonly withTtl: number;
  /** The store's count of changes, `X-Etcd-Index`. */
  readonly index: number;
  /** Of the keys and folders of the backup: found as they were. */
  readonly same: { readonly keys: number; readonly folders: number };
  readonly servedIndex: number;
}

export interface PrefixDifference {
  readonly prefix: string;
  readonly missing: number;
  readonly extra: number;
  readonly changed: number;
}

/** What etcd keeps about a key. */
export type KeyField =
  | ("createRevision" | "modRevision" | "version" | "lease" | "value")
  /** Of a key of the v2 store. */
  | ("createdIndex" | "modifiedIndex" | "expiration");

export interface KeyDifference {
  /** `base64:…` where not printable. */
  readonly key: string;
  readonly difference: "missing" | "extra" | "changed";
  /** What differs, for `changed`. */
  readonly fields?: readonly KeyField[];
}

export interface Differences {
  readonly total: number;
  /** In the order of the prefixes, at most 100; an empty prefix stands for keys that share none. */
  readonly byPrefix: readonly PrefixDifference[];
  /** The first 100 keys, `base64:…` where not printable. Never a value. */
  readonly keys: readonly string[];
  /** How each of `keys` differs. */
  readonly details: readonly KeyDifference[];
}

/** `quick`: HashKV and counts. `standard`: and each key's revisions, version and lease. `full`: and every value. */
export type VerificationLevel = "quick" | "standard" | "full";

/** Where and why a run ended that never came to its verification. */
export interface EndedRun {
  readonly phase: Phase["name"];
  /** What went wrong and what to do, for people; never a value of a key. */
  readonly reason: string;
}

/** Where a run took place. */
export interface RanOn {
  /** Name of the computer. */
  readonly host: string;
  /** Page of the pipeline's run, where a pipeline says so in its environment. */
  readonly pipeline?: string;
}

export interface Report {
  readonly schemaVersion: 1;
  /** `etcd-restore X.Y.Z`. */
  readonly tool: string;
  /** `incomplete` when a check that the level asks for could not be made. */
  readonly verdict: "pass" | "fail" | "incomplete";
  readonly level: VerificationLevel;
  /** Name of the stack that the run was for; absent when it was for an endpoint. */
  readonly stack?: string;
  /** Absent in reports of old. */
  readonly ranOn?: RanOn;
  /** There when the run ended without a verification: then nothing was compared. */
  readonly ended?: EndedRun;
  /** When the command began. ISO 8601, UTC. */
  readonly startedAt: string;
  /** Wall time of the whole run from `startedAt` on: at least the sum of the phases. */
  readonly seconds: number;
  readonly snapshot: SnapshotSummary;
  readonly source?: SourceSummary;
  /** There when the backup holds a v2 store; `snapshot` and `restored` are of the v3 store beside it. */
  readonly v2?: V2Summary;
  /** There when it is a store of Kubernetes. */
  readonly cluster?: ClusterSummary;
  /** Of the first member, where there are several. */
  readonly restored: RestoredSummary;
  /** There when several were asked: all of them. */
  readonly members?: readonly MemberSummary[];
  /** There when an EncryptionConfiguration was given. */
  readonly encryption?: EncryptionSummary;
  readonly phases: readonly Phase[];
  readonly checks: readonly Check[];
  readonly differences: Differences;
  /** There when the run was a drill. */
  readonly drill?: DrillSummary;
}

/** Names of the files that hold a report in all its forms (`write-all.ts`). */
export const REPORT_FILES = [
  "report.json",
  "report.xml",
  "report.prom",
  "report.md",
  "report.html",
] as const;
