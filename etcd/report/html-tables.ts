/** The tables of the HTML report. */
import { wasRead } from "./end";
import { counted, duration, grouped, moment, size } from "../wire/figures";
import { signPicture, type Tone } from "./html-picture";
import { markup, type Markup } from "./markup";
import { proofChain } from "./proof-chain";
import { clusterText } from "./proof-words";
import type { CheckVerdict, Phase, PrefixDifference, RanOn, Report } from "./report";
import { shortened } from "../wire/visible";
import { v2State } from "./v2-words";

/** A key may have a million characters; the JSON has the whole. */
const LONGEST_TEXT = 500;
/** The prefixes with most differences; the rest is folded away. */
const PREFIXES_SHOWN = 10;

const VERDICTS: Readonly<Record<CheckVerdict, { readonly tone: Tone; readonly word: string }>> = {
  pass: { tone: "good", word: "Pass" },
  fail: { tone: "bad", word: "Fail" },
  explained: { tone: "known", word: "Explained" },
  "not-checked": { tone: "open", word: "Not checked" },
};

const PHASES: Readonly<Record<Phase["name"], string>> = {
  fetch: "choose the backup, and bring it here",
  preflight: "read and judge the backup file",
  provision: "make the machine and its network",
  install: "install etcd's programs",
  copy: "bring the file to the machine",
  restore: "turn the file into a data directory",
  start: "start etcd and wait until it answers",
  verify: "compare the etcd with the file",
  boot: "start a Kubernetes API server on a clone and list every object",
  life: "restart the clone, write to it, compact it",
  report: "write the report",
  destroy: "take everything away again",
};

/** Every check, with an anchor `check-N` (from 1) for links. */
export function checkTable({ checks }: Report): Markup {
  const cell = (label: string, text: string | undefined): Markup =>
    text === undefined
      ? markup`<td class="none"><span class="hidden">not said</span></td>`
      : markup`<td data-label="${label}"><code>${shortened(text, LONGEST_TEXT)}</code></td>`;
  const rows = checks.map(({ id, title, verdict, expected, found, source, reason }, index) => {
    const { tone, word } = VERDICTS[verdict];
    return markup`
<tr id="check-${index + 1}"><td><span class="badge ${tone}">${signPicture(tone)}${word}</span></td>
<th scope="row">${shortened(title, LONGEST_TEXT)} <code>${id}</code>${reason === undefined ? undefined : markup`<span class="reason">${shortened(reason, LONGEST_TEXT)}</span>`}</th>
${cell("Expected", digest(expected, found))}${cell("Found", digest(found, expected))}${cell("From", source)}</tr>`;
  });
  return markup`<table>
<thead><tr><th scope="col" class="w-verdict">Verdict</th><th scope="col">Check</th><th scope="col" class="w-text">Expected</th><th scope="col" class="w-text">Found</th><th scope="col" class="w-from">From</th></tr></thead>
<tbody>${rows}
</tbody></table>`;
}

/** A SHA-256 in a narrow column: its beginning will do, unless it is to be compared with another one. */
function digest(text: string | undefined, other: string | undefined): string | undefined {
  return text === other ? text?.replace(/^([0-9a-f]{16})[0-9a-f]{48}$/, "$1…") : text;
}

/** Differences by prefix, those with most first; behind the tenth, and the first keys, folded away. */
export function differenceTables({ differences: { byPrefix, details, total } }: Report): Markup {
  const most = (one: PrefixDifference): number => one.missing + one.extra + one.changed;
  const rows = [...byPrefix]
    .sort((a, b) => most(b) - most(a))
    .map(
      ({ prefix, missing, extra, changed }) => markup`
<tr><th scope="row">${prefix === "" ? "keys without a common prefix" : markup`<code>${shortened(prefix, LONGEST_TEXT)}</code>`}</th>${[missing, extra, changed].map((count) => markup`<td class="number">${grouped(count)}</td>`)}</tr>`,
    );
  const keys = details.map(
    ({ key, difference, fields }) => markup`
<li><span>${difference}</span><code>${key === "" ? "(the empty key)" : shortened(key, LONGEST_TEXT)}</code>${fields === undefined ? undefined : markup`<span class="which">differs in ${fields.join(", ")}</span>`}</li>`,
  );
  const head = markup`<thead><tr><th scope="col">Prefix</th><th scope="col" class="number">Missing</th><th scope="col" class="number">Extra</th><th scope="col" class="number">Changed</th></tr></thead>`;
  const table = (some: readonly Markup[]): Markup => markup`<table class="prefixes">
${head}
<tbody>${some}
</tbody></table>`;
  const more = rows.slice(PREFIXES_SHOWN);
  const which = details.length < total ? `The first ${counted(details.length, "key")}` : "The keys";
  return markup`${table(rows.slice(0, PREFIXES_SHOWN))}
${more.length === 0 ? undefined : markup`<details><summary>${grouped(more.length)} more prefixes</summary>${table(more)}</details>`}
<details><summary>${which}, never their values</summary>
<ul class="keys">${keys}
</ul></details>`;
}

