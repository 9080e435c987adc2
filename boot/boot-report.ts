/** What `boot` tells of one backup. */
import type { Check, Phase } from "../etcd/report/report";
import { wallClock } from "../etcd/report/end";
import { TOOL } from "../etcd/report/tool";
import { overallVerdict } from "../etcd/report/verdict";
import { summarize, type SnapshotSummary } from "../etcd/snapshot/judgement";
import type { Snapshot } from "../etcd/snapshot/snapshot";
import type { BootResult } from "./boot";
import type { Isolation } from "./enclosure";
import type { KubernetesFigures } from "./kubernetes";

export interface BootReport {
  readonly schemaVersion: 1;
  readonly tool: string;
  /** `incomplete` when something could not be checked. */
  readonly verdict: "pass" | "fail" | "incomplete";
  readonly startedAt: string;
  /** Wall time of the whole run. */
  readonly seconds: number;
  readonly snapshot: SnapshotSummary;
  /** Version of the clone's etcd. */
  readonly etcdVersion: string;
  readonly isolation: Isolation;
  readonly phases: readonly Phase[];
  readonly checks: readonly Check[];
  /** Absent when no API server listed anything. */
  readonly kubernetes?: KubernetesFigures;
  /** What would happen next to a cluster on this store. */
  readonly notes: readonly string[];
}

export interface BootReportParts {
  readonly result: BootResult;
  readonly main: Snapshot;
  /** What people call the backup. */
  readonly file: string;
  readonly preflight: Phase;
  readonly startedAt: Date;
  readonly notes: readonly string[];
}

export function bootReport(parts: BootReportParts): BootReport {
  const { result, main, file, preflight, startedAt, notes } = parts;
  const { checks, kubernetes, etcdVersion, isolation } = result;
  const phases = [preflight, ...result.phases];
  return {
    ...{ schemaVersion: 1, tool: TOOL, verdict: overallVerdict(checks) },
    ...{ startedAt: startedAt.toISOString(), seconds: wallClock(startedAt, phases) },
    snapshot: { ...summarize(main), file },
    ...{ etcdVersion, isolation, phases, checks, notes },
    ...(kubernetes !== undefined && { kubernetes }),
  };
}
