/** What `boot` found, for a person at a terminal; its last line is the verdict. */
import pc from "picocolors";
import { checkTable } from "../etcd/report/text";
import type { TextOptions } from "../etcd/report/text-columns";
import { fitted } from "../etcd/wire/lines";
import { counted, duration, grouped, moment, size } from "../etcd/wire/figures";
import { visible } from "../etcd/wire/visible";
import type { BootReport } from "./boot-report";
import { differenceText } from "./kubernetes";

const LABEL = 11;
const LINE = 100;
/** Objects that are named; the JSON has 100. */
const NAMED = 20;

/** The report as text, without a newline at its end. */
export function bootText(report: BootReport, { color }: TextOptions): string {
  const colors = color === undefined ? pc : pc.createColors(color);
  const { snapshot, kubernetes, isolation, etcdVersion, phases, notes, checks } = report;
  const rows: (readonly [label: string, text: string])[] = [
    ["backup", visible(snapshot.file)],
    [
      "",
      `${size(snapshot.bytes)}, ${counted(snapshot.keys, "key")}, revision ${snapshot.revision}`,
    ],
    ["clone", `etcd ${etcdVersion}, ${isolationText(isolation)}`],
    ...(kubernetes === undefined
      ? []
      : ([
          ["kubernetes", `${kubernetes.version}, told by ${visible(kubernetes.versionFrom)}`],
          [
            "",
            `ready after ${duration(kubernetes.readySeconds)}, listed in ${duration(kubernetes.listSeconds)}`,
          ],
        ] as const)),
    ["time", duration(report.seconds)],
    ...phaseLines(phases).map((line) => ["", line] as const),
  ];
  const head = colors.bold(`${visible(report.tool)}, boot, ${moment(report.startedAt)}`);
  return [
    head,
    ...rows.map(([label, text]) => colors.dim(label.padEnd(LABEL)) + fitted(text, LINE - LABEL)),
    "",
    checkTable(checks, colors),
    ...differenceLines(report, colors),
    ...(notes.length === 0 ? [] : ["", colors.bold("What would happen next")]),
    ...notes.map((note) => `  ${visible(note)}`),
    "",
    verdictLine(report, colors),
  ].join("\n");
}

/** The phases, as many on a line as fit. */
function phaseLines(phases: BootReport["phases"]): readonly string[] {
  const lines: string[] = [];
  for (const { name, seconds } of phases) {
    const text = `${name} ${duration(seconds)}`;
    const last = lines.at(-1);
    if (last === undefined || last.length + text.length + 2 > LINE - LABEL) lines.push(text);
    else lines[lines.length - 1] = `${last}, ${text}`;
  }
  return lines;
}

type Colors = ReturnType<typeof pc.createColors>;

function isolationText({ network, reason }: BootReport["isolation"]): string {
  return network === "namespace"
    ? "in a network namespace of its own"
    : `on this computer's loopback, not cut off: ${visible(reason ?? "")}`;
}

function differenceLines({ kubernetes }: BootReport, colors: Colors): readonly string[] {
  if (kubernetes === undefined || kubernetes.differences === 0) return [];
  const { differences, details } = kubernetes;
  const named = details.slice(0, NAMED);
  const more = differences - named.length;
  return [
    "",
    colors.bold(`${counted(differences, "object")} ${differences === 1 ? "differs" : "differ"}`),
    ...named.map((difference) => `  ${fitted(visible(differenceText(difference)), LINE - 2)}`),
    ...(more > 0 ? [colors.dim(`  and ${grouped(more)} more`)] : []),
  ];
}

function verdictLine({ verdict, checks, kubernetes }: BootReport, colors: Colors): string {
  const ids = (wanted: string) =>
    checks.flatMap(({ id, verdict: is }) => (is === wanted ? [id] : [])).join(", ");
  switch (verdict) {
    case "pass": {
      const objects =
        kubernetes === undefined
          ? "the store lives"
          : `kube-apiserver ${kubernetes.version} lists ${grouped(kubernetes.same)} of ${counted(kubernetes.expected, "object")} as the file holds them`;
      return `${colors.green(colors.bold("PASS"))}  ${objects}`;
    }
    case "fail":
      return `${colors.red(colors.bold("FAIL"))}  failed: ${ids("fail")}`;
    case "incomplete": {
      const open = ids("not-checked");
      const what = open === "" ? "nothing was asked for" : `could not be checked: ${open}`;
      return `${colors.yellow(colors.bold("INCOMPLETE"))}  ${what}`;
    }
  }
}
