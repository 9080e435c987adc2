/**
 * A full verification against what people do by hand, `etcdctl get "" --prefix -w json`, in the same minutes on the same
 * machine and server. Ours compares every key and value with the backup; etcdctl only prints them.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startEtcdServer } from "../support/etcd-server";
import { figureLine, figureOf, measure, median, RUNS, type Figure, type Run } from "./measure";

export interface VerificationFigures {
  readonly keys: number;
  /** The whole process: start, reading of the file, full verification over TLS. */
  readonly verification: Figure;
  /** Of the part that reads the server back. */
  readonly keysPerSecond: number;
  readonly etcdctlGet: Figure;
}

const ENTRY = join(__dirname, "verification-entry.cjs");

/** Runs the benchmark: a server restored from the snapshot file, asked by both in turn. */
export async function benchVerification(file: string): Promise<VerificationFigures> {
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bench-"));
  const flags = ["--quota-backend-bytes", String(2 ** 34)];
  const server = await startEtcdServer({ snapshot: file, tls: true, flags });
  try {
    const endpointFile = join(directory, "endpoint.json");
    await writeFile(endpointFile, JSON.stringify(server.endpoint), { mode: 0o600 });
    return await compare([process.execPath, ENTRY, file, endpointFile], server.etcdctlArgv);
  } finally {
    await server.stop();
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

/** The figures as lines of text. */
export function describeVerification(figures: VerificationFigures): string {
  const { verification, etcdctlGet } = figures;
  return [
    `${figures.keys} keys over mutual TLS: the file read, every key read back and compared`,
    `${figureLine("full verification (ours)", verification, verification)}, ${figures.keysPerSecond} keys/s`,
    figureLine("etcdctl get -w json", etcdctlGet, verification),
  ].join("\n");
}
