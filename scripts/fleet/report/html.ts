/**
 * The report over many as one HTML page that stands alone: no request from anywhere, and no script but its own, by its hash;
 * its Content-Security-Policy enforces both. Without scripts it is a table that is complete.
 */
import { createHash } from "node:crypto";
import { signPicture, type Tone } from "../../../etcd/report/html-picture";
import { pageHead } from "../../../etcd/report/html-head";
import { markup, type Markup } from "../../../etcd/report/markup";
import { counted, duration, grouped, moment, size } from "../../../etcd/wire/figures";
import { shortened } from "../../../etcd/wire/visible";
import {
  notGood,
  type Day,
  type FleetReport,
  type FleetRow,
  type RowVerdict,
} from "./fleet-report";
import { SCRIPT } from "./html-script";
import { coverageSentence, emptyPlaces, evidenceLines, verdictSentence } from "./text";

const TONES: Readonly<Record<RowVerdict, Tone>> = {
  pass: "good",
  restorable: "known",
  fail: "bad",
  incomplete: "open",
  missing: "open",
};
const OWN_STYLE = `
.page { max-width: 96rem; }
.controls { display: flex; flex-wrap: wrap; gap: 0.75rem 1rem; align-items: center; margin-bottom: 1rem; }
.controls[hidden] { display: none; }
.controls input { flex: 1 1 18rem; } .controls input, .controls select, #more { font: inherit; padding: 0.45rem 0.6rem;
  color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 0.4rem; }
#backups { font-size: 0.875rem; table-layout: fixed; } #backups th, #backups td { padding: 0.4rem 0.6rem; }
#backups thead th { position: sticky; top: 0; background: var(--card); }
#backups thead button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
#backups thead button[hidden] { display: inline; pointer-events: none; }
#backups th[aria-sort="ascending"] button::after { content: " ↑"; } #backups th[aria-sort="descending"] button::after { content: " ↓"; }
#backups tr[data-verdict] td:first-child { color: var(--tone); font-weight: 600; }
#backups th:nth-child(1) { width: 7rem; } #backups th:nth-child(3) { width: 28%; } #backups th:nth-child(4) { width: 6rem; }
#backups th:nth-child(n+7):nth-child(-n+9) { width: 6rem; }
#backups .why { color: var(--quiet); max-width: 40rem; }
.trend svg { width: 100%; height: 9rem; display: block; } .trend rect { fill: var(--tone); }
.lists { display: grid; grid-template-columns: 1fr 1fr; gap: 1.25rem; } .lists ol { padding-left: 1.4rem; }
@media (max-width: 46rem) { .lists { grid-template-columns: 1fr; } #backups td:nth-child(n+5), #backups th:nth-child(n+5) { display: none; } }
`;

export function fleetHtml(report: FleetReport): string {
  const { rows, verdict, madeAt, tool } = report;
  const scriptHash = createHash("sha256").update(SCRIPT).digest("base64");
  return markup`<!DOCTYPE html>
<html lang="en">
${pageHead({ title: `${verdict}: ${counted(rows.length, "backup")}`, style: OWN_STYLE, scriptHash })}
<body>
<div class="page">
<header class="masthead"><p><b>etcd restore report of many backups</b></p><p>${moment(madeAt)}</p></header>
<main>
${head(report)}
${trend(report.trend)}
${lists(report)}
<section aria-labelledby="h-backups"><h2 id="h-backups">Backups</h2>
<div class="controls" hidden="">
<input id="search" type="search" placeholder="Search names, reasons, sources" aria-label="Search"/>
<select id="only" aria-label="Verdict"><option value="">every verdict</option>${VERDICTS.map((name) => markup`<option>${name}</option>`)}</select>
<span id="shown" class="quiet" aria-live="polite"></span>
</div>
<table id="backups"><thead><tr>${COLUMNS.map(({ title, kind }) => markup`<th scope="col"><button type="button" data-kind="${kind}" hidden="">${title}</button></th>`)}</tr></thead>
<tbody>
${rows.map(rowOf)}</tbody></table>
<p><button id="more" type="button" hidden="">Show more</button></p>
</section>
</main>
<footer class="footer"><p>Made by ${tool}. The same report as JSON is what counts.</p></footer>
</div>
<script>${{ markup: SCRIPT }}</script>
</body>
</html>
`.markup;
}

const VERDICTS: readonly RowVerdict[] = ["pass", "restorable", "fail", "incomplete", "missing"];

