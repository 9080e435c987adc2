/** The facts of an inspection, a label and its lines each: the upper half of its screen. */
import { describeContainer } from "../backup/container";
import { type EncryptionFindings, readersText } from "../encryption/findings";
import { counted, duration, grouped, moment, size } from "../wire/figures";
import { visible } from "../wire/visible";
import type { Inspection } from "./inspection";
import { LABEL } from "./text-lines";

type Fact = readonly [label: string, text: string];

export function facts(inspection: Inspection, width: number): readonly Fact[] {
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
