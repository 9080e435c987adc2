/**
 * A member's files with other ids of node and cluster, as `etcdctl backup` makes them: what starts from these can never be
 * taken for the member that they came from.
 *
 * Unlike etcdctl, which takes the cluster's own entries out of the log, all entries stay, so that every key keeps the
 * indexes that the source has; those of the v3 store, where it is left out, stand there empty.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { emptyDatabase } from "./empty-database";
import type { MemberFile, MemberFiles } from "../member-files";
import { parseRequest } from "./request";
import type { ReadMember } from "./v2-backup";
import { FIRST_LOG, writeLog, type MemberIds } from "./write-log";
import type { LogEntry } from "./wal";

/** A file that is to be written, by its path in the data directory; its bytes, or the file that has them. */
export interface RewrittenFile {
  readonly name: string;
  readonly content: Buffer | { readonly path: string; readonly bytes: number };
}

/**
 * @param member what was read of the files
 * @param database its database where the v3 store goes with it; undefined: without
 */
export function rewriteMember(
  files: MemberFiles,
  { log, snapshot }: ReadMember,
  ids: MemberIds,
  database: string | undefined,
): readonly RewrittenFile[] {
  const newest = files.snapshots.at(-1);
  const { commit } = log.state;
  const after = log.entries.filter(({ index }) => index > (snapshot?.raftIndex ?? 0));
  const entries = database === undefined ? after.map(withoutV3) : after;
  const end = Math.max(commit, snapshot?.raftIndex ?? 0);
  const wal = writeLog({
    ids,
    snapshot: snapshot && { index: snapshot.raftIndex, term: snapshot.term },
    entries,
    state: { term: log.state.term, commit: end },
  });
  return [
    { name: "member/snap/db", content: database === undefined ? emptyDatabase(end) : at(database) },
    ...(newest === undefined ? [] : [snapshotFile(newest)]),
    { name: `member/wal/${FIRST_LOG}`, content: wal },
  ];
}

function snapshotFile({ name, path: file }: MemberFile): RewrittenFile {
  return { name: `member/snap/${path.basename(name)}`, content: fs.readFileSync(file) };
}

function at(file: string): RewrittenFile["content"] {
  return { path: file, bytes: fs.statSync(file).size };
}

function withoutV3(entry: LogEntry): LogEntry {
  const isV3 = entry.type === 0 && parseRequest(entry.data) === "v3";
  return isV3 ? { ...entry, data: Buffer.alloc(0) } : entry;
}
