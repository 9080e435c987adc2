/**
 * The commands `inspect`, `ls` and `get` on a snapshot file, as a user runs them, against the programs that people use
 * for parts of it, in turn on one machine.
 */
import { copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ensureEtcd } from "../../machine/programs/programs";
import { figureLine, figureOf, measure, RUNS, type Figure, type Run } from "./measure";

export interface LookInsideFigures {
  readonly fileBytes: number;
  readonly inspect: Figure;
  readonly snapshotStatus: Figure;
  /** Of etcdutl 3.7, on a copy: it opens the file for writing. The copying is not counted. */
  readonly hashKv: Figure;
  readonly sha256sum: Figure;
  readonly ls: Figure;
  readonly get: Figure;
}

const PROGRAM = join(__dirname, "..", "..", "scripts", "etcd-restore.cjs");
const ours = (...args: string[]) => [process.execPath, PROGRAM, ...args];

/** Runs the benchmark on a snapshot file that `makeSnapshot` made. */
export async function benchLookInside(file: string): Promise<LookInsideFigures> {
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bench-"));
  try {
    const copy = join(directory, "copy.db");
    await copyFile(file, copy);
    const [{ etcdutl: status }, { etcdutl: hash }] = [
      await ensureEtcd("3.6"),
      await ensureEtcd("3.7"),
    ];
    const commands = {
      inspect: ours("--quiet", "--json", "inspect", file),
      snapshotStatus: [status, "snapshot", "status", file, "-w", "json"],
      hashKv: [hash, "hashkv", copy, "-w", "json"],
      sha256sum: ["sha256sum", file],
      ls: ours("ls", "/registry", "--file", file),
      get: ours("get", "compact_rev_key", "--file", file),
    };
    const names = Object.keys(commands) as (keyof typeof commands)[];
    const runs = new Map<string, Run[]>(names.map((name) => [name, []]));
    // Not counted: it warms the file and the loader's cache.
    await measure(commands.inspect);
    for (let i = 0; i < RUNS; i++) {
      for (const name of names) runs.get(name)?.push(await measure(commands[name]));
    }
    assertSameAnswers((name) => runs.get(name)?.[0]?.stdout ?? "");
    const figure = (name: keyof typeof commands) => figureOf(runs.get(name) ?? []);
    return {
      fileBytes: (await stat(file)).size,
      inspect: figure("inspect"),
      snapshotStatus: figure("snapshotStatus"),
      hashKv: figure("hashKv"),
      sha256sum: figure("sha256sum"),
      ls: figure("ls"),
      get: figure("get"),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A fast wrong answer is worth nothing. */
function assertSameAnswers(answer: (name: string) => string): void {
  const found = JSON.parse(answer("inspect")) as { sha256: string; keys: number; hashKv: number };
  const status = JSON.parse(answer("snapshotStatus")) as { totalKey: number };
  const { hash } = JSON.parse(answer("hashKv")) as { hash: number };
  const sum = answer("sha256sum").split(" ")[0];
  if (found.sha256 !== sum || found.keys !== status.totalKey || found.hashKv !== hash) {
    const { sha256, keys, hashKv } = found;
    throw new Error(
      `the programs disagree: ${JSON.stringify({ sha256, keys, hashKv, status, hash, sum })}`,
    );
  }
  if (!answer("ls").includes("/registry/pods/") || answer("get").trim() !== "1") {
    throw new Error(`ls or get answered something else: ${answer("ls")}${answer("get")}`);
  }
}

/** The figures as lines of text. */
export function describeLookInside(figures: LookInsideFigures): string {
  const { inspect, snapshotStatus, hashKv, sha256sum, ls, get } = figures;
  const sum = snapshotStatus.seconds + hashKv.seconds + sha256sum.seconds;
  return [
    "inspect: all of the next three, and what the file holds",
    figureLine("inspect (ours)", inspect, inspect),
    figureLine("etcdutl snapshot status", snapshotStatus, inspect),
    figureLine("etcdutl hashkv (3.7)", hashKv, inspect),
    figureLine("sha256sum", sha256sum, inspect),
    `the three together ${sum.toFixed(2)} s: time x${(sum / inspect.seconds).toFixed(2)}`,
    `ls ${ls.seconds.toFixed(2)} s, get ${get.seconds.toFixed(2)} s, ${(get.peakBytes / 1e6).toFixed(0)} MB`,
  ].join("\n");
}
