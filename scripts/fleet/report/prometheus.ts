/** The report over many as Prometheus text, for node_exporter's textfile collector. A series for each backup, by the list's names. */
import {
  metricsText,
  unixSeconds,
  type Metric,
  type Sample,
} from "../../../etcd/report/metrics-text";
import type { FleetReport } from "./fleet-report";

/** They describe what was merged. */
export function fleetMetrics(report: FleetReport): string {
  const { backups, counts, coverage, evidence, madeAt, rows, unreadable } = report;
  return metricsText([
    metric("backups", "Backups of the fleet.", [{ value: backups }]),
    metric(
      "verdict",
      "Backups by the verdict of their newest result.",
      Object.entries(counts).map(([verdict, value]) => ({ labels: { verdict }, value })),
    ),
    metric("proved_ratio", "Share of the fleet that passed within the window of the coverage.", [
      { value: coverage.share },
    ]),
    metric("proved_window_seconds", "Window of the coverage.", [{ value: coverage.withinSeconds }]),
    metric("unreadable_results", "Results that could not be read.", [{ value: unreadable.length }]),
    metric("evidence_problems", "Results that were altered, removed or put in.", [
      { value: evidence.problems.length },
    ]),
    metric(
      "merged_timestamp_seconds",
      "When this was put together, Unix time. Alert on its age as well.",
      [{ value: unixSeconds(madeAt) }],
    ),
    metric(
      "backup_good",
      "Whether the newest result of a backup is good (1), or not (0).",
      rows.map(({ name: backup, verdict }) => ({
        labels: { backup },
        value: verdict === "pass" || verdict === "restorable" ? 1 : 0,
      })),
    ),
    metric(
      "backup_last_pass_timestamp_seconds",
      "When a backup passed last, Unix time; absent for one that never did.",
      rows.flatMap(({ name: backup, lastPass }) =>
        lastPass === undefined ? [] : [{ labels: { backup }, value: unixSeconds(lastPass) }],
      ),
    ),
  ]);
}

function metric(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `etcd_restore_fleet_${name}`, help, samples };
}
