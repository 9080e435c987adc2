/**
 * The preflight of a snapshot file against the programs that people use for parts of it, in the same minutes on the
 * same machine.
 *
 *     node --require ./engine/typescript.cjs test/bench/preflight.ts [FILE]
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ensureEtcd } from "../../machine/programs/programs";
import { makeSnapshot } from "../support/make-snapshot";
import { figureLine, figureOf, measure, median, RUNS, type Figure, type Run } from "./measure";

export interface PreflightFigures {
  readonly fileBytes: number;
  readonly preflight: Figure;
  readonly snapshotStatus: Figure;
  readonly sha256sum: Figure;
  /** Peak memory of the preflight, of two files with as many keys and ten times the value bytes. */
  readonly peakBytesByValues: { readonly small: number; readonly large: number };
}

const ENTRY = join(__dirname, "preflight-entry.cjs");
const preflightOf = (file: string) => [process.execPath, ENTRY, file];

/** Runs the benchmark on a snapshot file. */
export async function benchPreflight(file: string): Promise<PreflightFigures> {
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bench-"));
  try {
    const comparison = await compareWithPeers(file);
    const small = join(directory, "small.db");
    const large = join(directory, "large.db");
    await makeSnapshot(small, { keys: 30_000, valueBytes: 2000 });
    await makeSnapshot(large, { keys: 30_000, valueBytes: 20_000 });
    return {
      ...comparison,
      peakBytesByValues: { small: await peakOfRuns(small), large: await peakOfRuns(large) },
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function compareWithPeers(
  file: string,
): Promise<Omit<PreflightFigures, "peakBytesByValues">> {
  const { etcdutl } = await ensureEtcd("3.6");
  const commands = {
    preflight: preflightOf(file),
    snapshotStatus: [etcdutl, "snapshot", "status", file, "-w", "json"],
    sha256sum: ["sha256sum", file],
  };
  const runs: Record<keyof typeof commands, Run[]> = {
    preflight: [],
    snapshotStatus: [],
    sha256sum: [],
  };
  // Not counted: it warms the file and the loader's cache.
  await measure(commands.preflight);
  for (let i = 0; i < RUNS; i++) {
    runs.preflight.push(await measure(commands.preflight));
    runs.snapshotStatus.push(await measure(commands.snapshotStatus));
    runs.sha256sum.push(await measure(commands.sha256sum));
  }
  assertSameAnswers(runs);
  return {
    fileBytes: (await stat(file)).size,
    preflight: figureOf(runs.preflight),
    snapshotStatus: figureOf(runs.snapshotStatus),
    sha256sum: figureOf(runs.sha256sum),
  };
}

/** A fast wrong answer is worth nothing. */
function assertSameAnswers(runs: Record<string, readonly Run[]>): void {
  const answer = (name: string) => runs[name]?.[0]?.stdout ?? "";
  const ours = JSON.parse(answer("preflight")) as {
    sha256: string;
    revision: number;
    keys: number;
  };
  const status = JSON.parse(answer("snapshotStatus")) as { revision: number; totalKey: number };
  const sum = answer("sha256sum").split(" ")[0];
  if (ours.sha256 !== sum || ours.revision !== status.revision || ours.keys !== status.totalKey) {
    throw new Error(`the programs disagree: ${JSON.stringify({ ours, status, sum })}`);
  }
}

async function peakOfRuns(file: string): Promise<number> {
  const peaks = [];
  for (let i = 0; i < RUNS; i++) peaks.push((await measure(preflightOf(file))).peakBytes);
  return median(peaks);
}

/** The figures as lines of text. */
export function describePreflight(figures: PreflightFigures): string {
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  const { preflight, peakBytesByValues } = figures;
  return [
    `file of ${mb(figures.fileBytes)}: sha256, structure, HashKV, live keys`,
    figureLine("preflight (ours)", preflight, preflight),
    figureLine("etcdutl snapshot status", figures.snapshotStatus, preflight),
    figureLine("sha256sum", figures.sha256sum, preflight),
    `30,000 keys with 60 MB of values: ${mb(peakBytesByValues.small)}; with 600 MB: ${mb(peakBytesByValues.large)}`,
  ].join("\n");
}
