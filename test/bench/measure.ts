import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { peakMegabytes } from "../support/peak-memory.cjs";

/** One run of a program. */
export interface Run {
  readonly stdout: string;
  readonly seconds: number;
  /** Peak resident memory of the whole process. */
  readonly peakBytes: number;
}

const GNU_TIME = "/usr/bin/time";
const MARK = "peak-kilobytes:";
const SAMPLE_MS = 5;

/**
 * Runs a program to its end and measures it. Peak memory comes from the kernel's account of the ended process (GNU
 * time), or, where that is not installed, from /proc while it runs.
 */
export async function measure(command: readonly string[]): Promise<Run> {
  const withTime = existsSync(GNU_TIME);
  const [program = "", ...args] = withTime ? [GNU_TIME, "-f", `${MARK}%M`, ...command] : command;
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  let sampled = 0;
  const sampler = withTime
    ? undefined
    : setInterval(() => {
        sampled = Math.max(sampled, peakOf(child.pid ?? 0));
      }, SAMPLE_MS);
  await once(child, "close");
  const seconds = (performance.now() - started) / 1000;
  clearInterval(sampler);
  if (child.exitCode !== 0) {
    throw new Error(`${command.join(" ")} ended with ${String(child.exitCode)}:\n${stderr}`);
  }
  const kilobytes = withTime ? Number(stderr.split(MARK).at(-1)) : sampled;
  return { stdout, seconds, peakBytes: kilobytes * 1024 };
}

function peakOf(pid: number): number {
  try {
    return peakMegabytes(pid) * 1024 || 0;
  } catch {
    return 0; // It has ended.
  }
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** How often each program is run. */
export const RUNS = 5;

/** Medians of a program's runs. */
export interface Figure {
  readonly seconds: number;
  readonly peakBytes: number;
}

export function figureOf(runs: readonly Run[]): Figure {
  return {
    seconds: median(runs.map((run) => run.seconds)),
    peakBytes: median(runs.map((run) => run.peakBytes)),
  };
}

/** A program's figures beside ours; the ratios are its own divided by ours, so greater is better for us. */
export function figureLine(name: string, { seconds, peakBytes }: Figure, ours: Figure): string {
  const ratios = `time x${(seconds / ours.seconds).toFixed(2)}, memory x${(peakBytes / ours.peakBytes).toFixed(2)}`;
  const megabytes = `${(peakBytes / 1e6).toFixed(0)} MB`;
  return `${name.padEnd(26)} ${seconds.toFixed(2).padStart(6)} s ${megabytes.padStart(8)}   ${ratios}`;
}
