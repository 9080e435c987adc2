/** The one pass over the file, in the order of its pages: every leaf of the bucket `key` goes into the index. */
import { setImmediate as yieldToEvents } from "node:timers/promises";

import { readFully } from "./file";
import type { KeyLeaves } from "./key-leaves";
import { describeLeafProblem, REVISION_TOO_GREAT } from "./leaf-problems";
import { checkPageId, pageKind, type PagedFile } from "./page";
import type { RecordIndex } from "./record-index";
import { describeGreatRevision } from "./revision-key";
import type { Slots } from "./slot-reader";
import { SnapshotError } from "./snapshot-error";
import type { ReadOptions } from "./types";

export const SLOT_BYTES = 1 << 20;
/** This long at most no other event of the program is served. */
const TURN_MILLISECONDS = 50;

/** Reads the whole file once, in the order of its pages, and every leaf of `leaves` into the index. */
export async function readLeavesInFileOrder(
  file: PagedFile,
  leaves: KeyLeaves,
  index: RecordIndex,
  reader: Slots,
  { signal, onProgress }: ReadOptions,
): Promise<void> {
  const { pageSize, pages } = file;
  const total = pages * pageSize;
  const slotCount = Math.ceil(total / SLOT_BYTES);
  const ringSlots = index.ring.bytes / SLOT_BYTES;
  // Number of the leaf that begins in a page, plus one; 0: none does.
  const leafOfPage = new Uint32Array(pages);
  for (let leaf = 0; leaf < leaves.count; leaf++) leafOfPage[leaves.ids[leaf] ?? 0] = leaf + 1;

  // The ring stays where it is when the memory grows, so one view of it serves for the whole pass.
  const words = new Uint32Array(index.buffer());

  let turnEnds = performance.now() + TURN_MILLISECONDS;
  for (let slot = 0; slot < slotCount;) {
    if (reader.isFilled(slot)) {
      const address = index.ring.address + (slot % ringSlots) * SLOT_BYTES;
      const start = slot * SLOT_BYTES;
      const end = Math.min(start + SLOT_BYTES, total);
      for (let id = start / pageSize; id < end / pageSize; id++) {
        const leaf = (leafOfPage[id] ?? 0) - 1;
        if (leaf < 0) continue;
        const offset = id * pageSize;
        readLeafPage(file, leaves, index, words, leaf, address + offset - start, end - offset);
      }
      slot++;
      reader.release(slot - 1);
    }
    if (performance.now() >= turnEnds) {
      onProgress?.(Math.min(slot * SLOT_BYTES, total), total);
      await yieldToEvents();
      signal?.throwIfAborted();
      turnEnds = performance.now() + TURN_MILLISECONDS;
    }
  }
  onProgress?.(total, total);
}

/** `words`: the memory; `available`: bytes of the file that lie in the ring from `address` on. */
function readLeafPage(
  file: PagedFile,
  leaves: KeyLeaves,
  index: RecordIndex,
  words: Uint32Array,
  leaf: number,
  address: number,
  available: number,
): void {
  const { path } = file.source;
  const id = leaves.ids[leaf] ?? 0;
  const offset = id * file.pageSize;
  const header = address / 4;
  const flagsAndCount = words[header + 2] ?? 0;
  const overflow = words[header + 3] ?? 0;
  checkPageId(path, id, offset, words[header] ?? 0, words[header + 1] ?? 0);
  if (pageKind(path, id, offset, flagsAndCount & 0xffff) !== "leaf") {
    throw new SnapshotError(path, "a branch page where its neighbours are leaf pages", {
      page: id,
      offset,
    });
  }
  const count = flagsAndCount >>> 16;
  if (count === 0 && leaves.count > 1) {
    throw new SnapshotError(path, "a leaf page without elements", { page: id, offset });
  }
  if (overflow > 0) file.map.reachOverflow(id, overflow);
  const bytes = (overflow + 1) * file.pageSize;
  let place = address;
  if (bytes > available) {
    place = index.placeForRun(count, bytes);
    if (place === 0) {
      throw new SnapshotError(
        path,
        `this page and its ${overflow} overflow pages (${bytes} bytes) do not fit into the 4 GiB of the index`,
        { page: id, offset, kind: "limit" },
      );
    }
    readFully(file.source, new Uint8Array(index.buffer(), place, bytes), offset);
  }
  readLeafAt(file, leaves, index, leaf, { page: id, address: place, bytes, offset });
}

/** A leaf in memory, and where in the file it comes from. */
export interface LoadedLeaf {
  readonly page: number;
  readonly address: number;
  readonly bytes: number;
  readonly offset: number;
}

/** @throws SnapshotError with what the scanner does not like. */
export function readLeafAt(
  file: PagedFile,
  leaves: KeyLeaves,
  index: RecordIndex,
  leaf: number,
  { page, address, bytes, offset }: LoadedLeaf,
): void {
  const problem = index.readLeaf(address, bytes, offset, leaf);
  if (problem === undefined) return;
  if (problem.code === REVISION_TOO_GREAT) {
    const main = Buffer.alloc(8);
    readFully(file.source, main, problem.fileOffset);
    const great = main.readBigUInt64BE(0);
    if (great > BigInt(Number.MAX_SAFE_INTEGER)) {
      const { problem: text, kind } = describeGreatRevision(great);
      throw new SnapshotError(file.source.path, text, { page, offset: problem.fileOffset, kind });
    }
  }
  const bound = (i: number) => `${leaves.lowMain[i] ?? 0}.${leaves.lowSub[i] ?? 0}`;
  throw new SnapshotError(
    file.source.path,
    describeLeafProblem(problem, bytes, bound(leaf), bound(leaf + 1)),
    { page, offset: problem.fileOffset },
  );
}
