/** The proof of a v2 store, and of the v3 store beside it, from the first question to the report. */
import { digestOf, type RestorableV2 } from "../../backup/v2/restorable";
import { openEtcd } from "../../client/etcd-client";
import { openV2 } from "../../client/v2-client";
import { wallClock } from "../../report/end";
import type { Check, Differences, Phase, Report, V2Summary } from "../../report/report";
import { TOOL } from "../../report/tool";
import { overallVerdict } from "../../report/verdict";
import { ALL_KEYS } from "../plan";
import { answerOf } from "../server-facts";
import { verify } from "../verify";
import type { VerifyRequest } from "../verify-request";
import {
  v2FilesCheck,
  v2HiddenChecks,
  v2IndexCheck,
  v2ManifestChecks,
  v2OrderCheck,
  v2ReadBackCheck,
  v2TtlChecks,
  v2VersionCheck,
  v3BesideChecks,
} from "./checks";
import { compareV2, type V2Comparison } from "./compare";

/** What is to be proved. Every level reads every v2 key back: a v2 store has no hash that could be asked for. */
export interface VerifyV2Request extends Omit<
  VerifyRequest,
  "snapshot" | "bumpedBy" | "container" | "ahead"
> {
  /** The backup, already read; it stays open. */
  readonly backup: RestorableV2;
  /** What people call it. */
  readonly file: string;
}

/**
 * Compares a running etcd with the v2 backup it was restored from.
 * @throws EtcdError when the server cannot be reached, or serves no v2 store
 */
export async function verifyV2(request: VerifyV2Request): Promise<Report> {
  const { backup, endpoint, signal, inUse = false, etcdVersion, startedAt = new Date() } = request;
  const began = new Date();
  const v2 = openV2(endpoint, signal);
  try {
    const version = await v2.version();
    const { onProgress } = request;
    const comparison = await compareV2(v2, backup.store, { inUse, onProgress });
    const beside = await proveV3(request);
    const checks: readonly Check[] = [
      v2FilesCheck(backup),
      ...(await v2ManifestChecks(backup, request.manifest, request.trustedKey)),
      v2VersionCheck(backup, version, etcdVersion),
      v2ReadBackCheck(backup, comparison),
      ...v2HiddenChecks(backup, comparison),
      ...v2TtlChecks(backup, comparison),
      v2OrderCheck(backup, comparison),
      v2IndexCheck(backup, comparison),
      ...beside.checks,
    ];
    const own: Phase = { name: "verify", seconds: (Date.now() - began.getTime()) / 1000 };
    const phases = [...(request.phases ?? []), own];
    return {
      ...{ schemaVersion: 1, tool: TOOL, verdict: overallVerdict(checks), level: request.level },
      ...(request.stack !== undefined && { stack: request.stack }),
      startedAt: startedAt.toISOString(),
      seconds: wallClock(startedAt, phases),
      snapshot: { ...(await summaryOf(request)), ...beside.snapshot },
      ...(request.manifest && {
        source: {
          revision: request.manifest.source.revision,
          takenAt: new Date(request.manifest.takenAt).toISOString(),
        },
      }),
      ...(beside.cluster && { cluster: beside.cluster }),
      ...(beside.encryption && { encryption: beside.encryption }),
      v2: v2Summary(backup, comparison),
      restored: { ...beside.restored, endpoint: endpoint.url, etcdVersion: version },
      ...{ phases, checks, differences: joined(comparison, beside.differences) },
    };
  } finally {
    v2.close();
  }
}

type Beside = Pick<
  Report,
  "checks" | "restored" | "differences" | "snapshot" | "cluster" | "encryption"
>;

/** Checks of a v3 proof that are said of a v2 backup in another way: its files, and the server's version. */
const SAID_APART = ["sha256", "etcd-version"];

/** The proof of the v3 store beside it; where it has no key, that none is served. */
async function proveV3(
  request: VerifyV2Request,
): Promise<Omit<Beside, "snapshot"> & { readonly snapshot: Partial<Report["snapshot"]> }> {
  const { backup, endpoint, signal, file } = request;
  const { v3, laterV3Writes } = backup;
  if (v3 !== undefined) {
    const inUse = request.inUse === true || laterV3Writes > 0;
    // The manifest speaks of the whole, and was held against that.
    const asked = { ...request, manifest: undefined, trustedKey: undefined };
    const report = await verify({ ...asked, snapshot: { ...v3, file }, inUse });
    const { revision, compactRevision, keys, hashKv } = report.snapshot;
    return {
      ...report,
      checks: [
        ...report.checks.filter(({ id }) => !SAID_APART.includes(id)),
        ...v3BesideChecks(backup, 0),
      ],
      snapshot: { revision, compactRevision, keys, hashKv },
    };
  }
  const client = openEtcd(endpoint, signal);
  try {
    const status = await client.status();
    const count = await answerOf(client.count(ALL_KEYS, 0));
    const keys = "value" in count ? count.value : 0;
    const { revision, clusterId, version } = status;
    return {
      checks: v3BesideChecks(backup, "value" in count ? keys : count.refused),
      snapshot: {},
      differences: { total: 0, byPrefix: [], keys: [], details: [] },
      restored: {
        ...{ endpoint: endpoint.url, revision, keys, etcdVersion: version },
        ...{ compactRevision: 0, hashKv: 0, clusterId: clusterId.toString(16) },
      },
    };
  } finally {
    client.close();
  }
}

/** Its SHA-256 and length are those of the archive that is restored of it. */
async function summaryOf({ backup, file }: VerifyV2Request): Promise<Report["snapshot"]> {
  return {
    ...{ file, ...(await digestOf(backup)), etcdVersion: backup.etcdVersion },
    ...{ revision: 0, compactRevision: 0, keys: 0, hashKv: 0 },
  };
}

function v2Summary({ store }: RestorableV2, comparison: V2Comparison): V2Summary {
  const { sameKeys, sameFolders, index } = comparison;
  return {
    ...{ keys: store.keys.length, folders: store.folders, index: store.index, servedIndex: index },
    hidden: store.nodes.filter(({ isHidden }) => isHidden).length,
    withTtl: store.nodes.filter(({ expires }) => expires !== undefined).length,
    same: { keys: sameKeys, folders: sameFolders },
  };
}

/** Those of both stores. */
function joined({ differences }: V2Comparison, v3: Differences): Differences {
  const v2 = differences.summary();
  return {
    total: v2.total + v3.total,
    byPrefix: [...v2.byPrefix, ...v3.byPrefix].slice(0, 100),
    keys: [...v2.keys, ...v3.keys].slice(0, 100),
    details: [...v2.details, ...v3.details].slice(0, 100),
  };
}
