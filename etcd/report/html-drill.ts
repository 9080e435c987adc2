/** What a drill adds to the HTML report: how its backup was chosen, and how the drills before it went. */
import { ageOf, counted, duration, moment } from "../wire/figures";
import { shortened } from "../wire/visible";
import { sign, type Tone } from "./html-picture";
import { markup, type Markup } from "./markup";
import type { DrillSummary, PastDrill } from "./drill-summary";

const LONGEST_TEXT = 500;
const TONES: Readonly<Record<PastDrill["verdict"], Tone>> = {
  pass: "good",
  fail: "bad",
  incomplete: "open",
};

/** The choice as a list of facts, and the history as a picture. */
export function drillFacts(drill: DrillSummary): Markup {
  const { name, target, source, taken, passedOver = [], random, history } = drill;
  const facts: (readonly [string, Markup])[] = [
    ["Drill", markup`<code>${name}</code>, target ${target}`],
    ["Source", markup`<code>${shortened(source, LONGEST_TEXT)}</code>`],
    ...(random === undefined
      ? []
      : [
          [
            "Drawn",
            markup`among ${counted(random.among, "backup")} by the seed <code>${shortened(random.seed, 100)}</code>`,
          ] as const,
        ]),
    ...(taken === undefined
      ? []
      : [
          [
            "Taken",
            markup`${moment(taken.at)}, by its ${taken.from}: ${ageOf(taken.ageSeconds)} old at the end`,
          ] as const,
        ]),
    ...passedOver.map(
      ({ name: passed, reason }) =>
        [
          "Passed over",
          markup`<code>${shortened(passed, LONGEST_TEXT)}</code>: ${shortened(reason, LONGEST_TEXT)}`,
        ] as const,
    ),
    ...(history === undefined
      ? []
      : [
          [
            "History",
            markup`${counted(history.drills, "drill")}, last passed: ${history.lastPass === undefined ? "never" : moment(history.lastPass)}`,
          ] as const,
        ]),
    ...(history?.statement === undefined
      ? []
      : [["Together", markup`${history.statement}`] as const]),
  ];
  return markup`<dl class="identity">${facts.map(([title, value]) => markup`<dt>${title}</dt><dd>${value}</dd>`)}</dl>
${history === undefined || history.recent.length < 2 ? undefined : historyPicture(history.recent)}`;
}

const WIDTH = 1000;
const HEIGHT = 170;
const FLOOR = 140;
const TOP = 40;

/** A bar for each drill, as high as it was long, with the sign of its verdict above: not by colour alone. */
export function historyPicture(recent: readonly PastDrill[]): Markup {
  const longest = Math.max(...recent.map(({ seconds }) => seconds));
  const step = WIDTH / recent.length;
  const bars = recent.map((past, index) => {
    const height = longest === 0 ? 1 : Math.max(1, ((FLOOR - TOP) * past.seconds) / longest);
    const [x, y] = [index * step, FLOOR - height];
    const tone = TONES[past.verdict];
    const scale = Math.min(0.9, step / 26);
    const keys = past.keys === undefined ? "" : `, ${counted(past.keys, "key")}`;
    return markup`
<g class="${tone}"><title>${moment(past.startedAt)}: ${past.verdict}, ${duration(past.seconds)}${keys}</title>
<rect class="past" x="${fixed(x + step * 0.1)}" y="${fixed(y)}" width="${fixed(step * 0.8)}" height="${fixed(height)}"/>
<g transform="translate(${fixed(x + step / 2)} ${fixed(y - 16)}) scale(${scale.toFixed(3)})">${sign(tone)}</g></g>`;
  });
  const [first, last] = [recent[0], recent.at(-1)];
  const passed = recent.filter(({ verdict }) => verdict === "pass").length;
  const words = `${passed} of ${counted(recent.length, "drill")} passed; the longest took ${duration(longest)}`;
  return markup`<figure class="drills"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="drills-title">
<title id="drills-title">${words}</title>${bars}
<text class="minor" x="0" y="164" font-size="14">${day(first)}</text>
<text class="minor" x="${WIDTH}" y="164" font-size="14" text-anchor="end">${day(last)}</text></svg>
<figcaption class="quiet">${words}. Each bar is one drill, as high as it was long.</figcaption></figure>`;
}

function day(past: PastDrill | undefined): string {
  return past?.startedAt.slice(0, 10) ?? "";
}

function fixed(number: number): string {
  return number.toFixed(1);
}
