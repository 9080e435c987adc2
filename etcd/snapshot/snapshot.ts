/**
 * The reader: an etcd snapshot file, read once from end to end and found whole, or refused with page, byte and advice.
 *
 * In the order of the reading:
 *
 * - `file.ts` opens it, `meta-page.ts` chooses bbolt's root, `foreign-file.ts` and `copied-as-text.ts`
 *   say what it is instead.
 * - `buckets.ts` walks the small buckets; `contents.ts` knows what is in them, with `stored-values.ts`, `leases.ts` and
 *   `auth.ts`. `page.ts` reads a page, `page-map.ts` sees that each is reached once, `freelist.ts` that none is free.
 * - `index-file.ts` puts every record into the index: `key-leaves.ts` follows the branch pages of the bucket `key`, then
 *   `pass.ts` goes over the file in the order of its pages, which `slot-reader.ts` (and `hash-worker.cjs`) brings and
 *   hashes, and has each leaf put into the index by `wasm/` (`scanner.ts`, `record-index.ts`); `leaf-problems.ts` has the
 *   sentences for what that does not like.
 * - `live-keys.ts` and `range-comparer.ts` are what comes out; `types.ts` describes it, `judgement.ts` says what it means.
 * - `snapshot-error.ts` is the one error, `advice.ts` what to do about it.
 */
import { closeSync } from "node:fs";
import { withAdvice } from "./advice";
import type { Contents } from "./contents";
import { assertUnchanged, openSource, type SourceFile } from "./file";
import { assertFree, readFreelist } from "./freelist";
import { createLiveKeys } from "./live-keys";
import { hasTrailer, readMetaPages, type MetaPage } from "./meta-page";
import { createPageMap } from "./page-map";
import type { PagedFile } from "./page";
import { SLOT_BYTES } from "./pass";
import { createRecordIndex, type RecordIndex } from "./record-index";
import { createPlainReader } from "./slot-reader";
import { SnapshotError } from "./snapshot-error";
import type { ReadOptions, Snapshot, SnapshotKeys } from "./types";
import { indexAndHash, indexRecords, slotTask } from "./index-file";

export { SnapshotError } from "./snapshot-error";
export type { Auth } from "./auth";
export type * from "./types";

/**
 * Reads an etcd snapshot file once from end to end and checks all that can be checked without a server.
 *
 * The file is only read. Values are not kept: memory grows with the number of records (about 130 MB a million),
 * and ends at about 30 million.
 * @throws SnapshotError naming page and byte when the file is not a whole snapshot, or changes while it is read.
 *
 * @example
 * ```ts
 * import { readSnapshot } from "etcd-restore/snapshot";
 *
 * const snapshot = await readSnapshot("/backups/etcd-2026-11-22.db");
 * console.log(snapshot.revision, snapshot.hashKv(), snapshot.trailer);
 * for (let i = 0; i < snapshot.live.count; i++) console.log(snapshot.live.key(i).toString());
 * snapshot.close();
 * ```
 */
export async function readSnapshot(file: string, options: ReadOptions = {}): Promise<Snapshot> {
  options.signal?.throwIfAborted();
  const source = openSource(file);
  try {
    return await readOpened(source, options);
  } catch (error) {
    throw error instanceof SnapshotError ? withAdvice(error, source) : error;
  } finally {
    closeSync(source.fd);
  }
}

/**
 * Reads the keys of an etcd snapshot file on one core, where `readSnapshot` takes two: the structure is checked as there,
 * but nothing is hashed, so a changed byte inside a key or a value stays unseen.
 * @throws SnapshotError as `readSnapshot`, but for what only a hash shows
 *
 * @example
 * ```ts
 * import { readSnapshotKeys } from "etcd-restore/snapshot";
 *
 * const { live, close } = await readSnapshotKeys("/backups/etcd-2026-11-22.db");
 * console.log(live.count, "keys");
 * close();
 * ```
 */
