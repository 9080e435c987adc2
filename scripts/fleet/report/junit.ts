/** The report over many as JUnit XML: one case a backup. */
import { junitText, partLines, type TestCase } from "../../../etcd/report/junit-suite";
import type { FleetReport, FleetRow } from "./fleet-report";

export function fleetJunit({ rows, madeAt }: FleetReport): string {
  return junitText({
    ...{ name: "etcd-restore.fleet", timestamp: madeAt, cases: rows.map(caseOf) },
    seconds: rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0),
  });
}

function isGood({ verdict }: FleetRow): boolean {
  return verdict === "pass" || verdict === "restorable";
}

function caseOf(row: FleetRow): TestCase {
  const { name, verdict, reason = "", seconds = 0 } = row;
  const told = { classname: "etcd-restore.fleet", name, seconds, details: detailsOf(row) };
  return isGood(row)
    ? { ...told, outcome: "passed" }
    : { ...told, outcome: "failure", type: verdict, message: reason };
}

function detailsOf({ verdict, source, level, endedAt, takenAt, sha256, failed }: FleetRow) {
  return partLines({
    ...{ verdict, source, level, "ended at": endedAt, "backup taken at": takenAt, sha256 },
    "failed checks": failed.length === 0 ? undefined : failed.join(", "),
  });
}
