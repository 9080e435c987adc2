/** The proof as a chain, source = file = restored: what each end says, and whether the two ends of a link agree. */
import { wasRead } from "./end";
import { counted, grouped, moment } from "../wire/figures";
import type { Check, CheckVerdict, Report, V2Summary } from "./report";

/** `unknown`: nobody could compare, so it is neither good nor bad. */
export type Agreement = "same" | "explained" | "differs" | "unknown";

export interface ChainFact {
  readonly name: "Revision" | "Keys" | "HashKV" | "Index" | "v2 keys" | "v3 keys";
  /** `undefined` when it was not told. */
  readonly value: string | undefined;
  /** Whether it is what the link before it asks for; `undefined` when the value stands for itself. */
  readonly agreement: Agreement | undefined;
}

export interface ChainNode {
  readonly title: string;
  readonly subtitle: string;
  /** False when nothing at all is known of it. */
  readonly known: boolean;
  readonly facts: readonly ChainFact[];
}

export interface ChainLink {
  readonly agreement: Agreement;
  /** One or two short lines. */
  readonly words: readonly string[];
}

export interface ProofChain {
  readonly nodes: readonly [source: ChainNode, file: ChainNode, restored: ChainNode];
  readonly links: readonly [sourceToFile: ChainLink, fileToRestored: ChainLink];
}

/**
 * The verdicts of the checks decide, not the numbers: HashKV depends on the revision and the compaction that it is asked
 * for, so two equal stores may show two numbers, and only the check compares like with like.
 */
export function proofChain(report: Report): ProofChain {
  return {
    nodes: [sourceNode(report), fileNode(report), restoredNode(report)],
    links: [sourceLink(report), restoredLink(report)],
  };
}

/** The verdict of a check by its id; `undefined` when the report has no such check. */
export function verdictOf({ checks }: Report, id: string): CheckVerdict | undefined {
  return checks.find((check) => check.id === id)?.verdict;
}

function sourceNode(report: Report): ChainNode {
  const { source } = report;
  const title = "Source";
  if (source === undefined) {
    const facts =
      report.v2 === undefined
        ? facts3(undefined, undefined, undefined)
        : v2Facts(undefined, undefined, undefined);
    return { title, subtitle: "not known: no manifest", known: false, facts };
  }
  // The manifest tells no number of keys.
  const hash: Told = source.hashKv === undefined ? undefined : [source.hashKv];
  const facts = facts3([source.revision], undefined, hash);
  return { title, subtitle: moment(source.takenAt), known: true, facts };
}

function fileNode(report: Report): ChainNode {
  const { snapshot, v2 } = report;
  const known = wasRead(report);
  return {
    title: "Backup file",
    subtitle: snapshot.file.split(/[\\/]/).pop() ?? "",
    known,
    facts: v2
      ? v2Facts(v2.index, v2.keys, snapshot.keys)
      : known
        ? facts3([snapshot.revision], [snapshot.keys], [snapshot.hashKv])
        : facts3(undefined, undefined, undefined),
  };
}

function restoredNode(report: Report): ChainNode {
  const { restored } = report;
  const told = (value: number, id: string): Told => {
    const agreement = agreementOf(verdictOf(report, id));
    // 0 is what the report says for a number that was not told; only a check makes it a real one.
    return value === 0 && agreement === "unknown" ? undefined : [value, agreement];
  };
  const { v2 } = report;
  const agreed = (id: string) => agreementOf(verdictOf(report, id));
  return {
    title: "Restored etcd",
    subtitle: restored.endpoint === "" ? "not asked" : restored.endpoint,
    known: restored.revision > 0,
    facts: v2
      ? v2Facts(v2.servedIndex, v2.same.keys, restored.keys, {
          index: agreed("v2-index"),
          keys: agreed("v2-read-back"),
          v3: agreed(report.snapshot.keys === 0 ? "v3-keys" : "key-count"),
        })
      : facts3(
          told(restored.revision, "revision"),
          told(restored.keys, "key-count"),
          told(restored.hashKv, "hashkv"),
        ),
  };
}

