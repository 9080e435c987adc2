/** The whole proof, from the first question to the report. */
import { wallClock } from "../report/end";
import type {
  Check,
  ClusterSummary,
  Differences,
  Phase,
  Report,
  RestoredSummary,
  VerificationLevel,
} from "../report/report";
import { ranOn } from "../report/ran-on";
import { TOOL } from "../report/tool";
import { overallVerdict } from "../report/verdict";
import type { EncryptionConfiguration } from "../encryption/configuration";
import { examineEncryption } from "../encryption/examine";
import type { EncryptionFindings } from "../encryption/findings";
import { clusterFacts, type ClusterFacts } from "../kubernetes/cluster-facts";
import { summarize } from "../snapshot/judgement";
import type { Snapshot } from "../snapshot/snapshot";
import type { Container } from "../backup/container";
import { hashPairOf, type Manifest } from "../backup/manifest";
import { bumped } from "./bumped";
import {
  alarmsCheck,
  authCheck,
  compactRevisionCheck,
  hashKvCheck,
  keyCountCheck,
  manifestChecks,
  readBackCheck,
  sha256Check,
  sourceChecks,
  versionCheck,
} from "./checks";
import { differenceLog, type DifferenceLog } from "./differences";
import type { Endpoint } from "../client/endpoint";
import { openEtcd, type EtcdClient } from "../client/etcd-client";
import { expectedKeysCheck } from "./expected-keys";
import type { HashAhead } from "./hash-ahead";
import {
  compareTtls,
  leasesCheck,
  NO_TTLS,
  revisionCheck,
  type TtlComparison,
} from "./lease-checks";
import type { LeaseClock } from "./lease-clock";
import { proveMembers, type MembersProof } from "./members";
import { planReadBack, type Plan } from "./plan";
import { readBack } from "./read-back";
import {
  answerOf,
  gatherFacts,
  gatherReachable,
  tellsLeasesInKeysOnly,
  type Answer,
  type Reachable,
  type ServerFacts,
} from "./server-facts";
import { excuseOf, gatherSince, type Excuse, type Since } from "./since";
import { secondReaderCheck } from "./second-reader";
import { clusterCheck, encryptionCheck, encryptionSummary } from "./use-checks";

export type { VerificationLevel } from "../report/report";

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

/**
 * Compares a running etcd with the backup it was restored from.
 *
 * Everything is read at the backup's revision, where it stays exact after leases ran out. When the hash or the count
 * differs, every key is read back whatever the level, to say where.
 * @throws EtcdError when the server cannot be reached or read to the end; what it refuses to tell is `not-checked`.
 */
export async function verify(request: VerifyRequest): Promise<Report> {
  const began = new Date();
  request.signal?.throwIfAborted();
  const client = openEtcd(request.endpoint, request.signal);
  try {
    const proof = await prove(client, request);
    const { endpoint, others = [], level, signal } = request;
    const endpoints = [endpoint, ...others];
    const snapshot = restoredFrom(request);
    const members =
      others.length === 0
        ? undefined
        : await proveMembers({ snapshot, endpoints, first: proof.facts, level, signal });
    return reportOf(request, proof, members, began);
  } finally {
    client.close();
  }
}

/** What a report is made of. */
interface Proof {
  readonly checks: readonly Check[];
  readonly facts: ServerFacts;
  readonly differences: Differences;
  readonly cluster: ClusterFacts | undefined;
  readonly encryption: EncryptionFindings | undefined;
}

/** The snapshot as the store shows it that was restored from it. */
function restoredFrom({ snapshot, bumpedBy }: VerifyRequest): Snapshot {
  return bumpedBy === undefined ? snapshot : bumped(snapshot, bumpedBy);
}

