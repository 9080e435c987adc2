/**
 * The report as Prometheus text for node_exporter's textfile collector. No sample has a time of
 * its own (the collector refuses those) and no label comes from the store: the number of series stays the same for ever.
 */
import { wasRead } from "./end";
import { metricsText, unixSeconds, type Metric, type Sample } from "./metrics-text";
import type { Check, CheckVerdict, Report } from "./report";

/** They describe the one run that wrote the file. */
export function prometheusReport(report: Report): string {
  return metricsText(metrics(report));
}

function metrics(report: Report): Metric[] {
  const { snapshot, source, differences } = report;
  const one = (name: string, help: string, value: number): Metric => ({
    name: `etcd_restore_${name}`,
    help,
    samples: [{ value }],
  });
  return [
    one(
      "verification_success",
      "Whether the restored etcd was proved to be what the backup holds (1), or not (0: failed or incomplete).",
      report.verdict === "pass" ? 1 : 0,
    ),
    one(
      "last_run_timestamp_seconds",
      "When the last run ended, Unix time. Alert on its age as well: a run that never starts reports nothing.",
      unixSeconds(report.startedAt) + report.seconds,
    ),
    one("duration_seconds", "Wall time of the whole run.", report.seconds),
    {
      name: "etcd_restore_phase_duration_seconds",
      help: "Wall time of each phase of the run.",
      samples: summedPhases(report),
    },
    ...(source === undefined
      ? []
      : [
          one(
            "snapshot_taken_timestamp_seconds",
            "When the backup was taken, Unix time, as its manifest says; absent without a manifest.",
            unixSeconds(source.takenAt),
          ),
        ]),
    ...(wasRead(report)
      ? [
          one("snapshot_keys", "Live keys in the backup.", snapshot.keys),
          one("snapshot_bytes", "Size of the backup file.", snapshot.bytes),
          one("snapshot_revision", "Revision of the store in the backup.", snapshot.revision),
        ]
      : []),
    ...(report.v2 === undefined
      ? []
      : [one("snapshot_v2_keys", "Keys of the v2 store in the backup.", report.v2.keys)]),
    ...drillMetrics(report, one),
    one(
      "differences",
      "Keys that are missing, extra or changed in the restored etcd.",
      differences.total,
    ),
    {
      name: "etcd_restore_check_status",
      help: "Verdict of each check: 1 for the verdict that it has, 0 for the others.",
      samples: checkStates(report.checks),
    },
  ];
}

/** What a drill knows besides; absent where it does not know it, so that no alert takes a 0 for an answer. */
function drillMetrics(
  { drill, verdict, startedAt, seconds }: Report,
  one: (name: string, help: string, value: number) => Metric,
): Metric[] {
  if (drill === undefined) return [];
  const { taken, history } = drill;
  const lastPass =
    verdict === "pass"
      ? unixSeconds(startedAt) + seconds
      : history?.lastPass === undefined
        ? undefined
        : unixSeconds(history.lastPass);
  return [
    ...(taken === undefined
      ? []
      : [
          one(
            "backup_age_seconds",
            "Age of the backup when the drill ended, by its manifest or the time of its file.",
            taken.ageSeconds,
          ),
        ]),
    ...(lastPass === undefined
      ? []
      : [
          one(
            "last_success_timestamp_seconds",
            "When the last drill that passed ended, Unix time: of this one or, after one that failed, of the history.",
            lastPass,
          ),
        ]),
    ...(history === undefined
      ? []
      : [one("history_drills", "Drills in the history, this one included.", history.drills)]),
  ];
}

// Two samples with the same labels make the collector refuse the whole file, so what comes twice is added up.
function summedPhases({ phases }: Report): Sample[] {
  const sums = new Map<string, number>();
  for (const { name, seconds } of phases) sums.set(name, (sums.get(name) ?? 0) + seconds);
  return [...sums].map(([phase, value]) => ({ labels: { phase }, value }));
}

const BEST_FIRST: readonly CheckVerdict[] = ["pass", "explained", "not-checked", "fail"];

function checkStates(checks: readonly Check[]): Sample[] {
  const worst = new Map<string, number>();
  for (const { id, verdict } of checks) {
    // A name that does not look like one of ours is not let into a label: it may be a key.
    const name = /^[a-z0-9]+(-[a-z0-9]+)*$/.test(id) && id.length <= 64 ? id : "other";
    worst.set(name, Math.max(worst.get(name) ?? 0, BEST_FIRST.indexOf(verdict)));
  }
  return [...worst].flatMap(([check, rank]) =>
    BEST_FIRST.map((verdict, index) => ({
      labels: { check, verdict },
      value: index === rank ? 1 : 0,
    })),
  );
}
