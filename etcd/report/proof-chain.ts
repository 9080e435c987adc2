/** The proof as a chain, source = file = restored: what each end says, and whether the two ends of a link agree. */
import { wasRead } from "./end";
import { counted, grouped, moment } from "../wire/figures";
import type { Check, CheckVerdict, Report } from "./report";

/** `unknown`: nobody could compare, so it is neither good nor bad. */
export type Agreement = "same" | "explained" | "differs" | "unknown";

export interface ChainFact {
  readonly name: "Revision" | "Keys" | "HashKV";
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
    const facts = facts3(undefined, undefined, undefined);
    return { title, subtitle: "not known: no manifest", known: false, facts };
  }
  // The manifest tells no number of keys.
  const hash: Told = source.hashKv === undefined ? undefined : [source.hashKv];
  const facts = facts3([source.revision], undefined, hash);
  return { title, subtitle: moment(source.takenAt), known: true, facts };
}

function fileNode(report: Report): ChainNode {
  const { snapshot } = report;
  const known = wasRead(report);
  return {
    title: "Backup file",
    subtitle: snapshot.file.split(/[\\/]/).pop() ?? "",
    known,
    facts: known
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
  return {
    title: "Restored etcd",
    subtitle: restored.endpoint === "" ? "not asked" : restored.endpoint,
    known: restored.revision > 0,
    facts: facts3(
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
  const { differences, snapshot } = report;
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