function sourceLink(report: Report): ChainLink {
  if (report.source === undefined) return { agreement: "unknown", words: ["not known"] };
  const otherFile = report.checks.some(
    ({ id, source, verdict }) => id === "sha256" && source === "manifest" && verdict === "fail",
  );
  if (otherFile) return { agreement: "differs", words: ["another file", "than the manifest's"] };
  if (report.source.hashKv === undefined) {
    return { agreement: "unknown", words: ["not comparable:", "it moved on"] };
  }
  return hashLink(agreementOf(verdictOf(report, "source-hashkv")));
}

function restoredLink(report: Report): ChainLink {
  const { differences, snapshot, v2 } = report;
  if (v2) return v2Link(report, v2, agreementOf(verdictOf(report, "v2-read-back")));
  const readBack = verdictOf(report, "read-back");
  const content = ["hashkv", "key-count", "read-back"].map((id) => verdictOf(report, id));
  const link = hashLink(agreementOf(verdictOf(report, "hashkv")));
  if (differences.total > 0) {
    const differ = `${short(differences.total)} ${differences.total === 1 ? "differs" : "differ"}`;
    // Compared at the backup's revision the hash is the same, but somebody wrote since.
    const words =
      link.agreement === "same" ? ["same HashKV then", `${differ} now`] : [...link.words, differ];
    return { agreement: "differs", words };
  }
  if (content.includes("fail")) return { agreement: "differs", words: link.words };
  const read = `${short(snapshot.keys)} read back`;
  return { ...link, words: [...link.words, ...(readBack === "pass" ? [read] : [])] };
}

/** The picture has little room, and the tables have the number. */
function short(keys: number): string {
  return keys < 1e6 ? counted(keys, "key") : "keys";
}

function hashLink(agreement: Agreement): ChainLink {
  switch (agreement) {
    case "same":
    case "explained":
      return { agreement, words: ["same HashKV"] };
    case "differs":
      return { agreement, words: ["HashKV differs"] };
    case "unknown":
      return { agreement, words: ["not compared"] };
  }
}

function agreementOf(verdict: Check["verdict"] | undefined): Agreement {
  switch (verdict) {
    case "pass":
      return "same";
    case "fail":
      return "differs";
    case "explained":
      return "explained";
    case "not-checked":
    case undefined:
      return "unknown";
  }
}

type Told = readonly [value: number, agreement?: Agreement] | undefined;

function facts3(revision: Told, keys: Told, hashKv: Told): readonly ChainFact[] {
  const fact = (
    name: ChainFact["name"],
    told: Told,
    text: (value: number) => string,
  ): ChainFact => ({
    name,
    value: told && text(told[0]),
    agreement: told?.[1],
  });
  return [
    fact("Revision", revision, String),
    fact("Keys", keys, grouped),
    fact("HashKV", hashKv, String),
  ];
}

/** The facts of a card where the backup holds a v2 store. */
function v2Facts(
  index: number | undefined,
  v2Keys: number | undefined,
  v3Keys: number | undefined,
  agreement: Readonly<Partial<Record<"index" | "keys" | "v3", Agreement>>> = {},
): readonly ChainFact[] {
  const text = (value: number | undefined) => (value === undefined ? undefined : grouped(value));
  return [
    {
      name: "Index",
      value: index === undefined ? undefined : String(index),
      agreement: agreement.index,
    },
    { name: "v2 keys", value: text(v2Keys), agreement: agreement.keys },
    { name: "v3 keys", value: text(v3Keys), agreement: agreement.v3 },
  ];
}

/** The link from a v2 backup to the etcd. */
function v2Link(report: Report, v2: V2Summary, agreement: ChainLink["agreement"]): ChainLink {
  const { total } = report.differences;
  if (total > 0)
    return {
      agreement: "differs",
      words: [`${counted(total, "key")} ${total === 1 ? "differs" : "differ"}`],
    };
  return { agreement, words: ["each read back:", `${short(v2.same.keys)} the same`] };
}
