/**
 * The preflight of a snapshot file against the programs that people use for parts of it, in the same minutes on the
 * same machine.
 *
 *     npx tsx test/bench/preflight.ts [FILE]
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ensureEtcd } from "../../etcd/machine/programs";
import { makeSnapshot } from "../support/make-snapshot";
import { measure, median, type Run } from "./measure";

/** Medians of a program's runs. */
export interface Figure {
  readonly seconds: number;
  readonly peakBytes: number;
}

export interface PreflightFigures {
  readonly fileBytes: number;
  readonly preflight: Figure;
  readonly snapshotStatus: Figure;
  readonly sha256sum: Figure;
  /** Peak memory of the preflight, of two files with as many keys and ten times the value bytes. */
  readonly peakBytesByValues: { readonly small: number; readonly large: number };
}

const RUNS = 5;
const ENTRY = join(__dirname, "preflight-entry.cjs");
const preflightOf = (file: string) => [process.execPath, ENTRY, file];

/** Runs the benchmark. Default file: one of 300,000 keys and about 600 MB, made with a real etcd. */
export async function benchPreflight(file?: string): Promise<PreflightFigures> {
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bench-"));
  try {
    const subject = file ?? join(directory, "bench.db");
    if (file === undefined) await makeSnapshot(subject, { keys: 300_000, valueBytes: 1250 });
    const comparison = await compareWithPeers(subject);
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

function figureOf(runs: readonly Run[]): Figure {
  return {
    seconds: median(runs.map((run) => run.seconds)),
    peakBytes: median(runs.map((run) => run.peakBytes)),
  };
}

async function peakOfRuns(file: string): Promise<number> {
  const peaks = [];
  for (let i = 0; i < RUNS; i++) peaks.push((await measure(preflightOf(file))).peakBytes);
  return median(peaks);
}

/** The figures as lines of text; ratios are the peer's divided by ours, so greater is better. */
export function describePreflight(figures: PreflightFigures): string {
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  const { preflight, peakBytesByValues } = figures;
  const line = (name: string, { seconds, peakBytes }: Figure) =>
    `${name.padEnd(26)} ${seconds.toFixed(2).padStart(6)} s ${mb(peakBytes).padStart(8)}   ` +
    `time x${(seconds / preflight.seconds).toFixed(2)}, memory x${(peakBytes / preflight.peakBytes).toFixed(2)}`;
  return [
    `file of ${mb(figures.fileBytes)}, median of ${RUNS} runs each, in turn`,
    line("preflight (ours)", preflight),
    line("etcdutl snapshot status", figures.snapshotStatus),
    line("sha256sum", figures.sha256sum),
    `30,000 keys with 60 MB of values: ${mb(peakBytesByValues.small)}; with 600 MB: ${mb(peakBytesByValues.large)}`,
  ].join("\n");
}

async function main(file?: string): Promise<void> {
  const figures = await benchPreflight(file);
  process.stdout.write(`${describePreflight(figures)}\n`);
  const { preflight, snapshotStatus, sha256sum } = figures;
  const good =
    preflight.seconds < Math.min(snapshotStatus.seconds, sha256sum.seconds) &&
    preflight.peakBytes * 4 <= snapshotStatus.peakBytes;
  process.exitCode = good ? 0 : 1;
}

if (process.argv[1] === __filename) {
  main(process.argv[2]).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 3;
  });
}
