/** An inspection for a person at a terminal: one screen of 80 columns and 40 lines, or a narrower one; its last line is the verdict. */
import { describeContainer } from "../backup/container";
import { counted, duration, grouped, moment, size } from "../wire/figures";
import { readersText, type EncryptionFindings } from "../encryption/findings";
import { brokenLines, fitted } from "../wire/lines";
import { visible } from "../wire/visible";
import type { Inspection } from "./inspection";

export const COLUMNS = 80;
const LABEL = 11;
const MOST_ROWS = 5;
const MOST_KEYS = 2;
const MOST_NOTES = 3;

/**
 * Without a newline at its end.
 * @param columns of the terminal; a wider one than 80 is not used
 */
export function inspectionText(inspection: Inspection, columns = COLUMNS): string {
  const { census } = inspection;
  const width = Math.min(columns, COLUMNS);
  const names = namespaceLine(inspection, width);
  return [
    ...facts(inspection, width).flatMap(([label, text]) => labelled(label, text, width)),
    "",
    ...resourceTable(inspection, width),
    ...(census.namespaces.length > 0 ? labelled("namespaces", names, width) : []),
    ...keyed("largest", census.largestValues.slice(0, MOST_KEYS).map(largest), width),
    ...keyed("rewritten", census.mostWritten.slice(0, MOST_KEYS).map(written), width),
    "",
    ...remarks(inspection, width),
    ...wrapped(verdictLine(inspection), "", width, ""),
  ].join("\n");
}

type Fact = readonly [label: string, text: string];

function facts(inspection: Inspection, width: number): readonly Fact[] {
  const { container, structure, etcd, auth, members } = inspection;
  const { pages, pageSize, freePages } = structure;
  return [
    ["file", visible(inspection.file)],
    ...(container === undefined ? [] : [["packed", describeContainer(container)] as const]),
    ["format", `${inspection.format.name}, ${size(inspection.bytes)} (${inspection.bytes} bytes)`],
    ["sha256", `${inspection.sha256}\n${trailerLine(inspection)}`],
    [
      "structure",
      `whole: ${counted(pages, "page")} of ${pageSize} bytes, each reached once or free (${grouped(freePages)})`,
    ],
    [
      "revision",
      `${inspection.revision}, compacted to ${inspection.compactRevision}, HashKV ${inspection.hashKv}\n` +
        `${counted(inspection.keys, "key")} in ${counted(inspection.records, "record")}`,
    ],
    [
      "etcd",
      etcd.version === "unknown"
        ? `does not say which wrote it; restore with ${etcd.restoreWith}`
        : `written by ${visible(etcd.version)}; restore with ${etcd.restoreWith}, served by ${etcd.servedBy.join(", ")}`,
    ],
    ["source", sourceLine(inspection)],
    [
      "members",
      members
        .map(({ name, peerUrls, isLearner }) =>
          // A member tells its name when it first starts.
          [name || "(not started)", ...peerUrls, ...(isLearner ? ["(learner)"] : [])].join(" "),
        )
        .join(", ") || "none",
    ],
    [
      "alarms",
      inspection.alarms.map(({ memberId, alarm }) => `${alarm} of ${memberId}`).join(", ") ||
        "none",
    ],
    [
      "auth",
      `${auth.enabled ? "on" : "off"}, ${counted(auth.users.length, "user")}, ${counted(auth.roles.length, "role")}`,
    ],
    ["leases", leaseLine(inspection)],
    ["cluster", clusterLine(inspection, width)],
    ["encryption", encryptionLine(inspection)],
    ["restore", forecastLine(inspection)],
  ];
}

/** What the manifest tells; nothing where there is none. */
function sourceLine({ manifest }: Inspection): string {
  if (manifest === undefined) return "";
  const { source, takenAt, kubernetes, signedBy, members = [] } = manifest;
  const { hashKv, hashKvRevision, notComparable } = source;
  const where = source.endpoint ?? source.pod ?? "";
  const compared =
    hashKv === undefined
      ? `not comparable: ${notComparable ?? ""}`
      : `it said HashKV ${hashKv} of revision ${String(hashKvRevision)}`;
  const apart = new Set(members.flatMap(({ hash }) => (hash === undefined ? [] : [hash.hashKv])));
  return [
    `${[source.memberName, where].filter(Boolean).join(" ")}, ${moment(new Date(takenAt).toISOString())}`,
    compared,
    ...(apart.size > 1 ? ["ALARM: its members did not hold the same when it was taken"] : []),
    ...(kubernetes?.uid === undefined ? [] : [`cluster ${kubernetes.uid} (kube-system)`]),
    signedBy === undefined ? "the manifest is not signed" : `signed by key ${signedBy}`,
  ].join("\n");
}

