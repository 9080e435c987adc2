/** What a report means, in sentences that are true of this very report: for readers who do not know etcd. */
import { counted, moment } from "../wire/figures";
import { visible } from "../wire/visible";
import { verdictOf } from "./proof-chain";
import { V2_BEFORE_USE, V2_PROVES_NOT, v2Proved, v2Proves } from "./v2-words";
import type { Check, ClusterSummary, Report } from "./report";
import { causeOf } from "./cause";

/** Whose backup it is, and of when. */
export function clusterText({ uid, kubernetesVersion, lastRenewal }: ClusterSummary): string {
  return [
    ...(uid === undefined ? ["of an unknown cluster"] : [visible(uid)]),
    ...(kubernetesVersion === undefined ? [] : [`Kubernetes ${visible(kubernetesVersion)}`]),
    ...(lastRenewal === undefined ? [] : [`as of ${moment(lastRenewal)}`]),
  ].join(", ");
}

/** The verdict in one sentence. */
export function headline(report: Report): string {
  const { verdict, checks, snapshot, differences, level, ended } = report;
  if (ended !== undefined) {
    return `Nothing was compared: the run ended in the phase ${ended.phase}. ${ended.reason}`;
  }
  const of = (wanted: Check["verdict"]): string =>
    `${having(report, wanted).length} of ${counted(checks.length, "check")}`;
  switch (verdict) {
    case "pass": {
      if (report.v2 !== undefined) return `${v2Proved(report, report.v2)}.`;
      if (snapshot.keys === 0)
        return "The backup holds no key at all, and the restored etcd has none.";
      const keys = counted(snapshot.keys, "key");
      const all = snapshot.keys === 1 ? "The only key" : `All ${keys}`;
      if (verdictOf(report, "read-back") !== "pass" || level === "quick") {
        return `The restored etcd has the HashKV of the backup and as many keys: ${keys} at revision ${snapshot.revision}.`;
      }
      return level === "full"
        ? `${all} came back exactly as in the backup: value, revisions, version and lease.`
        : `${all} came back with the revisions, version and lease of the backup, and with the same HashKV over everything.`;
    }
    case "fail": {
      const keys = counted(differences.total, "key");
      const located =
        differences.total === 0
          ? ""
          : ` ${keys} ${differences.total === 1 ? "is" : "are"} not as in the backup.`;
      const cause = causeOf(report);
      if (cause !== undefined)
        return `Do not rely on this restore: the etcd that was asked is ${cause}.`;
      return `Do not rely on this restore: ${of("fail")} failed.${located}`;
    }
    case "incomplete":
      return `Not proved: ${of("not-checked")} could not be made.`;
  }
}

/** What the verdict proves, a sentence each. */
export function proves(report: Report): string[] {
  const { verdict, restored, snapshot, source, level, ended } = report;
  if (ended !== undefined) {
    return [
      verdict === "fail"
        ? "This run did not lead to a restored etcd that could be compared with the backup, for the reason above."
        : "Nothing, neither for nor against the backup: the run did not come to its verification, for the reason above.",
    ];
  }
  const failed = titles(having(report, "fail"));
  const open = titles(having(report, "not-checked"));
  const passed = having(report, "pass").length;
  switch (verdict) {
    case "fail":
      return [
        `At least one thing is not as the backup, its manifest or the settings say: ${failed}.`,
        "That is a fact about the etcd that was asked, not yet about the backup: the file, the restore and whoever wrote to this etcd since are all suspects.",
        ...(passed > 0
          ? [
              `${counted(passed, "other check")} passed and narrow${passed === 1 ? "s" : ""} the search.`,
            ]
          : []),
      ];
    case "incomplete":
      return [
        `Nothing that could be checked contradicts the backup: ${counted(passed, "check")} passed and none failed.`,
        `But that is not enough for the level “${level}”, because of what could not be checked: ${open}.`,
      ];
    case "pass":
      if (report.v2 !== undefined) {
        return [...v2Proves(report, report.v2), ...explainedWords(report)];
      }
      return [
        `The etcd ${restored.etcdVersion} at ${restored.endpoint} serves what the backup file holds at revision ${snapshot.revision}.`,
        ...(verdictOf(report, "hashkv") === "pass"
          ? [
              "It computed the same HashKV, a checksum over every key, value, revision and version that it keeps, as was computed from the file without any help of etcd.",
            ]
          : []),
        ...readBackWords(report),
        ...useWords(report),
        ...(source !== undefined && verdictOf(report, "source-hashkv") === "pass"
          ? [
              `The file in turn is what the source cluster said it held when the backup was taken (${moment(source.takenAt)}).`,
            ]
          : []),
        ...encryptionWords(report),
        ...explainedWords(report),
      ];
  }
}

function readBackWords(report: Report): string[] {
  if (verdictOf(report, "read-back") !== "pass") return [];
  const what =
    report.level === "full"
      ? "value, revisions, version and lease"
      : "revisions, version and lease";
  const how =
    report.level === "full"
      ? ", by its length and by a digest under a key that is drawn anew for each run: whoever does not know it, a lying server included, cannot make another value that passes"
      : "";
  return [`Then each key was read back, and its ${what} compared with the file${how}.`];
}

