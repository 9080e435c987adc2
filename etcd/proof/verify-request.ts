/** The question that a proof answers, with all that is known before it is asked. */
import type { Container } from "../backup/container";
import type { Manifest } from "../backup/manifest";
import type { Endpoint } from "../client/endpoint";
import type { EncryptionConfiguration } from "../encryption/configuration";
import type { Phase, VerificationLevel } from "../report/report";
import type { Snapshot } from "../snapshot/types";
import type { HashAhead } from "./hash-ahead";

/** What is to be proved, and how thoroughly. */
export interface VerifyRequest {
  /** The backup, already read; it stays open. */
  readonly snapshot: Snapshot;
  readonly endpoint: Endpoint;
  /** The other members of its cluster. Default: it is alone, or they are not asked. */
  readonly others?: readonly Endpoint[];
  readonly level: VerificationLevel;
  /** Keys, or prefixes that end in `/` or `*`, that must be there. Default: none. */
  readonly expectedKeys?: readonly string[];
  /**
   * By how much the revision was bumped at the restore, with everything before marked as compacted
   * (`etcdutl snapshot restore --bump-revision … --mark-compacted`). Default: it was not.
   */
  readonly bumpedBy?: number;
  /** Version that the etcd must be of, as it was wished for: `3.6` or `3.6.16`. Default: any that serves the backup. */
  readonly etcdVersion?: string;
  /** The store was in use since it was restored: newer revisions and other leases are `explained`. Default: false. */
  readonly inUse?: boolean;
  /**
   * When the store was restored, by the clock of the server's machine: no lease of it can have run out sooner than its
   * TTL after. Default: as the server tells.
   */
  readonly restoredAt?: Date | undefined;
  /** What the source said of itself. Default: the proof begins at the file. */
  readonly manifest?: Manifest | undefined;
  /** SHA-256 of the public key that must have signed the manifest. Default: any, or none. */
  readonly trustedKey?: string | undefined;
  /** What the backup is packed in. Default: nothing. */
  readonly container?: Container | undefined;
  /** The API server's keys: every encrypted value must decrypt to the object that its key names. Default: it is not asked. */
  readonly encryption?: EncryptionConfiguration | undefined;
  /** UID of the namespace kube-system of the cluster that the backup must be of. Default: any. */
  readonly expectedCluster?: string | undefined;
  /** The hash of the server as it is, asked for while the backup was read. Default: it is asked for now. */
  readonly ahead?: HashAhead;
  /** What others measured before; `verify` is added. Default: none. */
  readonly phases?: readonly Phase[];
  /** When the whole run began, the steps before this one included. Default: now. */
  readonly startedAt?: Date;
  /** Name of the stack that is verified, for the report. Default: it is none. */
  readonly stack?: string | undefined;
  readonly signal?: AbortSignal;
  /** Told after each range that was read back. */
  readonly onProgress?: (doneKeys: number, totalKeys: number) => void;
}
