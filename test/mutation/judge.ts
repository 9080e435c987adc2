/** What becomes of one mutant: the way that a backup goes, up to the first that says no. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256Check } from "../../etcd/proof/file-checks";
import { EtcdError } from "../../etcd/client/etcd-error";
import { verify } from "../../etcd/proof/verify";
import type { Report } from "../../etcd/report/report";
import { reasonsAgainstRestore } from "../../etcd/snapshot/judgement";
import { readSnapshot, SnapshotError, type Snapshot } from "../../etcd/snapshot/snapshot";
import type { Manifest } from "../../etcd/backup/manifest";
import { programsOf, startEtcdServer, type EtcdServer } from "../support/etcd-server";
import type { Base } from "./base";
import { askLiveKeys } from "./live-keys";
import type { Finding } from "./finding";
import { judgeEncrypted, judgeUse } from "./judge-objects";
import type { Mutant } from "./mutant";

/** Judges mutants against one good backup. */
export interface Judge {
  judge(mutant: Mutant): Promise<Finding>;
  close(): Promise<void>;
}

const SAME = "means the same";
/** etcd alone on its machine needs no second to elect itself. */
export const QUICK_START = ["--heartbeat-interval=10", "--election-timeout=100"];
const VERSION = "3.6";
const START_LIMIT_MS = 10_000;

/** @param directory where it works; each judgement leaves nothing there. */
export async function openJudge({ good, truth }: Base, directory: string): Promise<Judge> {
  const programs = await programsOf(VERSION);
  const file = join(directory, "good.db");
  await writeFile(file, good.file);
  const snapshot = await readSnapshot(file);
  const { revision, compactRevision, hashKv } = truth;
  const manifest: Manifest = {
    schemaVersion: 1,
    takenAt: "2026-01-01T00:00:00Z",
    sha256: truth.sha256,
    bytes: truth.bytes,
    source: { revision, compactRevision, hashKv, hashKvRevision: revision },
  };

  /** Whether etcd itself says that it holds what the source held. */
  async function meaningOf(server: EtcdServer): Promise<string> {
    const answer = await server.hashKv(revision);
    const live = await askLiveKeys(server, revision);
    if (live.digest !== truth.liveKeys) return "live keys differ";
    return answer.hash === hashKv ? SAME : "live keys are the same, HashKV differs";
  }

  async function prove(server: EtcdServer, mutant: Snapshot | undefined): Promise<Finding> {
    let report: Report;
    try {
      report = await verify({ snapshot, manifest, endpoint: server.endpoint, level: "full" });
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      return { by: "restore", detail: `etcd cannot be read to the end: ${firstLine(error)}` };
    }
    if (report.verdict !== "pass") return verdictOf(report);
    const explained = report.checks.filter(({ verdict }) => verdict === "explained");
    const meaning = await meaningOf(server);
    const equal = meaning === SAME;
    const detail = [meaning, ...explained.map(({ id }) => `${id} explained`)].join(", ");
    if (mutant === undefined) return { by: equal ? "equal" : "nothing", detail };
    if (sha256Check(mutant, manifest).verdict !== "fail") return { by: "nothing", detail };
    return { by: equal && sameBeside(snapshot, mutant) ? "equal" : "manifest", detail };
  }

  async function serve(
    options: Parameters<typeof startEtcdServer>[0],
    mutant?: Snapshot,
  ): Promise<Finding> {
    const start = () =>
      startEtcdServer({
        version: VERSION,
        flags: QUICK_START,
        startLimitMs: START_LIMIT_MS,
        ...options,
      });
    let server: EtcdServer;
    try {
      // Once more, for what is the machine's fault: a port that somebody took in this moment.
      server = await start().catch(start);
    } catch (error) {
      return { by: "restore", detail: firstLine(error) };
    }
    try {
      return await prove(server, mutant);
    } finally {
      await server.stop();
    }
  }

  async function judgeFile(bytes: Buffer, path: string): Promise<Finding> {
    await writeFile(path, bytes);
    let mutant: Snapshot;
    try {
      mutant = await readSnapshot(path);
    } catch (error) {
      // Anything else is no refusal but a fault of the reader, and ends the matrix.
      if (!(error instanceof SnapshotError)) throw error;
      return { by: "structure", detail: error.message.replace(`${path}: `, "") };
    }
    try {
      const [reason] = reasonsAgainstRestore(mutant);
      if (reason !== undefined) {
        return { by: mutant.trailer === "matches" ? "structure" : "sha256", detail: reason };
      }
      return await serve({ snapshot: path }, mutant);
    } finally {
      mutant.close();
    }
  }

  return {
    async judge(mutant) {
      const scratch = await mkdtemp(join(directory, "mutant-"));
      try {
        if ("entries" in mutant) return await judgeEncrypted(mutant, scratch);
        if ("fails" in mutant) return await judgeUse(mutant, scratch);
        if ("make" in mutant) return await judgeFile(mutant.make(), join(scratch, "mutant.db"));
        const dataDirectory = join(scratch, "data");
        await mkdir(dataDirectory);
        await mutant.fill(dataDirectory, scratch, programs);
        return await serve({ dataDirectory });
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    },
    close() {
      snapshot.close();
      return Promise.resolve();
    },
  };
}

function verdictOf(report: Report): Finding {
  const located = report.differences.total > 0;
  const bad = report.checks.filter(
    ({ verdict }) => verdict === "fail" || verdict === "not-checked",
  );
  const ids = bad.map(({ id, verdict }) => (verdict === "fail" ? id : `${id} not checked`));
  const detail = ids.join(", ");
  const failed = (id: string) => bad.some((check) => check.id === id && check.verdict === "fail");
  if (failed("hashkv")) return { by: "hashkv", detail, located };
  return { by: failed("read-back") ? "read-back" : "other", detail, located };
}

/** Whether what HashKV does not cover and a restore keeps is the same: leases, alarms, authentication. */
function sameBeside(good: Snapshot, mutant: Snapshot): boolean {
  const beside = ({ leases, alarms, auth }: Snapshot) =>
    JSON.stringify([[...leases], alarms, auth], (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
  return beside(good) === beside(mutant);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error))
    .split("\n")
    .slice(0, 3)
    .join(" ")
    .slice(0, 300);
}
