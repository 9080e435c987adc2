import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";

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
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
  } catch {
    return 0; // It has ended.
  }
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
