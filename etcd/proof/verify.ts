import { wallClock } from "../report/end";
import type { Check, Phase, Report, RestoredSummary, VerificationLevel } from "../report/report";
import { TOOL } from "../report/tool";
import { compareVersions, summarize } from "../snapshot/judgement";
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
import { differenceLog } from "./differences";
import type { Endpoint } from "../client/endpoint";
import { openEtcd } from "../client/etcd-client";
import { expectedKeysCheck } from "./expected-keys";
import type { HashAhead } from "./hash-ahead";
import { compareTtls, leasesCheck, NO_TTLS, revisionCheck } from "./lease-checks";
import { planReadBack } from "./plan";
import { readBack } from "./read-back";
import {
  answerOf,
  gatherFacts,
  gatherReachable,
  gatherSince,
  type ServerFacts,
} from "./server-facts";

export type { VerificationLevel } from "../report/report";

/** What is to be proved, and how thoroughly. */
export interface VerifyRequest {
  /** The backup, already read; it stays open. */
  readonly snapshot: Snapshot;
  readonly endpoint: Endpoint;
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
  /** What the source said of itself. Default: the proof begins at the file. */
  readonly manifest?: Manifest;
  /** SHA-256 of the public key that must have signed the manifest. Default: any, or none. */
  readonly trustedKey?: string | undefined;
  /** What the backup is packed in. Default: nothing. */
  readonly container?: Container | undefined;
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
  const { endpoint, level, manifest, signal } = request;
  const file = request.snapshot;
  const snapshot = request.bumpedBy === undefined ? file : bumped(file, request.bumpedBy);
  const started = performance.now();
  const startedAt = request.startedAt ?? new Date();
  signal?.throwIfAborted();
  const client = openEtcd(endpoint, signal);
  try {
    const { live } = snapshot;
    const plan = planReadBack(live);
    const differences = differenceLog();
    const reachable = await gatherReachable(client, snapshot);
    const { status, keys: readable, readRevision } = reachable;
    const leasesInKeysOnly = "value" in status && compareVersions(status.value.version, "3.7") < 0;
    const reading = { client, live, plan, differences, leasesInKeysOnly };
    const readAll = async (mode: "stored" | "metadata") => {
      if ("refused" in readable) return readable;
      const { onProgress } = request;
      const read = readBack({ ...reading, revision: readRevision, mode, onProgress });
      const done = await answerOf(read);
      return "refused" in done ? done : { value: differences.counts() };
    };
    // A server hashes with one core, and the reading leaves it one.
    const [facts, readFull] = await both(
      gatherFacts(client, snapshot, reachable, request.ahead),
      level === "full" ? readAll("stored") : undefined,
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
      const result = readFull ?? (await readAll(mode));
      checks.push(readBackCheck(snapshot, mode, result));
    }

    const since = await answerOf(gatherSince(client, snapshot, plan));
    const movedOn = "value" in since && since.value.revision > snapshot.revision;
    const inUse = request.inUse === true;
    if (movedOn && !inUse && !since.value.explained && differences.total === 0) {
      // Exact then, but not now: say which keys, without those whose lease ran out.
      const { revision, goneLeases } = since.value;
      const mayBeGone = ({ lease }: { readonly lease: bigint }) => goneLeases.has(lease);
      await readBack({ ...reading, revision, mode: "metadata", mayBeGone });
    }
    const ttls = "value" in since ? await compareTtls(client, snapshot, since.value) : NO_TTLS;
    checks.push(
      revisionCheck(snapshot, since, differences.total, inUse),
      leasesCheck(snapshot, since, ttls, inUse),
      alarmsCheck(snapshot, facts),
      authCheck(snapshot, facts),
    );
    const { expectedKeys = [] } = request;
    if (expectedKeys.length > 0) {
      checks.push(await expectedKeysCheck(client, snapshot, facts.readRevision, expectedKeys));
    }

    const pair = manifest && hashPairOf(manifest);
    const seconds = (performance.now() - started) / 1000;
    const phases: Phase[] = [
      ...(request.phases ?? []),
      { name: "verify", seconds: round(seconds) },
    ];
    return {
      schemaVersion: 1,
      tool: TOOL,
      verdict: verdictOf(checks),
      level,
      ...(request.stack !== undefined && { stack: request.stack }),
      startedAt: startedAt.toISOString(),
      seconds: wallClock(startedAt, phases),
      snapshot: summarize(file),
      ...(manifest && {
        source: {
          revision: manifest.source.revision,
          ...(pair && { hashKv: pair.hash }),
          takenAt: new Date(manifest.takenAt).toISOString(),
        },
      }),
      restored: summarizeServer(endpoint, facts),
      phases,
      checks,
      differences: differences.summary(),
    };
  } finally {
    client.close();
  }
}

/** Waits for the end of both, so that nothing goes on behind the first failure, and then throws it. */
async function both<A, B>(one: Promise<A>, other: Promise<B> | B): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

/** One failure fails it; what could not be checked leaves it open. */
function verdictOf(checks: readonly Check[]): Report["verdict"] {
  if (checks.some(({ verdict }) => verdict === "fail")) {
    return "fail";
  }
  return checks.some(({ verdict }) => verdict === "not-checked") ? "incomplete" : "pass";
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

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
