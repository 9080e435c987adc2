/**
 * A full verification against what people do by hand, `etcdctl get "" --prefix -w json`, in the same minutes on the same
 * machine and server. Ours compares every key and value with the backup; etcdctl only prints them.
 *
 *     npx tsx test/bench/verification.ts [FILE]
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startEtcdServer } from "../support/etcd-server";
import { makeSnapshot } from "../support/make-snapshot";
import { measure, median, type Run } from "./measure";

/** Medians of a program's runs. */
export interface Figure {
  readonly seconds: number;
  readonly peakBytes: number;
}

export interface VerificationFigures {
  readonly keys: number;
  /** The whole process: start, reading of the file, full verification over TLS. */
  readonly verification: Figure;
  /** Of the part that reads the server back. */
  readonly keysPerSecond: number;
  readonly etcdctlGet: Figure;
}

const RUNS = 5;
const ENTRY = join(__dirname, "verification-entry.cjs");

/** Runs the benchmark. Default file: one of 300,000 keys and about 600 MB, made with a real etcd. */
export async function benchVerification(file?: string): Promise<VerificationFigures> {
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bench-"));
  try {
    const subject = file ?? join(directory, "bench.db");
    if (file === undefined) await makeSnapshot(subject, { keys: 300_000, valueBytes: 1250 });
    const flags = ["--quota-backend-bytes", String(2 ** 34)];
    const server = await startEtcdServer({ snapshot: subject, tls: true, flags });
    try {
      const endpointFile = join(directory, "endpoint.json");
      await writeFile(endpointFile, JSON.stringify(server.endpoint), { mode: 0o600 });
      return await compare([process.execPath, ENTRY, subject, endpointFile], server.etcdctlArgv);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function compare(
  verification: readonly string[],
  etcdctl: readonly string[],
): Promise<VerificationFigures> {
  // Its output is thrown away by the shell, which it replaces: it is not slowed down by a reader.
  const get = ["sh", "-c", 'exec "$@" >/dev/null', "sh", ...etcdctl, "get", ""];
  const etcdctlGet = [...get, "--prefix", "-w", "json"];
  const ours: Run[] = [];
  const theirs: Run[] = [];
  // Not counted: it warms the server, the file and the loader's cache.
  await measure(verification);
  for (let i = 0; i < RUNS; i++) {
    ours.push(await measure(verification));
    theirs.push(await measure(etcdctlGet));
  }
  const answers = ours.map(
    ({ stdout }) => JSON.parse(stdout) as { verdict: string; keys: number; keysPerSecond: number },
  );
  // A fast wrong answer is worth nothing.
  const wrong = answers.find(({ verdict }) => verdict !== "pass");
  if (wrong) throw new Error(`the verification did not pass: ${JSON.stringify(wrong)}`);
  return {
    keys: answers[0]?.keys ?? 0,
    verification: figureOf(ours),
    keysPerSecond: median(answers.map(({ keysPerSecond }) => keysPerSecond)),
    etcdctlGet: figureOf(theirs),
  };
}

function figureOf(runs: readonly Run[]): Figure {
  return {
    seconds: median(runs.map((run) => run.seconds)),
    peakBytes: median(runs.map((run) => run.peakBytes)),
  };
}

/** The figures as lines of text; ratios are the peer's divided by ours, so greater is better. */
export function describeVerification(figures: VerificationFigures): string {
  const { verification, etcdctlGet } = figures;
  const line = (name: string, { seconds, peakBytes }: Figure) =>
    `${name.padEnd(26)} ${seconds.toFixed(2).padStart(6)} s ${(peakBytes / 1e6).toFixed(0).padStart(5)} MB   ` +
    `time x${(seconds / verification.seconds).toFixed(2)}, memory x${(peakBytes / verification.peakBytes).toFixed(2)}`;
  return [
    `${figures.keys} keys over mutual TLS, median of ${RUNS} runs each, in turn`,
    `${line("full verification (ours)", verification)}, reading back ${figures.keysPerSecond} keys/s`,
    line("etcdctl get -w json", etcdctlGet),
  ].join("\n");
}

async function main(file?: string): Promise<void> {
  const figures = await benchVerification(file);
  process.stdout.write(`${describeVerification(figures)}\n`);
  const { verification, etcdctlGet } = figures;
  const good =
    verification.seconds < etcdctlGet.seconds && verification.peakBytes < etcdctlGet.peakBytes;
  process.exitCode = good ? 0 : 1;
}

if (process.argv[1] === __filename) {
  main(process.argv[2]).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 3;
  });
}