async function prove(client: EtcdClient, request: VerifyRequest): Promise<Proof> {
  const { level, manifest, expectedKeys = [] } = request;
  const file = request.snapshot;
  const snapshot = restoredFrom(request);
  const inUse = request.inUse === true;
  const plan = planReadBack(snapshot.live);
  const reachable = await gatherReachable(client, snapshot);
  const reader = keyReader(client, snapshot, plan, reachable, request.onProgress);
  // A server hashes with one core, and the reading leaves it one.
  const [facts, readFull] = await both(
    gatherFacts(client, snapshot, reachable, request.ahead),
    level === "full" ? reader.readAll("stored") : undefined,
  );
  const checks: Check[] = [
    sha256Check(snapshot, manifest),
    ...manifestChecks(
      manifest,
      { snapshot: file, container: request.container },
      request.trustedKey,
    ),
    ...sourceChecks(file, manifest),
    versionCheck(snapshot, facts, request.etcdVersion),
    compactRevisionCheck(snapshot, facts),
    hashKvCheck(snapshot, facts),
    keyCountCheck(snapshot, facts),
  ];
  const located = checks.some(
    ({ id, verdict }) => verdict === "fail" && (id === "hashkv" || id === "key-count"),
  );
  if (level !== "quick" || located) {
    const mode = level === "full" || located ? "stored" : "metadata";
    checks.push(readBackCheck(snapshot, mode, readFull ?? (await reader.readAll(mode))));
  }
  const now = await lookAtNow(client, snapshot, plan, reader, { facts, request });
  checks.push(
    revisionCheck(snapshot, now.since, now.excuse, inUse),
    leasesCheck(snapshot, now.since, now.excuse, now.ttls, inUse),
    alarmsCheck(snapshot, facts),
    authCheck(snapshot, facts, inUse),
  );
  if (expectedKeys.length > 0) {
    checks.push(await expectedKeysCheck(client, snapshot, facts.readRevision, expectedKeys));
  }
  if (level === "full" && "value" in facts.keys) {
    const { endpoint, signal } = request;
    const { live } = file;
    checks.push(await secondReaderCheck({ endpoint, live, revision: facts.readRevision, signal }));
  }
  const cluster = clusterFacts(file.live);
  const encryption = await examined(request);
  if (request.expectedCluster !== undefined) {
    checks.push(clusterCheck(cluster, request.expectedCluster));
  }
  if (encryption !== undefined) checks.push(encryptionCheck(encryption));
  return { checks, facts, differences: reader.differences(), cluster, encryption };
}

/** The encrypted values of the file, which the server was found to hold; undefined without their keys. */
async function examined({
  snapshot,
  encryption,
  signal,
}: VerifyRequest): Promise<EncryptionFindings | undefined> {
  if (encryption === undefined) return undefined;
  return examineEncryption(snapshot.live, encryption, { ...(signal && { signal }) });
}

/** Reads the server's keys back, at the backup's revision or at a later one. */
interface KeyReader {
  readAll(mode: "stored" | "metadata"): Promise<Answer<ReturnType<DifferenceLog["counts"]>>>;
  /** How many keys are not as in the backup at a later revision, without those whose lease is gone. */
  countNow(revision: number, goneLeases: ReadonlySet<bigint>): Promise<number>;
  /** What differs at the backup's revision; where nothing does, what differed later. */
  differences(): Differences;
}

function keyReader(
  client: EtcdClient,
  snapshot: Snapshot,
  plan: Plan,
  reachable: Reachable,
  onProgress: VerifyRequest["onProgress"],
): KeyReader {
  const { keys: readable, readRevision } = reachable;
  const then = differenceLog();
  const now = differenceLog();
  const leasesInKeysOnly = tellsLeasesInKeysOnly(reachable);
  const reading = { client, live: snapshot.live, plan, leasesInKeysOnly };
  return {
    async readAll(mode) {
      if ("refused" in readable) return readable;
      const at = { revision: readRevision, mode, differences: then, onProgress };
      const done = await answerOf(readBack({ ...reading, ...at }));
      return "refused" in done ? done : { value: then.counts() };
    },
    async countNow(revision, goneLeases) {
      const mayBeGone = ({ lease }: { readonly lease: bigint }) => goneLeases.has(lease);
      const at = { revision, mode: "metadata", differences: now, mayBeGone } as const;
      await readBack({ ...reading, ...at });
      return now.total;
    },
    differences: () => (then.total > 0 ? then : now).summary(),
  };
}

