/** The style of the HTML report: one sheet, no font or picture from elsewhere. Colours are pairs for light and dark. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d2126; --quiet: #59626d; --line: #e0ddd7; --bar: #4a6a8f;
  --good: #17663f; --good-wash: #e9f3ec; --bad: #a3231b; --bad-wash: #faecea;
  --open: #7a5000; --open-wash: #fbf2de; --known: #33538f; --known-wash: #ebf0f9;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "Noto Sans Mono", "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --card: #1c2025; --ink: #e6e9ec; --quiet: #a4adb7; --line: #343a41; --bar: #8fb0d6;
    --good: #7bd3a0; --good-wash: #17291f; --bad: #ff9d94; --bad-wash: #351c1a;
    --open: #efc368; --open-wash: #2f2614; --known: #a3bff4; --known-wash: #1c263a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 var(--sans); }
.page { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.5rem 3rem; }
h1, h2, h3, p, ol, ul, dl, table, figure { margin: 0; }
h2 { font-size: 1.3rem; line-height: 1.3; font-weight: 620; letter-spacing: -0.01em; margin-bottom: 0.9rem; }
h3 { font-size: 1rem; font-weight: 620; margin-bottom: 0.5rem; }
section { margin-top: 3rem; }
code, .mono { font-family: var(--mono); font-size: 0.875em; overflow-wrap: anywhere; font-variant-ligatures: none; }
.quiet { color: var(--quiet); }
.lead { color: var(--quiet); max-width: 44rem; margin: -0.4rem 0 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; padding: 1.4rem 1.5rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
a { color: inherit; text-underline-offset: 0.2em; }
:focus-visible { outline: 3px solid var(--known); outline-offset: 2px; }

.good { --tone: var(--good); --wash: var(--good-wash); }
.bad { --tone: var(--bad); --wash: var(--bad-wash); }
.open { --tone: var(--open); --wash: var(--open-wash); }
.known { --tone: var(--known); --wash: var(--known-wash); }

.masthead { display: flex; flex-wrap: wrap; gap: 0.25rem 2rem; justify-content: space-between; margin-bottom: 1rem;
  color: var(--quiet); font-size: 0.925rem; }
.masthead b { color: var(--ink); font-weight: 620; }
.verdict { background: var(--wash); border: 1px solid var(--tone); border-radius: 1rem; padding: 2rem;
  display: grid; grid-template-columns: auto 1fr; gap: 0.5rem 1.75rem; align-items: center; }
.verdict svg { width: 5.5rem; height: 5.5rem; display: block; }
.verdict h1 { font-size: 3.5rem; line-height: 1.05; font-weight: 680; letter-spacing: -0.03em; color: var(--tone); }
.verdict .sentence { font-size: 1.2rem; line-height: 1.45; margin-top: 0.5rem; max-width: 42rem; }
.figures { grid-column: 1 / -1; display: grid; grid-template-columns: repeat(4, 1fr); gap: 1rem; margin-top: 1.25rem;
  padding-top: 1.25rem; border-top: 1px solid color-mix(in srgb, var(--tone) 35%, transparent); }
.figures dt { color: var(--quiet); font-size: 0.875rem; }
.figures dd { margin: 0; font-size: 1.35rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; }
.attention { margin-top: 1.25rem; padding-left: 0; list-style: none; display: grid; gap: 0.75rem; }
.attention li { border-left: 3px solid var(--tone); padding-left: 1rem; overflow-wrap: anywhere; }

.chain svg { width: 100%; height: auto; display: block; }
.chain .down { display: none; max-width: 23rem; margin: 0 auto; }
.chain text { font-family: var(--sans); fill: var(--ink); }
.chain .box { fill: var(--card); stroke: var(--line); }
.chain .box.unknown { fill: none; stroke: var(--quiet); stroke-dasharray: 5 5; }
.chain text.minor { fill: var(--quiet); }
.chain text.number { font-family: var(--mono); }
.chain .tone-text { fill: var(--tone); font-weight: 600; }
.chain .tone-line { stroke: var(--tone); }
.icon .disc { fill: var(--tone); }
.icon .sign { fill: none; stroke: var(--card); stroke-width: 2.6; stroke-linecap: round; stroke-linejoin: round; }
.verdict .icon .sign { stroke: var(--wash); }
.dashed { stroke-dasharray: 4 5; }

.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.25rem; }
.pair ul { padding-left: 1.1rem; display: grid; gap: 0.6rem; overflow-wrap: anywhere; }
.steps { padding-left: 1.4rem; display: grid; gap: 0.6rem; max-width: 50rem; }

table { width: 100%; border-collapse: collapse; font-size: 0.95rem; }
th { text-align: left; font-weight: 600; }
thead th { color: var(--quiet); font-weight: 500; font-size: 0.85rem; border-bottom: 1px solid var(--line); }
th, td { padding: 0.6rem 0.75rem; vertical-align: top; overflow-wrap: anywhere; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tfoot > tr > * { border-top: 1px solid var(--line); font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tbody th { font-weight: 500; }

.checks table { table-layout: fixed; }
.checks .w-verdict { width: 9.5rem; } .checks .w-text { width: 20%; } .checks .w-from { width: 6.5rem; }
.checks th code { color: var(--quiet); font-weight: 400; font-size: 0.8rem; display: block; }
.checks .reason { display: block; color: var(--quiet); font-weight: 400; margin-top: 0.25rem; }
.badge { display: inline-flex; align-items: center; gap: 0.4rem; color: var(--tone); font-weight: 600; white-space: nowrap; }
.badge svg { width: 1.15rem; height: 1.15rem; flex: none; }

.time .w-bar { width: 46%; }
.bar { display: block; width: 100%; height: 0.75rem; margin-top: 0.45rem; }
.bar .track { fill: var(--line); opacity: 0.55; }
.bar .run { fill: var(--bar); }
.time tbody th span { display: block; color: var(--quiet); font-weight: 400; font-size: 0.875rem; }

.drill .identity { margin-top: 0; }
.drills { margin-top: 1.5rem; }
.drills svg { width: 100%; height: auto; display: block; }
.drills .past { fill: var(--tone); opacity: 0.55; }
.drills .minor { fill: var(--quiet); }
.drills .icon { --wash: var(--card); }
.drills figcaption { margin-top: 0.5rem; font-size: 0.9rem; }

details { margin-top: 1.25rem; }
summary { cursor: pointer; font-weight: 600; }
.keys { list-style: none; padding: 0; margin-top: 0.75rem; }
.keys li { padding: 0.4rem 0; border-top: 1px solid var(--line); display: grid; grid-template-columns: 5rem 1fr; gap: 0 1rem; }
.keys .which { grid-column: 2; color: var(--quiet); font-size: 0.875rem; }
.identity { display: grid; grid-template-columns: max-content 1fr; gap: 0.5rem 1.5rem; margin-top: 1.25rem; }
.identity dt { color: var(--quiet); }
.identity dd { margin: 0; overflow-wrap: anywhere; }
.footer { margin-top: 3.5rem; padding-top: 1.25rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.9rem; }

@media screen and (max-width: 46rem) {
  .page { padding: 1.25rem 1rem 2rem; }
  section { margin-top: 2.25rem; }
  .card { padding: 1.1rem; }
  .verdict { padding: 1.25rem; column-gap: 1rem; }
  .verdict svg { width: 3.25rem; height: 3.25rem; }
  .verdict h1 { font-size: 2.4rem; }
  .verdict .sentence { grid-column: 1 / -1; font-size: 1.1rem; }
  .verdict .head { display: contents; }
  .figures { grid-template-columns: 1fr 1fr; }
  .pair { grid-template-columns: 1fr; }
  .chain .across { display: none; }
  .chain .down { display: block; }
  .checks table, .checks tbody, .checks tr, .checks th, .checks td { display: block; width: auto; }
  .checks thead { display: none; }
  .checks tbody tr { padding: 0.9rem 0; }
  .checks tbody tr + tr { border-top: 1px solid var(--line); }
  .checks tbody tr > * { border: 0; padding: 0.15rem 0; }
  .checks td[data-label] { display: grid; grid-template-columns: 5.5rem 1fr; gap: 0.75rem; }
  .checks td[data-label]::before { content: attr(data-label); color: var(--quiet); }
  .checks td.none { display: none; }
  .time .w-bar, .time .bar-cell { display: none; }
  .stores { font-size: 0.85rem; }
  .stores th, .stores td, .prefixes th, .prefixes td { padding: 0.5rem 0 0.5rem 0.6rem; }
  .stores th:first-child, .prefixes th:first-child { padding-left: 0; }
  .stores .number, .prefixes td.number { white-space: normal; }
  .identity { grid-template-columns: 1fr; gap: 0; }
  .identity dd { margin-bottom: 0.75rem; }
  .keys li { grid-template-columns: 1fr; }
  .keys .which { grid-column: 1; }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --card: #fff; --ink: #000; --quiet: #444; --line: #bbb; --bar: #445;
    --good: #145233; --good-wash: #fff; --bad: #8c1a13; --bad-wash: #fff; --open: #634100; --open-wash: #fff;
    --known: #2a4478; --known-wash: #fff;
  }
  @page { margin: 12mm; }
  /* Two pages for a pass: everything is measured by this. */
  html { font-size: 7.4pt; }
  .page { max-width: none; padding: 0; }
  section { margin-top: 1.4rem; }
  .card { padding: 0.7rem 1rem; }
  .verdict { padding: 1rem 1.5rem; }
  .chain svg { max-height: 17rem; }
  th, td { padding-top: 0.28rem; padding-bottom: 0.28rem; }
  .checks th code { display: inline; margin-left: 0.5rem; }
  .pair ul, .steps { gap: 0.25rem; }
  .verdict, .card, tr, .keys li { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .bar, .icon, .badge { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
