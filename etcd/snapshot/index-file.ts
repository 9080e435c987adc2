/** Puts every record of the bucket `key` into the index, and hashes the file on the way where that is asked for. */
import type { KeyBucket } from "./buckets";
import { type Contents, readContents } from "./contents";
import { findKeyLeaves, type KeyLeaves } from "./key-leaves";
import type { MetaPage } from "./meta-page";
import { type PagedFile, parsePage } from "./page";
import { readLeafAt, readLeavesInFileOrder, SLOT_BYTES } from "./pass";
import { createRecordIndex, type RecordIndex } from "./record-index";
import { createInlineReader, createWorkerReader, type Digests, type Slots } from "./slot-reader";
import { SnapshotError } from "./snapshot-error";
import type { ReadOptions } from "./types";

/** From here on a second thread reads and hashes; below, its start costs more than it saves. */
const WORKER_FROM_BYTES = 100e6;
const WORKER_SLOTS = 4;

export function slotTask({ source, pages, pageSize }: PagedFile, index: RecordIndex) {
  return {
    source,
    databaseBytes: pages * pageSize,
    ring: index.buffer(),
    ringAddress: index.ring.address,
    slotBytes: SLOT_BYTES,
  };
}

interface Indexed {
  readonly index: RecordIndex;
  readonly contents: Contents;
  readonly digests: Digests;
}

export async function indexAndHash(
  file: PagedFile,
  meta: MetaPage,
  options: ReadOptions,
): Promise<Indexed> {
  const databaseBytes = file.pages * file.pageSize;
  const inWorker = databaseBytes >= WORKER_FROM_BYTES;
  const slots = inWorker ? WORKER_SLOTS : 1;
  const index = createRecordIndex(slots * SLOT_BYTES, {
    hasCrcs: true,
    hasDigests: options.digests !== false,
  });
  // A worker begins to read and hash at once, while this thread follows the branch pages.
  const reader = (inWorker ? createWorkerReader : createInlineReader)({
    ...slotTask(file, index),
    bytesBehind: file.source.size - databaseBytes,
    slots,
  });
  try {
    const contents = await indexRecords(file, meta, index, reader, options);
    return { index, contents, digests: await reader.digests() };
  } finally {
    await reader.close();
  }
}

export async function indexRecords(
  file: PagedFile,
  meta: MetaPage,
  index: RecordIndex,
  slots: Slots,
  options: ReadOptions,
): Promise<Contents> {
  const databaseBytes = file.pages * file.pageSize;
  const { contents, key } = readContents(file, meta);
  let leaves = NO_LEAVES;
  if ("root" in key) {
    leaves = findKeyLeaves(file, key.root);
    index.layOut(databaseBytes, leaves);
  } else {
    index.layOut(databaseBytes, ONE_INLINE_LEAF);
    readInlineLeaf(file, key, index);
  }
  await readLeavesInFileOrder(file, leaves, index, slots, options);
  return contents;
}

const NO_LEAVES: KeyLeaves = {
  count: 0,
  ids: new Uint32Array(0),
  lowMain: new Float64Array(0),
  lowSub: new Uint32Array(0),
};
const ONE_INLINE_LEAF: KeyLeaves = { ...NO_LEAVES, count: 1 };

/** bbolt keeps a small bucket's only page inside the bucket's own entry. */
function readInlineLeaf(
  file: PagedFile,
  { inline, page, offset }: Extract<KeyBucket, { inline: Buffer }>,
  index: RecordIndex,
): void {
  const { kind, count } = parsePage(file.source.path, page, inline, offset);
  if (kind !== "leaf") {
    throw new SnapshotError(file.source.path, `the inline bucket "key" holds a ${kind} page`, {
      page,
      offset: offset + 8,
    });
  }
  const address = index.placeForRun(count, inline.length);
  new Uint8Array(index.buffer(), address, inline.length).set(inline);
  readLeafAt(file, ONE_INLINE_LEAF, index, 0, { page, address, bytes: inline.length, offset });
}