function encryptionWords({ checks, encryption }: Report): string[] {
  const passed = checks.some(({ id, verdict }) => id === "encryption" && verdict === "pass");
  if (!passed || encryption === undefined || encryption.encrypted === 0) return [];
  return [
    `With the encryption configuration that was given, ${encryption.encrypted === 1 ? "the only encrypted value decrypts" : `all ${counted(encryption.encrypted, "encrypted value")} decrypt`} to the object that its key names.`,
  ];
}

/** What a clone of the backup showed; it is another etcd, that was restored from the same file. */
function useWords(report: Report): string[] {
  const objects = report.checks.find(({ id }) => id === "kubernetes-objects");
  const server = report.checks.find(({ id }) => id === "kubernetes-ready");
  const lives = report.checks.filter(({ id }) => id.startsWith("life-"));
  return [
    ...(objects?.verdict === "pass" && server !== undefined
      ? [
          `A kube-apiserver came up on a clone of the backup (${server.found ?? ""}) and listed ${objects.expected ?? ""} with the namespace, name, uid and resourceVersion that the file has.`,
        ]
      : []),
    ...(lives.length > 0 && lives.every(({ verdict }) => verdict === "pass")
      ? [
          "A clone of the backup lived: it came back after a restart, took writes, watches, leases and a compaction, gave a whole backup of itself, and a second member joined it.",
        ]
      : []),
  ];
}

function explainedWords(report: Report): string[] {
  const explained = having(report, "explained");
  if (explained.length === 0) return [];
  return [
    `${counted(explained.length, "check")} found something other than the file says, for a reason that is known and given beside it: ${titles(explained)}.`,
  ];
}

/** What no verdict of this report proves, a sentence each. */
export function provesNot(report: Report): string[] {
  const { source, level, snapshot, ended } = report;
  if (ended !== undefined) {
    return [
      "That the backup restores. Where an earlier run proved it, that report is of another run, and this one has taken its place.",
    ];
  }
  if (report.v2 !== undefined) {
    return [
      "Anything about the source: the proof begins at the files. A good backup of the wrong cluster, or of last month, would look the same.",
      V2_PROVES_NOT,
      "Users, roles and passwords of etcd. Members and cluster id are new on purpose.",
      "That applications can use the data: no application has used this store.",
    ];
  }
  const sourceWords =
    source === undefined
      ? "Anything about the source: no manifest lies beside the file, so the proof begins at the file. A good backup of the wrong cluster, or of last month, would look the same."
      : `Anything that the source wrote after revision ${snapshot.revision}: it is not in the backup.`;
  const levelWords = {
    quick: [
      "Each key by itself: HashKV has 32 bits. It finds accidents, not somebody who means to deceive.",
    ],
    standard: [
      "Each value by itself: values were compared by HashKV alone, which has 32 bits. It finds accidents, not somebody who means to deceive.",
    ],
    full: [],
  }[level];
  return [
    sourceWords,
    ...levelWords,
    verdictOf(report, "auth") === "pass"
      ? "Passwords of etcd's users: etcd does not tell them. (From 3.5 on it tells that nobody changed any since the backup.) Members and cluster id are new on purpose."
      : "Users, roles and passwords of etcd. Members and cluster id are new on purpose.",
    verdictOf(report, "kubernetes-objects") === "pass"
      ? "That applications run: an API server has read every object of a clone, but no controller, node or application has used this store. Certificates and keys that lie outside etcd were not there."
      : verdictOf(report, "encryption") === "pass"
        ? "That applications can use the data: certificates and tokens lie outside etcd, and no application has used this store."
        : "That applications can use the data: keys that decrypt Kubernetes Secrets, certificates and tokens lie outside etcd, and no application has used this store.",
  ];
}

/** What to do before a real cluster uses a restored store. */
export function beforeUse({ snapshot, restored, v2 }: Report): string[] {
  if (v2 !== undefined) return [...V2_BEFORE_USE];
  return [
    restored.compactRevision > snapshot.revision
      ? `The revision was raised from ${snapshot.revision} to ${restored.revision}, and everything before is marked as compacted: clients that have seen a later revision than the backup's notice that, if no more than that was written since.`
      : `A plain restore takes the store back to revision ${snapshot.revision}. Clients that have seen a later one, such as Kubernetes' controllers and the caches of its API servers, would trust stale data: restore with a raised revision (setting bumpRevision), by more than was written since the backup.`,
    "Then restart whatever keeps a watch: the API servers first, then controller managers, schedulers and kubelets, and operators that run in the cluster.",
    "Keep with the backup what is not in it: the encryption configuration, the certificate authorities and the service account keys.",
    "Leases start anew at a restore: keys with a lease stay for one more full term, then they go. For short ones, such as Kubernetes' masterleases and events, that is as it should be.",
  ];
}

function having({ checks }: Report, verdict: Check["verdict"]): readonly Check[] {
  return checks.filter((check) => check.verdict === verdict);
}

function titles(checks: readonly Check[]): string {
  return checks.map(({ title }) => title).join("; ");
}