/** The store as it is now, and what its leases explain of it. */
async function lookAtNow(
  client: EtcdClient,
  snapshot: Snapshot,
  plan: Plan,
  reader: KeyReader,
  { facts, request }: { readonly facts: ServerFacts; readonly request: VerifyRequest },
): Promise<{ since: Answer<Since>; excuse: Excuse; ttls: TtlComparison }> {
  const since = await answerOf(gatherSince(client, snapshot, plan));
  if ("refused" in since) {
    return { since, excuse: { holds: "unknown", reason: since.refused }, ttls: NO_TTLS };
  }
  const ttls = await compareTtls(client, snapshot, since.value);
  const { revision, goneLeases } = since.value;
  const { restoredAt, inUse } = request;
  const told = goneLeases.size > 0 ? await client.clock() : undefined;
  const clock: LeaseClock = {
    sinceRestore: restoredAt && ((told?.now ?? Date.now()) - restoredAt.getTime()) / 1000,
    // Of one member among others it says nothing: the lease may have begun to run with another as the leader.
    uptime: (request.others ?? []).length > 0 ? undefined : told?.uptime,
    raftTerm: "value" in facts.status ? facts.status.value.raftTerm : Infinity,
    oldestLease: ttls.oldest,
  };
  // Exact then, but not now: which keys, without those whose lease ran out. Of a store in use others may have any.
  const look = revision > snapshot.revision && inUse !== true;
  const differing = look ? await answerOf(reader.countNow(revision, goneLeases)) : { value: 0 };
  const excuse: Excuse =
    "refused" in differing
      ? { holds: "unknown", reason: differing.refused }
      : excuseOf(snapshot, since.value, clock, differing.value);
  return { since, excuse, ttls };
}

function reportOf(
  request: VerifyRequest,
  proof: Proof,
  members: MembersProof | undefined,
  began: Date,
): Report {
  const { endpoint, level, manifest, startedAt = began, stack } = request;
  const { facts, differences, cluster, encryption } = proof;
  const checks = [...proof.checks, ...(members?.checks ?? [])];
  const pair = manifest && hashPairOf(manifest);
  const own: Phase = { name: "verify", seconds: (Date.now() - began.getTime()) / 1000 };
  const phases = [...(request.phases ?? []), own];
  return {
    schemaVersion: 1,
    tool: TOOL,
    verdict: overallVerdict(checks),
    level,
    ...(stack !== undefined && { stack }),
    ranOn: ranOn(),
    startedAt: startedAt.toISOString(),
    seconds: wallClock(startedAt, phases),
    snapshot: summarize(request.snapshot),
    ...(manifest && {
      source: {
        revision: manifest.source.revision,
        ...(pair && { hashKv: pair.hash }),
        takenAt: new Date(manifest.takenAt).toISOString(),
      },
    }),
    ...(cluster && { cluster: clusterSummary(cluster) }),
    restored: summarizeServer(endpoint, facts),
    ...(members && { members: members.members }),
    ...(encryption && { encryption: encryptionSummary(encryption) }),
    phases,
    checks,
    differences,
  };
}

function clusterSummary({ uid, version, nodes, lastRenewal }: ClusterFacts): ClusterSummary {
  return {
    ...(uid !== undefined && { uid }),
    ...(version !== undefined && { kubernetesVersion: version }),
    nodes,
    ...(lastRenewal !== undefined && { lastRenewal }),
  };
}

/** Waits for the end of both, so that nothing goes on behind the first failure, and then throws it. */
async function both<A, B>(one: Promise<A>, other: Promise<B> | B): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

function summarizeServer(endpoint: Endpoint, facts: ServerFacts): RestoredSummary {
  const status = "value" in facts.status ? facts.status.value : undefined;
  return {
    endpoint: endpoint.url,
    revision: status?.revision ?? 0,
    compactRevision: "value" in facts.compactRevision ? facts.compactRevision.value : 0,
    keys: "value" in facts.keys ? facts.keys.value : 0,
    hashKv: "value" in facts.hash ? facts.hash.value.hash : 0,
    etcdVersion: status?.version ?? "",
    clusterId: status?.clusterId.toString(16) ?? "",
  };
}
