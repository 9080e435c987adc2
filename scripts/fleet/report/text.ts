/** The report over many as a terminal shows it. */
import pc from "picocolors";
import { ageOf, counted, duration, grouped, moment } from "../../../etcd/wire/figures";
import { visible } from "../../../etcd/wire/visible";
import { notGood, percent, type FleetReport, type RowVerdict } from "./fleet-report";

const WORDS: Readonly<Record<RowVerdict, string>> = {
  pass: "proved",
  restorable: "read whole and restorable",
  fail: "failed",
  incomplete: "not found out",
  missing: "without a result",
};

/** As many that are not good are told one by one. */
const MOST_TOLD = 20;
const MOST_EXTREME = 3;

/** One line: the verdict, and how many of how many. */
export function verdictSentence({ verdict, backups, counts, places }: FleetReport): string {
  if (backups === 0) {
    const where = places.map(({ name }) => visible(name)).join(", ");
    return `${verdict.toUpperCase()}: there are no results in ${where}`;
  }
  const parts = (Object.keys(WORDS) as RowVerdict[])
    .filter((name) => counts[name] > 0)
    .map((name) => `${grouped(counts[name])} ${WORDS[name]}`);
  return `${verdict.toUpperCase()}: of ${counted(backups, "backup")} ${parts.join(", ")}`;
}

/** What share passed lately. */
export function coverageSentence({ coverage, backups }: FleetReport): string {
  const { proved, share, withinSeconds } = coverage;
  return `${percent(share)} were proved in the last ${ageOf(withinSeconds)} (${grouped(proved)} of ${grouped(backups)})`;
}

/** Places in which there is nothing to put together: mistyped mostly, or a run that wrote its results elsewhere. */
export function emptyPlaces({ places }: FleetReport): readonly string[] {
  return places
    .filter(({ results }) => results === 0)
    .map(({ name, files }) => {
      const lie = files === 0 ? "nothing lies there" : `of ${counted(files, "file")} none is one`;
      return `no results in ${visible(name)}: ${lie}; \`drill --from LIST --results PLACE\` writes them`;
    });
}

/** What was checked of signatures and histories, and what is wrong; nothing where nothing was asked for. */
export function evidenceLines({ evidence, places }: FleetReport): readonly string[] {
  const { signed, histories, problems } = evidence;
  const results = places.reduce((sum, place) => sum + place.results, 0);
  const more = problems.length - MOST_TOLD;
  const told = problems.slice(0, MOST_TOLD).map((problem) => `  evidence: ${visible(problem)}`);
  return [
    ...(signed && problems.length === 0
      ? [`${counted(results, "result")} signed by this key`]
      : []),
    ...histories.map(
      ({ file, lines, head }) =>
        `history ${visible(file)}: intact, ${counted(lines, "line")}; the last has the hash ${head}`,
    ),
    ...told,
    ...(more > 0 ? [`  evidence: and ${grouped(more)} more`] : []),
  ];
}

export function fleetText(report: FleetReport, { color }: { readonly color: boolean }): string {
  const { green, red, yellow } = pc.createColors(color);
  const { verdict, rows, slowest, oldest, unreadable } = report;
  const tone = verdict === "fail" ? red : verdict === "incomplete" ? yellow : green;
  const bad = notGood(rows);
  const more = bad.length - MOST_TOLD;
  return [
    tone(verdictSentence(report)),
    ...(report.backups === 0 ? [] : [coverageSentence(report)]),
    ...emptyPlaces(report),
    ...bad
      .slice(0, MOST_TOLD)
      .map((row) => `  ${row.verdict} ${visible(row.name)}: ${visible(row.reason ?? "")}`),
    ...(more > 0 ? [`  and ${grouped(more)} more`] : []),
    ...evidenceLines(report),
    ...unreadable.slice(0, MOST_TOLD).map((name) => `  not readable: ${visible(name)}`),
    ...(slowest.length === 0
      ? []
      : [
          `slowest: ${slowest
            .slice(0, MOST_EXTREME)
            .map(({ name, seconds }) => `${visible(name)} ${duration(seconds)}`)
            .join(", ")}`,
        ]),
    ...(oldest.length === 0
      ? []
      : [
          `oldest: ${oldest
            .slice(0, MOST_EXTREME)
            .map(({ name, takenAt }) => `${visible(name)} of ${moment(takenAt)}`)
            .join(", ")}`,
        ]),
  ].join("\n");
}
