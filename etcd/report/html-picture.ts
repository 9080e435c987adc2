/** The pictures of the HTML report, as inline SVG: the proof chain, and the signs that go with each verdict. */
import { markup, type Markup } from "./markup";
import type { Agreement, ChainFact, ChainLink, ChainNode, ProofChain } from "./proof-chain";
import { visible } from "../wire/visible";

/** Class that sets the colours; never the only difference, see `sign`. */
export type Tone = "good" | "bad" | "open" | "known";

const TONES: Readonly<Record<Agreement, Tone>> = {
  same: "good",
  explained: "known",
  differs: "bad",
  unknown: "open",
};

/** A disc with a tick, a cross, a question mark or an i, drawn in a square of 24 units round the middle. */
export function sign(tone: Tone): Markup {
  const strokes: Readonly<Record<Tone, Markup>> = {
    good: markup`<path class="sign" d="M-5 0.5 -1.6 4 5.4 -3.6"/>`,
    bad: markup`<path class="sign" d="M-4 -4 4 4M4 -4 -4 4"/>`,
    open: markup`<path class="sign" d="M-3.2 -2.6a3.3 3.3 0 1 1 4.6 3C0.3 1 0 1.6 0 2.7M0 5.9v0.1"/>`,
    known: markup`<path class="sign" d="M0 -5.2v0.1M0 -0.9v6.1"/>`,
  };
  return markup`<g class="icon ${tone}"><circle class="disc" r="11.5"/>${strokes[tone]}</g>`;
}

/** The same as a picture of its own; it says nothing to a screen reader, the word beside it does. */
export function signPicture(tone: Tone): Markup {
  return markup`<svg viewBox="-12 -12 24 24" aria-hidden="true">${sign(tone)}</svg>`;
}

/** The chain twice, side by side for a wide page and one below the other for a narrow one; the style shows one of them. */
export function chainPicture(chain: ProofChain): Markup {
  const words = chain.nodes.map(nodeWords);
  const [first, second] = chain.links.map((link) => link.words.join(", "));
  const description = `${words[0] ?? ""} Source and file: ${first ?? ""}. ${words[1] ?? ""} File and restored etcd: ${second ?? ""}. ${words[2] ?? ""}`;
  const picture = (
    layout: "across" | "down",
    width: number,
    height: number,
    inside: Markup,
  ): Markup =>
    markup`<svg class="${layout}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="chain-${layout}">
<title id="chain-${layout}">${description}</title>${inside}</svg>`;
  const across = chain.nodes.map((node, index) => card(node, index * 385 + 1, 1, 228));
  const acrossLinks = chain.links.map((link, index) => acrossLink(link, index * 385 + 230));
  const down = chain.nodes.map((node, index) => card(node, 1, index * 256 + 1, 338));
  const downLinks = chain.links.map((link, index) => downLink(link, index * 256 + CARD_HEIGHT + 1));
  return markup`${picture("across", 1000, CARD_HEIGHT + 2, markup`${across}${acrossLinks}`)}
${picture("down", 340, 2 * 256 + CARD_HEIGHT + 2, markup`${down}${downLinks}`)}`;
}

const CARD_HEIGHT = 178;

/** A card cuts off what is too long for it: the page has every text in full elsewhere. */
function card(node: ChainNode, x: number, y: number, width: number): Markup {
  const { title, subtitle, known, facts } = node;
  const shape = known ? "box" : "box unknown";
  return markup`
<svg x="${x - 1}" y="${y - 1}" width="${width + 2}" height="${CARD_HEIGHT + 2}">
<rect class="${shape}" x="1" y="1" width="${width}" height="${CARD_HEIGHT}" rx="12"/>
<text x="20" y="36" font-size="18" font-weight="620">${title}</text>
<text class="minor" x="20" y="58" font-size="13">${clipped(subtitle, Math.floor((width - 40) / 7))}</text>
${facts.map((fact, index) => factLine(fact, 96 + index * 30, width))}</svg>`;
}

function factLine({ name, value, agreement }: ChainFact, y: number, width: number): Markup {
  const tone = agreement === "differs" || agreement === "explained" ? TONES[agreement] : undefined;
  const number = tone === undefined ? "number" : `number tone-text ${tone}`;
  // Not by colour alone: what differs has the sign for it.
  const mark = agreement === "differs" ? "≠ " : agreement === "explained" ? "≈ " : "";
  const size = (value?.length ?? 0) > 13 ? 11.5 : 14.5;
  return markup`<text class="minor" x="20" y="${y}" font-size="14">${name}</text>
<text class="${value === undefined ? "minor" : number}" x="${width - 20}" y="${y}" font-size="${size}" text-anchor="end">${mark}${value ?? "not known"}</text>
`;
}

function acrossLink(link: ChainLink, x: number): Markup {
  const tone = TONES[link.agreement];
  const middle = x + 77.5;
  const words = link.words.map(
    (line, index) =>
      markup`<text class="tone-text" x="${middle}" y="${116 + index * 17}" font-size="12.5" text-anchor="middle">${line}</text>`,
  );
  return markup`
<g class="${tone}"><line class="tone-line${dashed(link)}" x1="${x + 6}" x2="${x + 149}" y1="76" y2="76" stroke-width="2"/>
<g transform="translate(${middle} 76) scale(1.5)">${sign(tone)}</g>${words}</g>`;
}

function downLink(link: ChainLink, y: number): Markup {
  const tone = TONES[link.agreement];
  const top = y + 43 - (link.words.length - 1) * 9;
  const words = link.words.map(
    (line, index) =>
      markup`<text class="tone-text" x="92" y="${top + index * 18}" font-size="14">${line}</text>`,
  );
  return markup`
<g class="${tone}"><line class="tone-line${dashed(link)}" x1="56" x2="56" y1="${y + 5}" y2="${y + 73}" stroke-width="2"/>
<g transform="translate(56 ${y + 39}) scale(1.5)">${sign(tone)}</g>${words}</g>`;
}

function dashed({ agreement }: ChainLink): string {
  return agreement === "unknown" || agreement === "differs" ? " dashed" : "";
}

function nodeWords({ title, subtitle, facts }: ChainNode): string {
  const told = facts.map(({ name, value }) => `${name} ${value ?? "not known"}`).join(", ");
  return `${title} (${subtitle}): ${told}.`;
}

function clipped(text: string, characters: number): string {
  const whole = visible(text);
  return whole.length <= characters ? whole : `${whole.slice(0, characters - 1)}…`;
}
