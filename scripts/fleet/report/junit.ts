/** The report over many as JUnit XML: one case a backup, in the form that `etcd/report/junit.ts` keeps to as well. */
import { lines, markup, type Markup } from "../../../etcd/report/markup";
import type { FleetReport, FleetRow } from "./fleet-report";

export function fleetJunit({ rows, madeAt }: FleetReport): string {
  const failures = rows.filter((row) => !isGood(row)).length;
  const seconds = rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0).toFixed(3);
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="etcd-restore" tests="${rows.length}" failures="${failures}" errors="0" time="${seconds}">
  <testsuite name="etcd-restore.fleet" tests="${rows.length}" failures="${failures}" errors="0" skipped="0" time="${seconds}" timestamp="${madeAt}">
${rows.map(caseOf)}  </testsuite>
</testsuites>
`.markup;
}

function isGood({ verdict }: FleetRow): boolean {
  return verdict === "pass" || verdict === "restorable";
}

function caseOf(row: FleetRow): Markup {
  const { name, verdict, reason = "", seconds = 0 } = row;
  const about = lines(detailsOf(row));
  const inside = isGood(row)
    ? markup`<system-out>${about}</system-out>`
    : markup`<failure type="${verdict}" message="${reason}">${about}</failure>`;
  return markup`    <testcase classname="etcd-restore.fleet" name="${name}" time="${seconds.toFixed(3)}">${inside}</testcase>\n`;
}

function detailsOf({
  verdict,
  source,
  level,
  endedAt,
  takenAt,
  sha256,
  failed,
}: FleetRow): string[] {
  const parts = {
    ...{ verdict, source, level, "ended at": endedAt, "backup taken at": takenAt, sha256 },
    "failed checks": failed.length === 0 ? undefined : failed.join(", "),
  };
  return Object.entries(parts).flatMap(([name, text]) =>
    text === undefined ? [] : [`${name}: ${text}`],
  );
}
