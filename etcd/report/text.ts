/** The report for a person at a terminal, in its columns and at most 100 of them; its last line is the verdict. */
import { counted, grouped } from "../wire/figures";
import { mostFirst } from "./cause";
import type { Check, CheckVerdict, Report } from "./report";
import { fitted } from "../wire/lines";
import { visible } from "../wire/visible";
import {
  colorsOf,
  GAP,
  plainTable,
  trimLines,
  WIDEST,
  type Colors,
  type TextOptions,
} from "./text-columns";
import { headLines } from "./text-head";
import { verdictLine } from "./verdict-line";

const MARKS: Readonly<Record<CheckVerdict, string>> = {
  pass: "ok",
  fail: "FAIL",
  explained: "explained",
  "not-checked": "not checked",
};

/** Differing keys that are named; the JSON has more. */
const NAMED_KEYS = 20;
/** Rows of the table by prefix, those with the most differences first; the JSON has all. */
const NAMED_PREFIXES = 10;

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
