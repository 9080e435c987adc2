/** The report as GitHub-flavoured Markdown, for the summary of a pipeline's run. */
import { wasRead } from "./end";
import { counted, duration, grouped, moment, size } from "../wire/figures";
import { proofChain } from "./proof-chain";
import { clusterText, headline } from "./proof-words";
import type { CheckVerdict, Report } from "./report";
import { shortened, visible } from "../wire/visible";

const MARKS: Readonly<Record<CheckVerdict, string>> = {
  pass: "✅ pass",
  fail: "❌ fail",
  explained: "☑️ explained",
  "not-checked": "⚠️ not checked",
};
const VERDICTS: Readonly<Record<Report["verdict"], string>> = {
  pass: "✅ Pass",
  fail: "❌ Fail",
  incomplete: "⚠️ Incomplete",
};
/** A summary may have 1 MiB, and is read in passing: the JSON has the rest. */
const LONGEST_TEXT = 200;
const NAMED_KEYS = 20;

/** Verdict, chain, checks, times, and the differences folded away; tables of plain Markdown, so that it is readable raw as well. */
export function markdownReport(report: Report): string {
  return [
    `## ${VERDICTS[report.verdict]}: backup ${text(report.snapshot.file)}`,
    text(headline(report)),
    chainTable(report),
    `### Checks\n\n${checkTable(report)}`,
    ...differences(report),
    times(report),
    `<sub>${text(report.tool)}${report.stack === undefined ? "" : `, stack ${text(report.stack)}`}, level ${text(report.level)}, ${text(moment(report.startedAt))}. Keys, counts and digests; never a value.</sub>`,
  ]
    .map((block) => `${block}\n`)
    .join("\n");
}

function chainTable(report: Report): string {
  const { nodes } = proofChain(report);
  const { snapshot, restored } = report;
  const facts = nodes.map((node) => node.facts.map(({ value }) => value ?? "not known"));
  const row = (name: string, index: number): string[] => [
    name.replace(/^[RIK]/, (initial) => initial.toLowerCase()),
    ...facts.map((values) => code(values[index] ?? "")),
  ];
  return [
    table(
      ["", ...nodes.map(({ title }) => title)],
      [
        ...nodes[1].facts.map(({ name }, index) => row(name, index)),
        [
          "etcd",
          code("not known"),
          code(snapshot.etcdVersion || "not known"),
          code(restored.etcdVersion || "not known"),
        ],
      ],
    ),
    ...(wasRead(report) ? [`${size(snapshot.bytes)}, SHA-256 ${code(snapshot.sha256)}`] : []),
    ...(report.cluster ? [`Cluster ${text(clusterText(report.cluster))}`] : []),
  ].join("\n\n");
}

function checkTable({ checks }: Report): string {
  return table(
    ["", "check", "expected", "found", "why"],
    checks.map(({ verdict, title, expected, found, reason, source }) => [
      MARKS[verdict],
      text(title),
      code(digest(expected)),
      code(digest(found)),
      text(reason ?? (source === undefined ? "" : `from the ${source}`)),
    ]),
  );
}

function differences({ differences: { total, byPrefix, details } }: Report): string[] {
  if (total === 0) return [];
  const rows = byPrefix.map(({ prefix, missing, extra, changed }) => [
    prefix === "" ? "(no common prefix)" : code(prefix),
    ...[missing, extra, changed].map(grouped),
  ]);
  const named = details.slice(0, NAMED_KEYS).map(({ key, difference, fields }) => {
    const which = fields === undefined ? "" : `: ${fields.join(", ")}`;
    return `- ${difference} ${code(key)}${which}`;
  });
  return [
    `<details><summary>${counted(total, "key")} ${total === 1 ? "differs" : "differ"}</summary>`,
    table(["prefix", "missing", "extra", "changed"], rows),
    ...(named.length === 0 ? [] : [named.join("\n")]),
    ...(named.length < total ? [`…and ${grouped(total - named.length)} more`] : []),
    "</details>",
  ];
}

function times({ phases, seconds }: Report): string {
  const parts = phases.map((phase) => `${phase.name} ${duration(phase.seconds)}`);
  return `**${duration(seconds)}** in all${parts.length === 0 ? "" : `: ${parts.join(", ")}`}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** The beginning of a SHA-256, enough to compare by eye in a narrow table. */
function digest(raw = ""): string {
  return raw.replace(/^([0-9a-f]{16})[0-9a-f]{48}$/, "$1…");
}

/** Text in a fixed width; nothing when there is none. */
function code(raw: string): string {
  return raw.trim() === "" ? "" : `<code>${text(raw)}</code>`;
}

// Whatever may mean something to a Markdown reader inside a line: HTML, tables, links, emphasis, mentions, issues,
// mathematics, emoji. What only means something at the beginning of a line never stands there.
const MEANINGFUL = /[#$&*<>@[\\\]_`|~]|:(?=\S)|(?<=www)\./gi;

/** Text that renders as itself: entities are never structure in Markdown, so no context needs a rule of its own. */
function text(raw: string): string {
  return shortened(visible(raw), LONGEST_TEXT).replace(
    MEANINGFUL,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}