function trailerLine({ trailer }: Inspection): string {
  switch (trailer.state) {
    case "matches":
      return "the sha256 at the end of the file is that of its content";
    case "differs":
      return "WRONG: the sha256 at the end of the file is not that of its content";
    case "absent":
      return "ABSENT: there is no sha256 at the end of the file";
  }
}

/** How many times of running out are named. */
const MOST_TIMES = 3;

function leaseLine({ leases }: Inspection): string {
  const { count, keysWithoutTheirLease: lost, byTime } = leases;
  const without =
    lost > 0 ? [`${counted(lost, "key")} whose lease is lost: never gone by itself`] : [];
  if (byTime.length === 0) {
    return lost > 0
      ? [counted(count, "lease"), ...without].join("\n")
      : `${counted(count, "lease")}, no key hangs on one`;
  }
  const groups = byTime.slice(0, MOST_TIMES).map(({ runsOutAfterSeconds, keys, prefixes }) => {
    const more = prefixes.length > 1 ? " …" : "";
    return `${counted(keys, "key")} gone after ${wholeSeconds(runsOutAfterSeconds)}: ${prefixes[0] ?? ""}${more}`;
  });
  return [
    `${counted(count, "lease")}; after a restore, if nobody renews them:`,
    ...groups,
    ...(byTime.length > groups.length ? [`… ${byTime.length - groups.length} later times`] : []),
    ...without,
  ].join("\n");
}

/** Seconds without a fraction, which would say more than is known. */
function wholeSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : duration(whole);
}

function encryptionLine({ census, encryption }: Inspection): string {
  if (encryption !== undefined) return openedLine(encryption);
  const { providers, notEncrypted } = census.encryption;
  return [
    ...providers
      .slice(0, 4)
      .map(
        ({ provider, keyName, keys }) => `${grouped(keys)} by ${provider} '${visible(keyName)}'`,
      ),
    `${counted(notEncrypted, "object")} not encrypted`,
  ].join(", ");
}

/** What the keys of a configuration open. */
function openedLine(findings: EncryptionFindings): string {
  const { encrypted, opened } = findings;
  return `${grouped(opened)} of ${grouped(encrypted)} open${readersText(findings)}`;
}

/** Whose backup it is, and of when. */
function clusterLine({ cluster }: Inspection, width: number): string {
  if (cluster === undefined) return "";
  const { uid, version, nodes, nodeNames, lastRenewal, ageSeconds } = cluster;
  const what = [
    ...(uid === undefined ? [] : [`UID ${uid}`]),
    ...(version === undefined ? [] : [`Kubernetes ${version}`]),
  ];
  const more = [
    ...(lastRenewal === undefined
      ? []
      : [`as of ${moment(lastRenewal)}, ${ageText(ageSeconds ?? 0)}`]),
    ...(nodes > 0 ? [`${counted(nodes, "node")}: `] : []),
  ];
  return [what.join(", "), withNames(more.join("; "), nodeNames, width)].filter(Boolean).join("\n");
}

/** As many names behind a text as fit on its line. */
function withNames(text: string, names: readonly string[], width: number): string {
  const shown = names.map(visible);
  const line = (count: number) =>
    text + shown.slice(0, count).join(", ") + (count < shown.length ? ", …" : "");
  let count = shown.length;
  while (count > 1 && line(count).length > width - LABEL) count -= 1;
  return line(count);
}

/** An age as a person says it. */
function ageText(seconds: number): string {
  if (seconds < 0) return "in the future";
  const hours = Math.floor(seconds / 3600);
  if (hours < 1) return `${counted(Math.floor(seconds / 60), "minute")} ago`;
  return hours < 48
    ? `${counted(hours, "hour")} ago`
    : `${counted(Math.floor(hours / 24), "day")} ago`;
}

function forecastLine({ forecast }: Inspection): string {
  const { memoryBytes, diskBytes, restoreSeconds, diskBytesPerSecond, flavor } = forecast;
  return (
    `${size(memoryBytes)} memory, ${size(diskBytes)} disk, about ${wholeSeconds(restoreSeconds)} ` +
    `at ${diskBytesPerSecond / 1e6} MB/s\na flavor with ${flavor.memoryGiB} GiB memory and ${flavor.diskGiB} GiB disk suffices`
  );
}

