/** Lines of a history for tests: those of a drill that passed, on one day after the other. */
import { entryOf } from "../../evidence/entry";
import type { HistoryEntry } from "../../evidence/history";
import type { Report } from "../../etcd/report/report";
import { readReport } from "../etcd/report/reports";

/** The report of a drill that passed. */
export const drilled: Report = {
  ...readReport("pass"),
  drill: {
    ...{ name: "drill-aaaaaaaa-htllg", target: "local", source: "/backups" },
    taken: { at: "2026-11-28T01:00:00.000Z", from: "manifest", ageSeconds: 60 },
  },
};

export function entry(day: number): HistoryEntry {
  const made = entryOf(
    { ...drilled, startedAt: new Date(Date.UTC(2026, 0, day)).toISOString() },
    0,
  );
  if (made === undefined) throw new Error("no entry");
  return made;
}
