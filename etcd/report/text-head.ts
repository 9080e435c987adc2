/** The head of a report as text: what was compared with what, when, and how long it took. */
import { counted, duration, moment, size } from "../wire/figures";
import { brokenLines } from "../wire/lines";
import { visible } from "../wire/visible";
import { wasRead } from "./end";
import { clusterText } from "./proof-words";
import type { Report } from "./report";
import { type Colors, LABEL } from "./text-columns";
import { v2Same, v2State } from "./v2-words";

/** Backups that were passed over and are named; the JSON has more. */
const NAMED_PASSED_OVER = 5;

export function headLines(report: Report, colors: Colors, line: number): string[] {
  const { snapshot, restored, source, cluster, stack, ended, v2 } = report;
  const state = (store: typeof snapshot | typeof restored) =>
    `revision ${store.revision}, compacted to ${store.compactRevision}, ${counted(store.keys, "key")}, HashKV ${store.hashKv}`;
  const rows: (readonly [label: string, text: string])[] = [
    ...(stack === undefined ? [] : [["stack", visible(stack)] as const]),
    ["backup", visible(snapshot.file)],
    ...(wasRead(report)
      ? [
          [
            "",
            `${size(snapshot.bytes)}, written by etcd ${visible(snapshot.etcdVersion)}`,
          ] as const,
          ["", `sha256 ${snapshot.sha256}`] as const,
          ...(v2 === undefined ? [] : [["", v2State(v2)] as const]),
          ...(v2 !== undefined && snapshot.keys === 0 ? [] : [["", state(snapshot)] as const]),
        ]
      : []),
    ...(source
      ? [
          [
            "source",
            `revision ${source.revision}, HashKV ${source.hashKv ?? "not comparable"}, ${moment(source.takenAt)}`,
          ] as const,
        ]
      : []),
    ...(cluster ? [["cluster", clusterText(cluster)] as const] : []),
    ...(ended === undefined
      ? [
          [
            "restored",
            `${visible(restored.endpoint)}, etcd ${visible(restored.etcdVersion) || "?"}`,
          ] as const,
          ...(v2 === undefined
            ? []
            : [["", `${v2Same(v2)} the same, index ${v2.servedIndex}`] as const]),
          ...(v2 !== undefined && restored.keys === 0 ? [] : [["", state(restored)] as const]),
        ]
      : []),
    ...timeLines(report, line).map((times, i) => [i === 0 ? "time" : "", times] as const),
    ...drillRows(report),
  ];
  return [
    ...brokenLines(
      `${visible(report.tool)}, level ${report.level}, ${moment(report.startedAt)}`,
      line,
    ).map((part) => colors.bold(part)),
    ...rows.flatMap(([label, text]) =>
      brokenLines(text, line - LABEL).map(
        (part, i) => colors.dim((i === 0 ? label : "").padEnd(LABEL)) + part,
      ),
    ),
  ];
}

/** What a drill adds: how the backup was chosen, how old it is, and how the drills before it went. */
function drillRows({ drill }: Report): (readonly [label: string, text: string])[] {
  if (drill === undefined) return [];
  const { source, taken, passedOver = [], random, history } = drill;
  const drawn = random === undefined ? "" : `, drawn among ${random.among} by seed ${random.seed}`;
  return [
    ["chosen", `from ${visible(source)}${visible(drawn)}`],
    ...passedOver
      .slice(0, NAMED_PASSED_OVER)
      .map(({ name, reason }) => ["", visible(`passed over ${name}: ${reason}`)] as const),
    ...(taken === undefined
      ? []
      : [["taken", `${moment(taken.at)}, by its ${taken.from}`] as const]),
    ...(history === undefined
      ? []
      : [
          [
            "history",
            `${counted(history.drills, "drill")}, last passed: ${history.lastPass === undefined ? "never" : moment(history.lastPass)}`,
          ] as const,
        ]),
    ...(history?.statement === undefined ? [] : [["", history.statement] as const]),
  ];
}

/** The whole run, and what its phases took of it; a phase that does not fit on a line begins the next. */
function timeLines({ phases, seconds }: Report, width: number): readonly string[] {
  // What took no time that anybody can tell is in the other forms of the report.
  const told = phases.length > 6 ? phases.filter((phase) => phase.seconds >= 0.1) : phases;
  const [first, ...rest] = told.map((phase) => `${phase.name} ${duration(phase.seconds)}`);
  const lines = [[duration(seconds), ...(first === undefined ? [] : [first])].join(": ")];
  for (const phase of rest) {
    const line = lines.pop() ?? "";
    const longer = `${line}, ${phase}`;
    lines.push(...(longer.length < width - LABEL ? [longer] : [`${line},`, phase]));
  }
  return lines;
}
