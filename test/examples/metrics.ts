/** Names of the metrics that a drill's report has, from the printer itself. */
import { prometheusReport } from "../../etcd/report/prometheus";
import { readReport } from "../etcd/report/reports";

const drill = {
  ...{ name: "drill-aaaaaaaa-htllg", target: "local" as const, source: "/backups" },
  taken: { at: "2026-11-28T01:00:00.000Z", from: "manifest", ageSeconds: 60 },
  history: { drills: 1, lastPass: "2026-11-28T01:00:00.000Z", recent: [] },
};

export const METRICS = [
  ...prometheusReport({ ...readReport("pass"), drill }).matchAll(/^# TYPE (\S+)/gm),
].map(([, name]) => name);
