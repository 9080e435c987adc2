/**
 * A HashKV of the source that speaks of what the file holds. The source moves on while it is saved, and HashKV is
 * comparable only where revision and compaction are the same on both sides; a file can be hashed with any later
 * compaction, but not with an earlier one, whose records it no longer has.
 */
import type { MemberHash } from "../../client/member-client";
import type { Snapshot } from "../../snapshot/types";
import type { Source } from "./source";

/** What the file says of itself. */
export type FileMarks = Pick<Snapshot, "revision" | "compactRevision">;

/** The pair, or why there is none. */
export type HashPair = MemberHash | { readonly notComparable: string };

/** A hash that was asked for, or why there was no answer. */
export type Asked = MemberHash | { readonly refused: string };

/** Why an answer says nothing of a file; undefined when it does. */
export function whyNotComparable(file: FileMarks, hash: MemberHash): string | undefined {
  if (hash.revision > file.revision) {
    return `the source was hashed at revision ${hash.revision}, the file ends at ${file.revision}`;
  }
  if (hash.compactRevision < file.compactRevision) {
    return (
      `the source was hashed with compaction ${hash.compactRevision}, ` +
      `the file is compacted to ${file.compactRevision}`
    );
  }
  return undefined;
}

/** Asks, and makes a refusal an answer: a backup is good without a hash, only less is proved of it. */
export async function askHash(source: Source, revision: number): Promise<Asked> {
  try {
    return await source.hashKv(revision);
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * The pair that covers most of the file.
 *
 * 1. What was asked when the snapshot began, if nothing was written meanwhile.
 * 2. HashKV at the file's own revision; until the source compacts past it.
 * 3. Exactly at its last compaction etcd answers with the hash that it stored then, of the compaction before
 *    (`hashStorage.HashByRev`): asked for no revision it hashes anew.
 * 4. What was asked when the snapshot began, although it covers the file only up to that revision.
 *
 * @param early HashKV at the revision before the snapshot, asked after the snapshot had begun
 */
export async function findPair(source: Source, file: FileMarks, early: Asked): Promise<HashPair> {
  const fits = (asked: Asked): asked is MemberHash =>
    "hash" in asked && whyNotComparable(file, asked) === undefined;
  if (fits(early) && early.revision === file.revision) return early;
  const exact = await askHash(source, file.revision);
  if (fits(exact)) return exact;
  if ("hash" in exact) {
    const now = await askHash(source, 0);
    if (fits(now)) return now;
  }
  if (fits(early)) return early;
  const why = "refused" in exact ? exact.refused : whyNotComparable(file, exact);
  return { notComparable: why ?? "no HashKV of the source fits the file" };
}
