/** Random stores, backed up while they move on, restored and verified: none may be called wrong. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { takeCensus } from "../../etcd/inspect/census";
import { printableKey } from "../../etcd/wire/keys";
import { verify } from "../../etcd/proof/verify";
import { readSnapshot, type Snapshot } from "../../etcd/snapshot/snapshot";
import type { Manifest } from "../../etcd/backup/manifest";
import { startEtcdServer, type EtcdServer } from "../support/etcd-server";
import { connectWriter } from "../support/make-snapshot";
import { createRandom } from "../support/random";
import { askLiveKeys } from "../mutation/live-keys";
import { askCensus, askEtcdutl } from "./etcd-answers";
import { moveOn, workOn, type Work } from "./history";

/** So many stores one after the other are states of one source, whose history grows; then a fresh one begins. */
export const STORES_A_SOURCE = 10;
const VERSIONS = ["3.5", "3.6", "3.7"] as const;
const QUICK_START = ["--heartbeat-interval=10", "--election-timeout=100"];
/** A WAL snapshot now and then, for only then etcd writes its storage version. */
const SOURCE_FLAGS = ["--snapshot-count=150"];

/** One store, what it was and what did not agree. */
export interface StoreResult {
  readonly store: number;
  readonly version: string;
  readonly revision: number;
  readonly keys: number;
  readonly records: number;
  /** How far the source had moved on when the backup was there. */
  readonly movedOn: number;
  /** Checks that were explained, like a lease that ran out. */
  readonly explained: readonly string[];
  /** Empty when all is well. */
  readonly problems: readonly string[];
}

/** Judges the stores of one source: numbers `STORES_A_SOURCE × batch` and those that follow. */
export async function judgeBatch(
  seed: number,
  batch: number,
  stores: number,
  onResult: (result: StoreResult) => void,
  signal?: AbortSignal,
): Promise<void> {
  const version = VERSIONS[batch % VERSIONS.length] ?? "3.6";
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-random-"));
  try {
    const server = await startEtcdServer({ version, flags: SOURCE_FLAGS });
    try {
      const writer = await connectWriter(server);
      const work: Work = { server, writer, random: createRandom(`${seed} ${batch}`), leases: [] };
      try {
        for (let i = 0; i < stores; i++) {
          signal?.throwIfAborted();
          const file = join(directory, "store.db");
          onResult(await judgeStore(work, version, batch * STORES_A_SOURCE + i, file));
        }
      } finally {
        writer.close();
      }
    } finally {
      await server.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function judgeStore(
  work: Work,
  version: string,
  store: number,
  file: string,
): Promise<StoreResult> {
  const { server, random } = work;
  // The first store of a source may be empty or nearly so.
  await workOn(work, random.below(store % STORES_A_SOURCE === 0 ? 20 : 120));
  await saveWhileMoving(work, file);
  const snapshot = await readSnapshot(file);
  try {
    const problems: string[] = [];
    const explained: string[] = [];
    const same = (what: string, expected: unknown, found: unknown) => {
      const [one, two] = [JSON.stringify(expected), JSON.stringify(found)];
      if (one !== two) problems.push(`${what}: expected ${one}, found ${two}`);
    };
    await compareFile(snapshot, file, same);
    const manifest = await compareSource(snapshot, server, same);
    const movedOn = (await askLiveKeys(server)).revision - snapshot.revision;
    const liveAtSource = await askLiveKeys(server, snapshot.revision);

    const restored = await startEtcdServer({ version, snapshot: file, flags: QUICK_START });
    try {
      const { endpoint } = restored;
      const report = await verify({
        snapshot,
        endpoint,
        level: "full",
        ...(manifest && { manifest }),
      });
      same("verdict", "pass", report.verdict);
      same("differences", 0, report.differences.total);
      for (const { id, verdict, reason = "" } of report.checks) {
        if (verdict === "explained") explained.push(id);
        else if (verdict !== "pass") problems.push(`check ${id}: ${verdict} ${reason}`);
      }
      const answer = await restored.hashKv(snapshot.revision);
      const own = snapshot.hashKv(snapshot.revision, answer.compactRevision);
      same("HashKV of the restored", answer.hash, own);
      const live = await askLiveKeys(restored, snapshot.revision);
      same("live keys of source and restored, by etcdctl", liveAtSource.digest, live.digest);
      await compareCensus(snapshot, restored, same);
    } finally {
      await restored.stop();
    }
    const { revision, records, live } = snapshot;
    return { store, version, revision, keys: live.count, records, movedOn, explained, problems };
  } finally {
    snapshot.close();
  }
}

async function saveWhileMoving(work: Work, file: string): Promise<void> {
  const saved = new AbortController();
  const moving = moveOn(work, saved.signal);
  try {
    await work.server.saveSnapshot(file);
  } finally {
    saved.abort();
    await moving;
  }
}

type Same = (what: string, expected: unknown, found: unknown) => void;

/** The file by our reader and by etcd's own program. */
async function compareFile(snapshot: Snapshot, file: string, same: Same): Promise<void> {
  const told = await askEtcdutl(file);
  same("revision, by etcdutl hashkv", told.hashRevision, snapshot.revision);
  same(
    "compact revision, by etcdutl hashkv",
    Math.max(0, told.compactRevision),
    snapshot.compactRevision,
  );
  same("HashKV, by etcdutl hashkv", told.hash, snapshot.hashKv());
  same(
    "keys, by etcdutl snapshot status",
    told.totalKey,
    snapshot.live.count + snapshot.placeholders,
  );
}

/** The file by our reader and the source, which has moved on; gives what a manifest would say. */
async function compareSource(
  snapshot: Snapshot,
  source: EtcdServer,
  same: Same,
): Promise<Manifest | undefined> {
  const { revision, sha256, bytes } = snapshot;
  const { hash, compactRevision } = await source.hashKv(revision);
  const compacted = Math.max(0, compactRevision);
  // At the very revision of its last compaction a source may tell the hash that it stored before (`hash.go`).
  if (compacted < snapshot.compactRevision) return undefined;
  same("HashKV of the source", hash, snapshot.hashKv(revision, compacted));
  return {
    schemaVersion: 1,
    takenAt: new Date().toISOString(),
    sha256,
    bytes,
    source: { revision, compactRevision: compacted, hashKv: hash, hashKvRevision: revision },
  };
}

async function compareCensus(snapshot: Snapshot, restored: EtcdServer, same: Same): Promise<void> {
  const { prefixes } = takeCensus(snapshot);
  const told = await askCensus(restored, snapshot.revision);
  const sorted = (rows: readonly (readonly [string, string])[]) =>
    rows.toSorted(([a], [b]) => (a < b ? -1 : 1));
  same(
    "census by prefix, by etcdctl",
    sorted(
      Object.entries(told).map(([prefix, sums]) => [
        printableKey(Buffer.from(prefix, "latin1")),
        sums,
      ]),
    ),
    sorted(
      prefixes.map(({ prefix, keys, valueBytes }) => [prefix, `${keys} keys, ${valueBytes} bytes`]),
    ),
  );
}