/** Resources of Kubernetes; of another store its prefixes. */
function resourceTable({ census }: Inspection, width: number): readonly string[] {
  const { resources, prefixes, others } = census;
  const isKubernetes = resources.length > 0;
  const row = rowOf(width);
  const rows = isKubernetes
    ? resources.map(({ resource, group, storedAs, keys, valueBytes }) =>
        row(
          visible(group === "" ? resource : `${resource}.${group}`),
          grouped(keys),
          size(valueBytes),
          visible([...new Set(Object.keys(storedAs).map(versionOf))].join(", ")),
        ),
      )
    : prefixes.map(({ prefix, keys, valueBytes }) =>
        row(prefix === "" ? "(no folder)" : prefix, grouped(keys), size(valueBytes), ""),
      );
  const shown = rows.slice(0, MOST_ROWS);
  const rest = rows.length - shown.length;
  const tail = [
    ...(rest > 0 ? [`and ${grouped(rest)} more (--json has all)`] : []),
    ...(isKubernetes && others.keys > 0
      ? [`${counted(others.keys, "key")} not of Kubernetes (${size(others.valueBytes)})`]
      : []),
  ];
  if (rows.length === 0) return [];
  const head = isKubernetes
    ? row("resource", "keys", "bytes", "stored as")
    : row("folder", "keys", "bytes", "");
  return [head, ...shown, ...(tail.length > 0 ? wrapped(tail.join(", "), "", width, "") : [])];
}

/** `v1` of `apps/v1 Deployment`: the rest says what the resource's name has said. */
function versionOf(type: string): string {
  return type.split(" ")[0]?.split("/").at(-1) ?? "";
}

/** What stands beside the name in a row. */
const FIGURES = 34;

function rowOf(width: number) {
  const room = width - FIGURES;
  return (name: string, keys: string, bytes: string, detail: string): string =>
    `${fitted(name, room).padEnd(room)}${keys.padStart(9)}${bytes.padStart(11)}  ${fitted(detail, 12)}`.trimEnd();
}

/** As many as fit on the line. */
function namespaceLine({ census }: Inspection, width: number): string {
  const { namespaces, clusterWide } = census;
  const named = namespaces.map(({ namespace, keys }) => `${visible(namespace)} ${grouped(keys)}`);
  const line = (shown: number) => {
    const more = shown < named.length ? `, and ${named.length - shown} more` : "";
    return `${named.slice(0, shown).join(", ")}${more}; without one ${grouped(clusterWide.keys)}`;
  };
  let shown = Math.min(named.length, 12);
  while (shown > 1 && line(shown).length > width - LABEL) shown -= 1;
  return line(shown);
}

function largest({ key, valueBytes }: { key: string; valueBytes: number }): string {
  return `${size(valueBytes).padStart(9)}  ${key}`;
}

function written({ key, version }: { key: string; version: number }): string {
  return `${grouped(version).padStart(7)} ×  ${key}`;
}

function remarks({ reasons, notes }: Inspection, width: number): readonly string[] {
  const shown = notes.slice(0, MOST_NOTES);
  const more = notes.length - shown.length;
  return [
    ...reasons.flatMap((reason) => wrapped(reason, "why not    ", width)),
    ...shown.flatMap((note) => wrapped(note, "note       ", width)),
    ...(more > 0 ? [`           and ${counted(more, "more note")} (--json has all)`] : []),
  ];
}

function verdictLine({ verdict, keys, revision, etcd }: Inspection): string {
  return verdict === "restorable"
    ? `RESTORABLE  ${counted(keys, "key")} at revision ${revision}, with etcd ${etcd.restoreWith}`
    : "NOT RESTORABLE as it is";
}

/** One line of the text for each of its own, and more where it does not fit. */
function labelled(label: string, text: string, width: number): readonly string[] {
  if (text === "") return [];
  return text
    .split("\n")
    .flatMap((line, i) => wrapped(line, (i === 0 ? label : "").padEnd(LABEL), width));
}

/** A line for each key, cut in the middle where it is too long. */
function keyed(label: string, lines: readonly string[], width: number): readonly string[] {
  return lines.map(
    (line, i) => (i === 0 ? label : "").padEnd(LABEL) + fitted(visible(line), width - LABEL),
  );
}

/**
 * Broken between words, so that nothing of a fact is missing; a word that is longer than a line is cut in its middle.
 * @param rest what stands before the lines behind the first one
 */
export function wrapped(
  text: string,
  label: string,
  width = COLUMNS,
  rest = " ".repeat(LABEL),
): readonly string[] {
  const room = width - Math.max(label.length, rest.length);
  return brokenLines(visible(text), room).map((part, i) => (i === 0 ? label : rest) + part);
}
