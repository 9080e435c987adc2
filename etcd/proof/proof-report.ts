/** The report of a proof that was made. */
import { hashPairOf } from "../backup/manifest";
import type { Endpoint } from "../client/endpoint";
import type { EncryptionFindings } from "../encryption/findings";
import type { ClusterFacts } from "../kubernetes/cluster-facts";
import { wallClock } from "../report/end";
import { ranOn } from "../report/ran-on";
import type {
  Check,
  ClusterSummary,
  Differences,
  Phase,
  Report,
  RestoredSummary,
} from "../report/report";
import { TOOL } from "../report/tool";
import { overallVerdict } from "../report/verdict";
import { summarize } from "../snapshot/judgement";
import type { MembersProof } from "./members";
import type { ServerFacts } from "./server-facts";
import { encryptionSummary } from "./use-checks";
import type { VerifyRequest } from "./verify-request";

/** What a report is made of. */
export interface Proof {
  readonly checks: readonly Check[];
  readonly facts: ServerFacts;
  readonly differences: Differences;
  readonly cluster: ClusterFacts | undefined;
  readonly encryption: EncryptionFindings | undefined;
}

export function reportOf(
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
