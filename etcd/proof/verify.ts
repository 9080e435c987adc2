/** The whole proof, from the first question to the report. */
import type { Check, Report } from "../report/report";
import { examineEncryption } from "../encryption/examine";
import type { EncryptionFindings } from "../encryption/findings";
import { clusterFacts } from "../kubernetes/cluster-facts";
import type { Snapshot } from "../snapshot/snapshot";
import { bumped } from "./bumped";
import {
  alarmsCheck,
  compactRevisionCheck,
  hashKvCheck,
  keyCountCheck,
  readBackCheck,
  versionCheck,
} from "./checks";
import { authCheck } from "./auth-check";
import { manifestChecks, sha256Check, sourceChecks } from "./file-checks";
import { openEtcd, type EtcdClient } from "../client/etcd-client";
import { expectedKeysCheck } from "./expected-keys";
import {
  compareTtls,
  leasesCheck,
  NO_TTLS,
  revisionCheck,
  type TtlComparison,
} from "./lease-checks";
import type { LeaseClock } from "./lease-clock";
import { proveMembers } from "./members";
import { planReadBack, type Plan } from "./plan";
import {
  answerOf,
  gatherFacts,
  gatherReachable,
  type Answer,
  type ServerFacts,
} from "./server-facts";
import { excuseOf, gatherSince, type Excuse, type Since } from "./since";
import { secondReaderCheck } from "./second-reader";
import { clusterCheck, encryptionCheck } from "./use-checks";
import type { VerifyRequest } from "./verify-request";
import { type Proof, reportOf } from "./proof-report";
import { keyReader, type KeyReader } from "./key-reader";

export type { VerificationLevel } from "../report/report";

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

/** Waits for the end of both, so that nothing goes on behind the first failure, and then throws it. */
async function both<A, B>(one: Promise<A>, other: Promise<B> | B): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}
