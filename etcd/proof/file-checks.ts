/** The verdicts on the file itself, from its bytes and its manifest: no server has a part in them. */
import type { Container } from "../backup/container";
import { hashPairOf, type Manifest } from "../backup/manifest";
import { manifestProblems } from "../backup/manifest-problems";
import type { Check } from "../report/report";
import type { Snapshot } from "../snapshot/types";
import { notChecked, same } from "./check-words";

/** The file is what etcd wrote: its own SHA-256, and the manifest's where there is one. */
export function sha256Check(snapshot: Snapshot, manifest?: Manifest): Check {
  const check = { id: "sha256", title: "The file is as it was written", source: "file" };
  const inManifest = manifest?.sha256.toLowerCase();
  const { trailerSha256, contentSha256 } = snapshot;
  if (inManifest !== undefined && (inManifest !== snapshot.sha256 || trailerSha256 === undefined)) {
    return same({ ...check, source: "manifest" }, inManifest, snapshot.sha256);
  }
  return trailerSha256 === undefined
    ? notChecked(
        check,
        "the file carries no SHA-256 (a copy of a database, not a snapshot): nothing tells what it should be",
      )
    : same(check, trailerSha256, contentSha256);
}

/** The file is what the source held when the backup was taken; none where the manifest says that nothing tells. */
export function sourceChecks(snapshot: Snapshot, manifest: Manifest | undefined): readonly Check[] {
  const pair = manifest && hashPairOf(manifest);
  if (pair === undefined) return [];
  const check = {
    id: "source-hashkv",
    title: "The file is what the source held",
    source: "manifest",
  };
  const { revision, compactRevision, hash } = pair;
  if (
    revision > snapshot.revision ||
    compactRevision < snapshot.compactRevision ||
    revision < compactRevision
  ) {
    const reason =
      `the source was hashed at revision ${revision}, compacted to ${compactRevision}; ` +
      `the file ends at ${snapshot.revision}, compacted to ${snapshot.compactRevision}: not comparable`;
    return [notChecked(check, reason, String(hash))];
  }
  return [same(check, String(hash), String(snapshot.hashKv(revision, compactRevision)))];
}

/** Fields that have a check of their own. */
const CHECKED_APART = [
  "sha256",
  "source.hashKv",
  "source.hashKvRevision",
  "source.compactRevision",
];

/**
 * The manifest is as it was written: by its signature, and by what the file says. None where there is nothing to say.
 * @param trustedKey SHA-256 of the public key that must have signed it
 */
export function manifestChecks(
  manifest: Manifest | undefined,
  witness: { readonly snapshot: Snapshot; readonly container?: Container | undefined },
  trustedKey?: string,
): readonly Check[] {
  const check = { id: "manifest", title: "The manifest is as it was written", source: "manifest" };
  const expected = trustedKey === undefined ? "as its signature says" : `signed by ${trustedKey}`;
  if (manifest === undefined) {
    if (trustedKey === undefined) return [];
    return [{ ...check, verdict: "fail", expected, found: "no manifest beside the file" }];
  }
  const problems = manifestProblems(manifest, { ...witness, trustedKey }).filter(
    ({ field }) => !CHECKED_APART.includes(field),
  );
  if (problems.length > 0) {
    const found = problems.map(({ field }) => field).join(", ");
    const reason = problems.map(({ field, problem }) => `${field} ${problem}`).join("; ");
    return [{ ...check, verdict: "fail", expected, found, reason }];
  }
  if (manifest.seal === undefined) return [];
  return [{ ...check, verdict: "pass", expected, found: `signed by ${manifest.seal.keySha256}` }];
}