function head(report: FleetReport): Markup {
  const { verdict, unreadable } = report;
  const tone = TONES[verdict];
  const count = notGood(report.rows).length;
  return markup`<div class="verdict ${tone}">
${signPicture(tone)}
<div class="head"><h1><span class="hidden">Verdict: </span>${verdict}</h1>
<p class="sentence">${verdictSentence(report).replace(/^\w+: ([a-z])/, (_, first: string) => first.toUpperCase())}. ${coverageSentence(report)}.</p>
${[...emptyPlaces(report), ...evidenceLines(report)].map((line) => markup`<p class="sentence">${line}</p>`)}</div>
<dl class="figures"><div><dt>Backups</dt><dd>${grouped(report.backups)}</dd></div><div><dt>Proved</dt><dd>${grouped(report.counts.pass)}</dd></div>
<div><dt>Not good</dt><dd>${grouped(count)}</dd></div><div><dt>Results not readable</dt><dd>${grouped(unreadable.length)}</dd></div></dl>
</div>`;
}

interface Column {
  readonly title: string;
  readonly kind: "text" | "number";
  readonly cell: (row: FleetRow) => Markup;
}

/** What is sorted by is the key, which for a text is what is shown. */
const cell = (shown: string, key: string | number = shown): Markup =>
  markup`<td data-key="${key}">${shown}</td>`;

const COLUMNS: readonly Column[] = [
  { title: "Verdict", kind: "text", cell: ({ verdict }) => cell(verdict) },
  { title: "Name", kind: "text", cell: ({ name }) => markup`<td><code>${name}</code></td>` },
  {
    title: "Why",
    kind: "text",
    cell: ({ reason = "" }) => markup`<td class="why">${shortened(reason, 400)}</td>`,
  },
  { title: "Level", kind: "text", cell: ({ level = "" }) => cell(level) },
  {
    title: "Last proved",
    kind: "text",
    cell: ({ lastPass = "" }) => cell(moment(lastPass), lastPass),
  },
  {
    title: "Backup of",
    kind: "text",
    cell: ({ takenAt = "" }) => cell(moment(takenAt), takenAt),
  },
  {
    title: "Time",
    kind: "number",
    cell: ({ seconds }) => (seconds === undefined ? cell("") : cell(duration(seconds), seconds)),
  },
  {
    title: "Size",
    kind: "number",
    cell: ({ bytes }) => (bytes === undefined ? cell("") : cell(size(bytes), bytes)),
  },
  {
    title: "Keys",
    kind: "number",
    cell: ({ keys }) => (keys === undefined ? cell("") : cell(grouped(keys), keys)),
  },
  { title: "Source", kind: "text", cell: ({ source }) => markup`<td><code>${source}</code></td>` },
];

function rowOf(row: FleetRow): Markup {
  const cells = COLUMNS.map((column) => column.cell(row));
  return markup`<tr class="${TONES[row.verdict]}" data-verdict="${row.verdict}">${cells}</tr>\n`;
}

function lists({ slowest, oldest }: FleetReport): Markup {
  return markup`<section class="lists">
<div class="card"><h2>Slowest</h2><ol>${slowest.map(({ name, seconds }) => markup`<li><code>${name}</code>: ${duration(seconds)}</li>`)}</ol></div>
<div class="card"><h2>Oldest</h2><ol>${oldest.map(({ name, takenAt }) => markup`<li><code>${name}</code>: ${moment(takenAt)}</li>`)}</ol></div>
</section>`;
}

const HEIGHT = 100;
const STACK = ["pass", "restorable", "incomplete", "fail"] as const;

/** A bar a day, of all its results, the bad ones on top. */
function trend(days: readonly Day[]): Markup | undefined {
  if (days.length < 2) return undefined;
  const most = Math.max(...days.map((day) => STACK.reduce((sum, name) => sum + day[name], 0)));
  const width = 1000 / days.length;
  const bars = days.map((day, at) => {
    let top = HEIGHT;
    const parts = STACK.map((name) => {
      const height = (day[name] / most) * HEIGHT;
      top -= height;
      return markup`<rect class="${TONES[name]}" x="${(at * width + 1).toFixed(1)}" y="${top.toFixed(2)}" width="${(width - 2).toFixed(1)}" height="${height.toFixed(2)}"/>`;
    });
    const told = STACK.map((name) => `${day[name]} ${name}`).join(", ");
    return markup`<g><title>${day.day}: ${told}; half of them within ${duration(day.medianSeconds)}</title>${parts}</g>`;
  });
  return markup`<section class="trend" aria-labelledby="h-trend"><h2 id="h-trend">Results by day</h2>
<figure class="card"><svg viewBox="0 0 1000 ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Results by day">${bars}</svg>
<figcaption class="quiet">${days[0]?.day ?? ""} to ${days.at(-1)?.day ?? ""}, UTC</figcaption></figure></section>`;
}
