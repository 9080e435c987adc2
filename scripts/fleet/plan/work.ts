/** What it takes to prove one backup, by its size: from measurements on two cores of a computer of 2026. */
import { forecastBySize } from "../../../etcd/inspect/forecast";
import type { Level } from "../words";

export interface Work {
  /** Processor time. */
  readonly coreSeconds: number;
  /** From its beginning to its end, on a core of its own. */
  readonly seconds: number;
  readonly memoryBytes: number;
  /** Room in the drills' folder: the backup as it was fetched, and the restored store. */
  readonly diskBytes: number;
}

/** A process that only reads: as much as it may hold before another one takes over, and an index entry for each key. */
const READER_BYTES = 384 * 2 ** 20;

/**
 * Core-seconds for a drill whatever its size, its etcd included, and for each 100 MiB of the backup: in a process that had done
 * others before (docs/many.md has the runs).
 */
const COSTS: Readonly<Record<Level, { readonly fixed: number; readonly per100MiB: number }>> = {
  file: { fixed: 0.06, per100MiB: 1.5 },
  quick: { fixed: 2.4, per100MiB: 6 },
  standard: { fixed: 2.4, per100MiB: 7 },
  full: { fixed: 2.5, per100MiB: 8 },
};

/** Memory for one at work; the room in which those of a run are shared out reckons with the same. */
export function memoryFor(bytes: number, level: Level): number {
  return level === "file" ? READER_BYTES + bytes / 2 : forecastBySize(bytes).memoryBytes;
}

export function workOf(bytes: number, level: Level): Work {
  const { fixed, per100MiB } = COSTS[level];
  const coreSeconds = fixed + (per100MiB * bytes) / (100 * 2 ** 20);
  const { diskBytes, restoreSeconds } = forecastBySize(bytes);
  return {
    coreSeconds,
    seconds: level === "file" ? coreSeconds : Math.max(coreSeconds, restoreSeconds),
    memoryBytes: memoryFor(bytes, level),
    diskBytes: level === "file" ? bytes : diskBytes,
  };
}
