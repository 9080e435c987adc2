/** A backup of a v2 store made ready for a restore: its files with ids of their own, and what etcd must answer from them. */
import { createHash } from "node:crypto";
import { compareVersions, etcdVersionOf } from "../../snapshot/judgement";
import { readSnapshot } from "../../snapshot/snapshot";
import { SnapshotError } from "../../snapshot/snapshot-error";
import type { ReadOptions, Snapshot } from "../../snapshot/types";
import { expectedAnswers, questions } from "./expected-answers";
import { databaseProblem } from "./judgement";
import { idToKeep } from "./members";
import { openMember, type OpenedMember } from "./open-member";
import { rewriteMember, type RewrittenFile } from "./rewrite";
import { tarOf } from "./tar-file";
import { readMember, type ReadMember, type V2Store } from "./v2-backup";
import type { MemberIds } from "./write-log";

/** To be closed. */
export interface RestorableV2 {
  readonly store: V2Store;
  /** The v3 store that lies beside it; absent where that has no key. */
  readonly v3?: Snapshot | undefined;
  /** Requests to the v3 store that are in the log and not in its database: what comes of them is known to etcd alone. */
  readonly laterV3Writes: number;
  /** Version of the etcd that wrote it as far as it tells: `3.4.0`, or `unknown`. */
  readonly etcdVersion: string;
  /** What is restored, as one tar archive: the member's files, `ask` and `expected`. The same backup gives the same bytes. */
  archive(): AsyncGenerator<Buffer>;
  close(): void;
}

/**
 * Reads a data directory, or an archive of one, for a restore of its v2 store; undefined where there is none.
 * @param name what people call it
 * @throws SnapshotError when it is damaged, or its parts do not belong together
 */
export async function readRestorableV2(
  file: string,
  name: string,
  options: Pick<ReadOptions, "signal"> = {},
): Promise<RestorableV2 | undefined> {
  const member = await openMember(file, options.signal);
  if (member === undefined) return undefined;
  try {
    const found = await readParts(member, name, options);
    if (found === undefined) member.dispose();
    return found;
  } catch (error) {
    member.dispose();
    throw error;
  }
}

async function readParts(
  member: OpenedMember,
  name: string,
  options: Pick<ReadOptions, "signal">,
): Promise<RestorableV2 | undefined> {
  const { files, database } = member;
  if (files.logs.length === 0) return undefined;
  const read = readMember(files);
  const { store } = read;
  if (store === undefined) return undefined;
  const snapshot = database === undefined ? undefined : await readDatabase(database, name, options);
  const applied = snapshot?.consistentIndex ?? 0;
  const later = store.v3Writes.filter((index) => index > applied).length;
  const isKept = snapshot !== undefined && (snapshot.live.count > 0 || later > 0);
  const problem = isKept ? databaseProblem(store, applied) : undefined;
  if (problem !== undefined) {
    snapshot?.close();
    throw new SnapshotError(name, problem);
  }
  const rewritten = rewriteMember(files, read, idsOf(store, read), isKept ? database : undefined);
  return {
    store,
    v3: isKept ? snapshot : undefined,
    laterV3Writes: isKept ? later : 0,
    etcdVersion: writerOf(store, snapshot),
    archive: () => tarOf([...rewritten, ...answers(store)]),
    close() {
      snapshot?.close();
      member.dispose();
    },
  };
}

/** SHA-256 and length of the archive that is restored. */
export async function digestOf(
  found: Pick<RestorableV2, "archive">,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const part of found.archive()) {
    hash.update(part);
    bytes += part.length;
  }
  return { sha256: hash.digest("hex"), bytes };
}

/** Both stores keep the cluster's version; a database that is new has none. */
function writerOf({ clusterVersion }: V2Store, snapshot: Snapshot | undefined): string {
  const database = snapshot === undefined ? "unknown" : etcdVersionOf(snapshot);
  const versions = [clusterVersion ?? "unknown", database].filter((one) => one !== "unknown");
  return versions.sort(compareVersions).at(-1) ?? "unknown";
}

function answers({ nodes }: V2Store): readonly RewrittenFile[] {
  return [
    { name: "ask", content: Buffer.from(questions(nodes)) },
    { name: "expected", content: Buffer.from(expectedAnswers(nodes)) },
  ];
}

/** Undefined where it never held a key, as in a backup of the v2 store alone. */
async function readDatabase(
  database: string,
  name: string,
  options: Pick<ReadOptions, "signal">,
): Promise<Snapshot | undefined> {
  try {
    return await readSnapshot(database, options);
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    if (error.kind === "no-key-bucket") return undefined;
    throw error.inTheNameOf(name, "its database (member/snap/db): ");
  }
}

/**
 * Of what is restored, so that the same backup gives the same archive; never those of the cluster that it is of, whose
 * members would take it for one of theirs.
 */
function idsOf(
  { nodes, index, snapshotIndex, logEntries }: V2Store,
  { members }: ReadMember,
): MemberIds {
  const hash = createHash("sha256").update(`${index} ${snapshotIndex} ${logEntries}\n`);
  hash.update(expectedAnswers(nodes));
  const digest = hash.digest();
  // Never 0, which is nobody.
  const node = idToKeep(members) ?? digest.readBigUInt64BE(0) | 1n;
  return { node, cluster: digest.readBigUInt64BE(8) | 1n };
}
