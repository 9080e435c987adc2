/**
 * The report as one HTML page that stands alone: no script, no font, no picture and no request from anywhere, which its own
 * Content-Security-Policy enforces. It is well-formed XML as well, so that a tag left open is found by a parser.
 */
import { wasRead } from "./end";
import { duration, grouped, moment } from "../wire/figures";
import { chainPicture, signPicture, type Tone } from "./html-picture";
import { pageHead } from "./html-head";
import { drillFacts } from "./html-drill";
import { checkTable, differenceTables, factTables, timeTable } from "./html-tables";
import { markup, type Markup } from "./markup";
import { proofChain } from "./proof-chain";
import { beforeUse, headline, proves, provesNot } from "./proof-words";
import type { Report } from "./report";
import { shortened } from "../wire/visible";

const VERDICTS: Readonly<
  Record<Report["verdict"], { readonly tone: Tone; readonly word: string }>
> = {
  pass: { tone: "good", word: "Pass" },
  fail: { tone: "bad", word: "Fail" },
  incomplete: { tone: "open", word: "Incomplete" },
};

/** For whoever asks "does our backup restore?" at the top, and for whoever must find out why not further down. */
export function htmlReport(report: Report): string {
  const { word } = VERDICTS[report.verdict];
  return markup`<!DOCTYPE html>
<html lang="en">
${pageHead({ title: `${word}: restore of ${shortened(report.snapshot.file, 100)}` })}
<body>
<div class="page">
${masthead(report)}
<main>
${verdict(report)}
${section("chain", "The proof", markup`<figure class="chain">${chainPicture(proofChain(report))}</figure>`)}
${meaning(report)}
${report.differences.total === 0 ? undefined : differences(report)}
${section("checks", "Checks", markup`<div class="card">${checkTable(report)}</div>`)}
${report.phases.length === 0 ? undefined : section("time", "Time", markup`<div class="card">${timeTable(report)}</div>`)}
${report.drill === undefined ? undefined : section("drill", "The drill", markup`<div class="card">${drillFacts(report.drill)}</div>`)}
${section("facts", "Facts", markup`<div class="card">${factTables(report)}</div>`)}
${report.ended !== undefined ? undefined : section("use", "Before a cluster uses a restored store", markup`<ol class="steps">${items(beforeUse(report))}</ol>`)}
</main>
<footer class="footer">
<p>Made by ${report.tool} from the run of ${moment(report.startedAt)}, level ${report.level}. This page holds keys, counts, revisions and digests, never a value. The same report as JSON is what counts.</p>
</footer>
</div>
</body>
</html>
`.markup;
}

function masthead({ snapshot, startedAt, stack }: Report): Markup {
  return markup`<header class="masthead">
<p><b>etcd restore report</b></p>
${stack === undefined ? undefined : markup`<p>stack <code>${shortened(stack, 100)}</code></p>`}
<p><code>${shortened(snapshot.file, 100)}</code></p>
<p>${moment(startedAt)}</p>
</header>`;
}

function verdict(report: Report): Markup {
  const { tone, word } = VERDICTS[report.verdict];
  const { snapshot, seconds, checks, v2 } = report;
  const read = wasRead(report);
  const good = checks.filter(({ verdict: found }) => found === "pass" || found === "explained");
  const explained = good.some(({ verdict: found }) => found === "explained");
  const figures = [
    ...(v2 === undefined
      ? ([
          ["Keys in the backup", read ? grouped(snapshot.keys) : "not known"],
          ["Revision", read ? String(snapshot.revision) : "not known"],
        ] as const)
      : ([
          ["v2 keys in the backup", grouped(v2.keys)],
          ["v3 keys beside them", grouped(snapshot.keys)],
        ] as const)),
    [explained ? "Passed or explained" : "Checks passed", `${good.length} of ${checks.length}`],
    ["The whole run", duration(seconds)],
  ] as const;
  return markup`<div class="verdict ${tone}">
${signPicture(tone)}
<div class="head"><h1><span class="hidden">Verdict: </span>${word}</h1>
<p class="sentence">${headline(report)}</p></div>
<dl class="figures">${figures.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</div>
${attention(report)}`;
}

/** What is wrong and what is open, before anything else; checks with the same reason share a line. */
function attention({ checks }: Report): Markup | undefined {
  const groups = new Map<string, { readonly tone: Tone; readonly why: string; links: Markup[] }>();
  checks.forEach(({ verdict: found, title, reason, expected, found: seen }, index) => {
    if (found !== "fail" && found !== "not-checked") return;
    const why = reason ?? `expected ${expected ?? "(not said)"}, found ${seen ?? "(not said)"}`;
    const group = groups.get(found + why) ?? {
      tone: found === "fail" ? "bad" : "open",
      why,
      links: [],
    };
    const comma = group.links.length > 0 ? ", " : "";
    group.links.push(markup`${comma}<a href="#check-${index + 1}">${shortened(title, 200)}</a>`);
    groups.set(found + why, group);
  });
  if (groups.size === 0) return undefined;
  const rows = [...groups.values()].map(
    ({ tone, why, links }) => markup`
<li class="${tone}">${links} <b>${tone === "bad" ? "failed" : "not checked"}</b>: ${shortened(why, 300)}</li>`,
  );
  return markup`<ul class="attention">${rows}\n</ul>`;
}

function meaning(report: Report): Markup {
  return markup`<section aria-label="What the verdict means">
<div class="pair">
<div class="card"><h2>What this proves</h2><ul>${items(proves(report))}</ul></div>
<div class="card"><h2>What it does not prove</h2><ul>${items(provesNot(report))}</ul></div>
</div>
</section>`;
}

function differences(report: Report): Markup {
  return section(
    "differences",
    "Differences",
    markup`<div class="card">${differenceTables(report)}</div>`,
  );
}

function section(id: string, title: string, inside: Markup): Markup {
  return markup`<section class="${id}" aria-labelledby="h-${id}">
<h2 id="h-${id}">${title}</h2>
${inside}
</section>`;
}

function items(sentences: readonly string[]): Markup[] {
  return sentences.map((sentence) => markup`\n<li>${sentence}</li>`);
}
