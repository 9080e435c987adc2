/** The report for a person at a terminal, in its columns and at most 100 of them; its last line is the verdict. */
import Table from "cli-table3";
import pc from "picocolors";

import { wasRead } from "./end";
import { counted, duration, grouped, moment, size } from "../wire/figures";
import { causeOf, clusterText, mostFirst, sumOfPrefixes } from "./proof-words";
import type { Check, CheckVerdict, Report } from "./report";
import { brokenLines, fitted } from "../wire/lines";
import { visible } from "../wire/visible";
import { v2Proved, v2Same, v2State } from "./v2-words";

export interface TextOptions {
  /** Default: as the terminal and `NO_COLOR` say. */
  readonly color?: boolean | undefined;
  /** Of the terminal. Default and most: 100. */
  readonly columns?: number | undefined;
  /** Whether the verdict of a run that came to no verification says why. Default: it does. */
  readonly withReason?: boolean;
}

const MARKS: Readonly<Record<CheckVerdict, string>> = {
  pass: "ok",
  fail: "FAIL",
  explained: "explained",
  "not-checked": "not checked",
};
const GAP = 2;
const LABEL = 11;
const WIDEST = 100;
/** Differing keys that are named; the JSON has more. */
const NAMED_KEYS = 20;
/** Backups that were passed over and are named; the JSON has more. */
const NAMED_PASSED_OVER = 5;
/** Rows of the table by prefix, those with the most differences first; the JSON has all. */
const NAMED_PREFIXES = 10;

type Colors = ReturnType<typeof pc.createColors>;

/** The report as text, without a newline at its end. */
export function reportText(report: Report, options: TextOptions = {}): string {
  const colors = colorsOf(options);
  const line = Math.min(WIDEST, options.columns ?? WIDEST);
  return [
    ...headLines(report, colors, line),
    "",
    checkTable(report.checks, colors, line),
    ...differenceLines(report, colors, line),
    "",
    verdictLine(report, options),
  ].join("\n");
}

function colorsOf({ color }: TextOptions): Colors {
  return color === undefined ? pc : pc.createColors(color);
}