export async function readSnapshotKeys(
  file: string,
  options: ReadOptions = {},
): Promise<SnapshotKeys> {
  options.signal?.throwIfAborted();
  const source = openSource(file);
  try {
    const { meta, paged, free } = openDatabase(source);
    const index = createRecordIndex(SLOT_BYTES, { hasCrcs: false, hasDigests: false });
    const slots = createPlainReader(slotTask(paged, index));
    const contents = await indexRecords(paged, meta, index, slots, options);
    assertFree(paged, free);
    assertUnchanged(source);
    const { live } = listLive(source.path, index, contents);
    return {
      live,
      close: () => {
        live.close();
      },
    };
  } catch (error) {
    throw error instanceof SnapshotError ? withAdvice(error, source) : error;
  } finally {
    closeSync(source.fd);
  }
}

interface Database {
  readonly meta: MetaPage;
  readonly badMetaPage?: 0 | 1;
  readonly trailerThere: boolean;
  readonly paged: PagedFile;
  readonly free: ReturnType<typeof readFreelist>;
}

function openDatabase(source: SourceFile): Database {
  const { meta, badMetaPage } = readMetaPages(source);
  const trailerThere = hasTrailer(source, meta);
  const { pageSize, pages } = meta;
  const map = createPageMap(source.path, pages, pageSize);
  const paged: PagedFile = { source, pageSize, pages, map };
  const free = meta.freelist === undefined ? [] : readFreelist(paged, meta.freelist);
  return {
    meta,
    ...(badMetaPage === undefined ? {} : { badMetaPage }),
    trailerThere,
    paged,
    free,
  };
}

async function readOpened(source: SourceFile, options: ReadOptions): Promise<Snapshot> {
  const { path } = source;
  const { meta, badMetaPage, trailerThere, paged, free } = openDatabase(source);
  const { pageSize, pages } = meta;
  const { index, contents, digests } = await indexAndHash(paged, meta, options);
  assertFree(paged, free);
  assertUnchanged(source);
  const { live, ...revisions } = listLive(path, index, contents);
  const { revision, compactRevision } = revisions;
  return {
    file: path,
    bytes: source.size,
    sha256: digests.fileSha256,
    trailer: !trailerThere
      ? "absent"
      : digests.trailerSha256 === digests.contentSha256
        ? "matches"
        : "differs",
    ...(trailerThere ? { trailerSha256: digests.trailerSha256 } : {}),
    contentSha256: digests.contentSha256,
    pageSize,
    pages,
    freePages: paged.map.countFree(),
    ...(badMetaPage === undefined ? {} : { badMetaPage }),
    ...revisions,
    records: index.scanner.getRecords() >>> 0,
    placeholders: index.scanner.getPlaceholders() >>> 0,
    ...contents,
    hashKv(at = revision, compacted = compactRevision) {
      assertHashable(at, compacted, revision);
      return index.hashKv(at, Math.max(0, compacted));
    },
    live,
    close: () => {
      live.close();
    },
  };
}

/** The keys that exist at the last revision, and what that is. */
function listLive(path: string, index: RecordIndex, contents: Contents) {
  const { scheduledCompactRevision, finishedCompactRevision } = contents;
  const compactRevision = Math.max(scheduledCompactRevision, finishedCompactRevision);
  // As etcd's kvstore.go `restore`: a compaction may have removed all records of the last revisions.
  const lastRecordRevision = index.scanner.getGreatestMain();
  const revision = Math.max(1, lastRecordRevision, compactRevision);
  if (!index.listLive(revision)) {
    throw new SnapshotError(path, "its keys do not fit into the 4 GiB of the index", {
      kind: "limit",
    });
  }
  return { revision, lastRecordRevision, compactRevision, live: createLiveKeys(path, index) };
}

function assertHashable(at: number, compacted: number, last: number): void {
  if (at > last) {
    throw new RangeError(`revision ${at} is in the future: the snapshot ends at ${last}`);
  }
  if (at < compacted) {
    throw new RangeError(`revision ${at} was compacted: the compaction mark is ${compacted}`);
  }
}
