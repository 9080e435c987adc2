/**
 * `backup --endpoint` against `etcdctl snapshot save`, in turn, of one server over mutual TLS: whole processes, as a user
 * runs them. Ours reads the file again from end to end and asks the server for its hash; etcdctl only saves it.
 */
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEtcdServer, type EtcdServer } from "../support/etcd-server";
import { figureLine, figureOf, measure, median, RUNS, type Figure, type Run } from "./measure";

export interface BackupFigures {
  readonly fileBytes: number;
  readonly backup: Figure;
  readonly snapshotSave: Figure;
  /** Medians, of the client's processors: what others do on this computer counts for less. */
  readonly cpuSeconds: { readonly backup: number; readonly snapshotSave: number };
}

const PROGRAM = join(__dirname, "..", "..", "scripts", "etcd-restore.cjs");

/** Runs the benchmark: a server restored from the snapshot file, backed up by both in turn. */
export async function benchBackup(file: string): Promise<BackupFigures> {
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bench-"));
  const flags = ["--quota-backend-bytes", String(2 ** 34)];
  const server = await startEtcdServer({ snapshot: file, tls: true, flags });
  try {
    const ours = join(directory, "ours.db");
    const theirs = join(directory, "theirs.db");
    const figures = await inTurn(await backupCommand(server, directory, ours), [
      ...server.etcdctlArgv,
      "snapshot",
      "save",
      theirs,
    ]);
    const [fileBytes, other] = [(await stat(ours)).size, (await stat(theirs)).size];
    if (fileBytes !== other) throw new Error(`ours has ${fileBytes} bytes, etcdctl's ${other}`);
    return { fileBytes, ...figures };
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function backupCommand(
  { url, endpoint }: EtcdServer,
  directory: string,
  output: string,
): Promise<readonly string[]> {
  const file = async (name: string, text = "") => {
    await writeFile(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const { ca, certificate, key } = endpoint.tls ?? {};
  return [
    ...[process.execPath, PROGRAM, "--quiet", "--json", "backup", "--endpoint", url],
    ...["--cacert", await file("ca.crt", ca), "--cert", await file("client.crt", certificate)],
    ...["--key", await file("client.key", key), "-o", output, "--overwrite"],
  ];
}

interface Measured {
  readonly run: Run;
  readonly cpuSeconds: number;
}

async function inTurn(
  backup: readonly string[],
  snapshotSave: readonly string[],
): Promise<Omit<BackupFigures, "fileBytes">> {
  // Not counted: it warms the server, the disk and the loader's cache.
  await measure(backup);
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  for (let i = 0; i < RUNS; i++) {
    ours.push(await withCpu(backup));
    theirs.push(await withCpu(snapshotSave));
  }
  const cpu = (all: readonly Measured[]) => median(all.map(({ cpuSeconds }) => cpuSeconds));
  return {
    backup: figureOf(ours.map(({ run }) => run)),
    snapshotSave: figureOf(theirs.map(({ run }) => run)),
    cpuSeconds: { backup: cpu(ours), snapshotSave: cpu(theirs) },
  };
}

async function withCpu(command: readonly string[]): Promise<Measured> {
  const before = childSeconds();
  const run = await measure(command);
  return { run, cpuSeconds: childSeconds() - before };
}

/** Of the processors, by this process's children that have ended (proc(5), fields 16 and 17, in hundredths of a second). */
function childSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** The figures as lines of text. */
export function describeBackup({
  fileBytes,
  backup,
  snapshotSave,
  cpuSeconds,
}: BackupFigures): string {
  const megabytes = (fileBytes / 1e6).toFixed(0);
  return [
    `a backup of ${megabytes} MB over mutual TLS: ours is read again and compared with the server's hash`,
    figureLine("backup (ours)", backup, backup),
    figureLine("etcdctl snapshot save", snapshotSave, backup),
    `of processors: ours ${cpuSeconds.backup.toFixed(2)} s, etcdctl ${cpuSeconds.snapshotSave.toFixed(2)} s`,
  ].join("\n");
}