function headLines(report: Report, colors: Colors, line: number): string[] {
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

/** The checks, a row each, and the reasons below. */
export function checkTable(checks: readonly Check[], colors: Colors, line = WIDEST): string {
  const widths = checkColumns(line);
  const table = plainTable(widths);
  table.push(["", "check", "expected", "found"].map((title) => colors.dim(title)));
  for (const check of checks) {
    const paint = painter(check.verdict, colors);
    const told = [check.expected, check.found].map((text) =>
      digest(visible(text ?? ""), widths[3]),
    );
    table.push([paint(MARKS[check.verdict]), visible(check.title), ...told]);
    if (check.reason !== undefined) {
      table.push(["", { content: visible(check.reason), colSpan: 3, wordWrap: true }]);
    }
  }
  return trimLines(table.toString());
}

/** Verdict, title, expected and found: 11, 35, 23 and 23 of 100 columns, with gaps between them. */
function checkColumns(line: number): readonly [number, number, number, number] {
  const mark = 11;
  const rest = line - 2 - mark - 3 * GAP;
  const title = Math.round((rest * 35) / 81);
  const state = Math.floor((rest - title) / 2);
  return [mark, title, state, state];
}

function differenceLines({ differences }: Report, colors: Colors, line: number): string[] {
  const { total, byPrefix, details } = differences;
  if (total === 0) {
    return [];
  }
  const room = line - 38;
  const table = plainTable([room, 9, 9, 9], ["left", "right", "right", "right"]);
  table.push(["prefix", "missing", "extra", "changed"].map((title) => colors.dim(title)));
  const shown = mostFirst(byPrefix).slice(0, NAMED_PREFIXES);
  for (const { prefix, missing, extra, changed } of shown) {
    const name = prefix === "" ? "(no common prefix)" : fitted(visible(prefix), room);
    table.push([name, ...[missing, extra, changed].map((number) => grouped(number))]);
  }
  const prefixesMore = byPrefix.length - shown.length;
  const named = details.slice(0, NAMED_KEYS).map(({ key, difference, fields = [] }) => {
    const said = `${difference} ${fields.join(", ")}`.trimEnd();
    const how = fitted(said, Math.max(20, line - 36));
    return `  ${fitted(visible(key), line - 4 - how.length)}  ${colors.dim(how)}`;
  });
  const more = total - named.length;
  return [
    "",
    colors.bold(`${counted(total, "key")} ${total === 1 ? "differs" : "differ"}`),
    trimLines(table.toString()),
    ...(prefixesMore > 0
      ? [
          colors.dim(
            `and ${grouped(prefixesMore)} more ${prefixesMore === 1 ? "prefix" : "prefixes"}`,
          ),
        ]
      : []),
    "",
    ...named,
    ...(more > 0 ? [colors.dim(`  and ${grouped(more)} more`)] : []),
  ];
}

/** The one line that says it all: `PASS  337 of 337 keys are exactly what the backup holds (…)`. */
export function verdictLine(report: Report, options: TextOptions = {}): string {
  const colors = colorsOf(options);
  const { verdict, checks, snapshot, ended } = report;
  if (ended !== undefined) {
    const [word, paint] =
      verdict === "fail"
        ? (["FAIL", colors.red] as const)
        : (["INCOMPLETE", colors.yellow] as const);
    const reason = options.withReason === false ? "" : `: ${visible(ended.reason)}`;
    return `${paint(colors.bold(word))}  nothing was compared, the run ended in the phase ${ended.phase}${reason}`;
  }
  const ids = (wanted: CheckVerdict) =>
    checks
      .filter((check) => check.verdict === wanted)
      .map(({ id }) => id)
      .join(", ");
  switch (verdict) {
    case "pass": {
      if (report.v2 !== undefined) {
        return `${colors.green(colors.bold("PASS"))}  ${v2Proved(report, report.v2)}`;
      }
      const proof = `(revision ${snapshot.revision}, HashKV ${snapshot.hashKv})`;
      return `${colors.green(colors.bold("PASS"))}  ${proved(report)} ${proof}`;
    }
    case "fail": {
      return `${colors.red(colors.bold("FAIL"))}  ${causeOf(report) ?? failedKeys(report)}; failed: ${ids("fail")}`;
    }
    case "incomplete": {
      return `${colors.yellow(colors.bold("INCOMPLETE"))}  not proved; could not be checked: ${ids("not-checked")}`;
    }
  }
}

/** What a pass of each level proves. */
function proved(report: Report): string {
  switch (report.level) {
    case "quick":
      return `the hash over all ${counted(report.snapshot.keys, "key")} is that of the backup`;
    case "standard":
      return `${sameKeys(report)} are of the backup's revisions, and so is the hash over all`;
    case "full":
      return `${sameKeys(report)} are exactly what the backup holds`;
  }
}

function sameKeys(report: Report): string {
  const { snapshot, differences } = report;
  const { missing, changed } = sumOfPrefixes(differences);
  return `${grouped(snapshot.keys - missing - changed)} of ${counted(snapshot.keys, "key")}`;
}

/** How the keys are, of a run that failed: perhaps not because of them. */
function failedKeys(report: Report): string {
  const { snapshot, differences, checks, v2 } = report;
  if (v2 !== undefined) {
    return `${v2Same(v2)} are as the backup holds them, ${grouped(differences.total)} ${differences.total === 1 ? "key differs" : "keys differ"}`;
  }
  const looked = checks.some(({ id, verdict }) => id === "read-back" && verdict !== "not-checked");
  if (!looked && differences.total === 0) {
    return `the ${counted(snapshot.keys, "key")} of the backup were not read back`;
  }
  const kinds = Object.entries(sumOfPrefixes(differences)).filter(([, number]) => number > 0);
  const which = kinds.map(([kind, number]) => `${grouped(number)} ${kind}`).join(", ");
  const are = `as the backup at revision ${snapshot.revision} holds them`;
  return `${sameKeys(report)} are ${are}${which === "" ? "" : ` (${which})`}`;
}

/** Of a SHA-256 the beginning is enough to compare by eye; the head and the JSON have the whole. */
function digest(text: string, width: number): string {
  return /^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, Math.min(20, width - 1))}…` : text;
}

function painter(verdict: CheckVerdict, colors: Colors): (text: string) => string {
  switch (verdict) {
    case "pass":
      return colors.green;
    case "fail":
      return (text) => colors.red(colors.bold(text));
    case "explained":
    case "not-checked":
      return colors.yellow;
  }
}

/** A table of columns alone, which survives being pasted into a mail. */
function plainTable(
  widths: readonly number[],
  colAligns: Table.HorizontalAlignment[] = [],
): Table.Table {
  const nothing = [
    ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left"],
    ...["bottom-right", "left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"],
  ];
  return new Table({
    chars: Object.fromEntries(nothing.map((name) => [name, ""])),
    style: { "padding-left": 0, "padding-right": GAP, head: [], border: [] },
    colAligns,
    colWidths: widths.map((width) => width + GAP),
    wordWrap: true,
  });
}

function trimLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
