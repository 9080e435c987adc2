/** What speaks against a manifest: that the file says otherwise, or that its signature does not hold. */
import { clusterIdentity } from "../kubernetes/cluster-identity";
import type { Snapshot } from "../snapshot/types";
import type { Container } from "./container";
import { hashPairOf, type Manifest } from "./manifest";

/** A field that is not right, and how. */
export interface ManifestProblem {
  /** `source.hashKv` */
  readonly field: string;
  readonly problem: string;
}

/** What a manifest is judged by. */
export interface ManifestWitness {
  readonly snapshot: Snapshot;
  /** What the snapshot was packed in. */
  readonly container?: Container | undefined;
  /** SHA-256 of the public key that must have signed it (`keySha256Of`). @default any key, or none */
  readonly trustedKey?: string | undefined;
}

/** What a field of the manifest, or the file, says. */
type Told = string | number | undefined;

/**
 * All that is wrong with a manifest, field by field; empty when nothing is. What the file cannot know (when it was
 * taken, where) only the signature covers.
 */
export function manifestProblems(
  manifest: Manifest,
  { snapshot, container, trustedKey }: ManifestWitness,
): readonly ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const say = (field: string, problem: string) => problems.push({ field, problem });
  const compare = (field: string, told: Told, found: Told, of = "the file") => {
    if (told !== undefined && found !== undefined && told !== found) {
      say(field, `is ${String(told)} in the manifest, and ${String(found)} in ${of}`);
    }
  };
  compare("sha256", manifest.sha256.toLowerCase(), snapshot.sha256);
  compare("bytes", manifest.bytes, snapshot.bytes);
  if (container?.sha256 !== undefined) {
    compare(
      "packed.sha256",
      manifest.packed?.sha256.toLowerCase(),
      container.sha256,
      "the packed file",
    );
    compare("packed.bytes", manifest.packed?.bytes, container.bytes, "the packed file");
  }
  for (const { field, problem } of sourceProblems(manifest, snapshot)) say(field, problem);
  if (manifest.kubernetes !== undefined) {
    const { uid, cluster } = clusterIdentity(snapshot.live);
    compare("kubernetes.uid", manifest.kubernetes.uid, uid);
    compare("kubernetes.cluster", manifest.kubernetes.cluster, cluster);
  }
  const signature = signatureProblem(manifest, trustedKey);
  if (signature !== undefined) say("signature", signature);
  return problems;
}

/** The same as reasons against a restore; of no manifest one, where a signature was asked for. */
export function manifestReasons(
  manifest: Manifest | undefined,
  witness: ManifestWitness,
): readonly string[] {
  if (manifest === undefined) {
    return witness.trustedKey === undefined
      ? []
      : [`no manifest lies beside it, and one signed by key ${witness.trustedKey} was asked for`];
  }
  const problems = manifestProblems(manifest, witness);
  if (problems.length === 0) return [];
  const named = problems.map(({ field, problem }) => `its ${field} ${problem}`).join("; ");
  const replaced = problems.some(({ field }) => field === "sha256");
  return [
    `the manifest beside it does not fit: ${named}${replaced ? ". One of the two was replaced" : ""}`,
  ];
}

function sourceProblems(manifest: Manifest, snapshot: Snapshot): readonly ManifestProblem[] {
  const { source } = manifest;
  const problems: ManifestProblem[] = [];
  const members = snapshot.members.map(({ id }) => BigInt.asUintN(64, id).toString(16));
  if (source.memberId !== undefined && members.length > 0 && !members.includes(source.memberId)) {
    const problem = `is ${source.memberId} in the manifest, and the file knows ${members.join(", ")}`;
    problems.push({ field: "source.memberId", problem });
  }
  const pair = hashPairOf(manifest);
  if (pair === undefined) return problems;
  const ends = `the file ends at ${snapshot.revision}, compacted to ${snapshot.compactRevision}`;
  if (pair.revision > snapshot.revision) {
    problems.push({ field: "source.hashKvRevision", problem: `is ${pair.revision}, and ${ends}` });
  } else if (
    pair.compactRevision < snapshot.compactRevision ||
    pair.compactRevision > pair.revision
  ) {
    problems.push({
      field: "source.compactRevision",
      problem: `is ${pair.compactRevision}, and ${ends}`,
    });
  } else {
    const own = snapshot.hashKv(pair.revision, pair.compactRevision);
    const at = `at revision ${pair.revision}, compacted to ${pair.compactRevision}`;
    if (own !== pair.hash) {
      const problem = `is ${pair.hash} in the manifest, and ${own} in the file ${at}`;
      problems.push({ field: "source.hashKv", problem });
    }
  }
  if (source.revision !== pair.revision) {
    const problem = `is ${source.revision}, and the source was hashed at ${pair.revision}`;
    problems.push({ field: "source.revision", problem });
  }
  return problems;
}

/** What is wrong with its signature; undefined where nothing is. */
export function signatureProblem(
  { seal }: Manifest,
  trustedKey: string | undefined,
): string | undefined {
  if (seal === undefined) {
    return trustedKey === undefined
      ? undefined
      : `is missing: the manifest is not signed, and key ${trustedKey} was asked for`;
  }
  if (!seal.intact) {
    return `does not fit: the manifest was altered after key ${seal.keySha256} had signed it`;
  }
  return trustedKey === undefined || trustedKey === seal.keySha256
    ? undefined
    : `is of another key: ${seal.keySha256} signed it, and ${trustedKey} was asked for`;
}