/** One bar for each phase, each beginning where the one before ended. */
export function timeTable({ phases, seconds }: Report): Markup {
  const all = phases.reduce((sum, phase) => sum + phase.seconds, 0);
  const percent = (part: number): string => (all === 0 ? "0" : ((100 * part) / all).toFixed(2));
  let begun = 0;
  const rows = phases.map((phase) => {
    const x = percent(begun);
    begun += phase.seconds;
    return markup`
<tr><th scope="row">${phase.name}<span>${PHASES[phase.name]}</span></th><td class="bar-cell"><svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="100%" rx="3"/><rect class="run" x="${x}%" width="${percent(phase.seconds)}%" height="100%" rx="3"/></svg></td><td class="number">${duration(phase.seconds)}</td></tr>`;
  });
  return markup`<table>
<thead><tr><th scope="col">Phase</th><th scope="col" class="w-bar bar-cell"><span class="hidden">When, as a bar</span></th><th scope="col" class="number">Time</th></tr></thead>
<tbody>${rows}
</tbody><tfoot><tr><th scope="row">The whole run</th><td class="bar-cell"></td><td class="number">${duration(seconds)}</td></tr></tfoot></table>`;
}

/** What source, file and restored etcd say, side by side, and what identifies them. */
export function factTables(report: Report): Markup {
  const { snapshot, restored, ranOn } = report;
  const { nodes } = proofChain(report);
  const read = wasRead(report);
  const unknown = markup`<span class="quiet">not known</span>`;
  const cell = (value: string | undefined): Markup =>
    markup`<td class="number">${value === undefined || value === "" ? unknown : markup`<code>${value}</code>`}</td>`;
  const row = (name: string, values: readonly (string | undefined)[]): Markup => markup`
<tr><th scope="row">${name}</th>${values.map(cell)}</tr>`;
  const ofNodes = nodes[1].facts.map(({ name }) =>
    row(
      name,
      nodes.map(({ facts }) => facts.find((fact) => fact.name === name)?.value),
    ),
  );
  const compacted = (revision: number): string => (revision === 0 ? "never" : String(revision));
  const answered = restored.revision > 0 && restored.compactRevision > 0;
  const identity = [
    ["File", markup`<code>${shortened(snapshot.file, LONGEST_TEXT)}</code>`],
    ["SHA-256", read ? markup`<code>${snapshot.sha256}</code>` : unknown],
    ...(report.v2 === undefined ? [] : [["v2 store", markup`${v2State(report.v2)}`] as const]),
    ["Size", read ? markup`${size(snapshot.bytes)} (${counted(snapshot.bytes, "byte")})` : unknown],
    ...(report.cluster === undefined
      ? []
      : [["Cluster", markup`${clusterText(report.cluster)}`] as const]),
    ["Taken", takenAt(report) ?? unknown],
    [
      "Endpoint",
      report.ended !== undefined && restored.endpoint === ""
        ? unknown
        : markup`<code>${restored.endpoint}</code>`,
    ],
    [
      "Cluster id",
      restored.clusterId === "" ? unknown : markup`<code>${restored.clusterId}</code>`,
    ],
    ...(ranOn === undefined ? [] : [["Run on", ranOnText(ranOn)] as const]),
  ] as const;
  return markup`<table class="stores">
<thead><tr><th scope="col"><span class="hidden">What</span></th>${nodes.map(({ title }) => markup`<th scope="col" class="number">${title}</th>`)}</tr></thead>
<tbody>${ofNodes}${row("Compacted to", [undefined, read ? compacted(snapshot.compactRevision) : undefined, answered ? String(restored.compactRevision) : undefined])}${row("etcd version", [undefined, snapshot.etcdVersion, restored.etcdVersion])}
</tbody></table>
<dl class="identity">${identity.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** When the backup was taken, who says so, and how old it was when this run began. */
function takenAt({ source, cluster, startedAt }: Report): Markup | undefined {
  const [at, from] =
    source !== undefined
      ? [source.takenAt, "its manifest"]
      : [cluster?.lastRenewal, "the last renewal of a Lease in it"];
  if (at === undefined) return undefined;
  const age = (Date.parse(startedAt) - Date.parse(at)) / 1000;
  return markup`${moment(at)}, by ${from}${age < 0 ? "" : `: ${duration(age)} before this run`}`;
}

function ranOnText({ host, pipeline }: RanOn): Markup {
  const name = markup`<code>${shortened(host, LONGEST_TEXT)}</code>`;
  if (pipeline === undefined) return name;
  return markup`${name}, by <a href="${pipeline}">${shortened(pipeline, LONGEST_TEXT)}</a>`;
}
