/** The index in WebAssembly memory, driven from here: what is where, and what is asked of it. */
import type { KeyLeaves } from "./key-leaves";
import type { LeafProblem } from "./leaf-problems";
import { createScanner, type Scanner, type SharedMemory } from "./scanner";

type LeafBounds = Omit<KeyLeaves, "ids">;

/** Every record of the bucket `key` without its value, and the memory that file bytes pass through on their way in. */
export interface RecordIndex {
  readonly scanner: Scanner;
  /** Whether there is a CRC of each record. */
  readonly hasCrcs: boolean;
  /** Whether there is a digest of each record. */
  readonly hasDigests: boolean;
  readonly ring: { readonly address: number; readonly bytes: number };
  /** The memory as it is now; growing makes a new buffer over the same bytes. */
  buffer(): SharedArrayBuffer;
  /** Makes room for the index of a database; to be called once, before the first leaf is read. */
  layOut(databaseBytes: number, leaves: LeafBounds): void;
  /** A place for a page with overflow pages that does not lie in the ring in one piece; 0 when memory is full. */
  placeForRun(elements: number, bytes: number): number;
  /** Reads the leaf page at an address. */
  readLeaf(
    address: number,
    bytes: number,
    fileOffset: number,
    ordinal: number,
  ): LeafProblem | undefined;
  /** Sorts the live keys at `revision`; to be called once, after the last leaf. False when memory is full. */
  listLive(revision: number): boolean;
  hashKv(revision: number, compactRevision: number): number;
}

const LEAF_BYTES = 24;
/** Element, revision and the shortest record: no file holds more records than its bytes divided by this. */
const LEAST_RECORD_BYTES = 37;
const LEAST_SLOTS = 4096;
/** 47 million keys at 70 %; their records alone fill the 4 GiB. */
const MOST_SLOTS = 2 ** 26;

/** Makes an index that has only its ring yet; `layOut` follows. Without CRCs it cannot hash, without digests not compare. */
export function createRecordIndex(
  ringBytes: number,
  { hasCrcs, hasDigests }: Pick<RecordIndex, "hasCrcs" | "hasDigests">,
): RecordIndex {
  const { scanner, memory } = createScanner();
  if (!hasCrcs) scanner.setKeysOnly();
  if (hasDigests) scanner.setDigesting();
  const ring = { address: scanner.ringStart(), bytes: ringBytes };
  makeUsable(scanner, ring.address + ring.bytes);
  let leafCount = 0;

  let marked: number | undefined;
  function mark(revision: number): void {
    if (marked === revision) return;
    scanner.forgetLatest();
    for (let leaf = 0; leaf < leafCount; leaf++) scanner.markLeaf(leaf, revision);
    marked = revision;
  }
  return {
    scanner,
    hasCrcs,
    hasDigests,
    ring,
    buffer: () => memory.buffer,
    layOut(databaseBytes, leaves) {
      leafCount = leaves.count;
      layOut(scanner, memory, ring.address + ring.bytes, databaseBytes, leaves);
    },
    placeForRun: (elements, bytes) => scanner.placeForRun(elements, bytes) >>> 0,
    readLeaf(address, bytes, fileOffset, ordinal) {
      const code = scanner.readLeaf(address, bytes, fileOffset, ordinal);
      if (code >= 0) return undefined;
      return {
        code,
        element: scanner.getProblemElement() >>> 0,
        found: scanner.getProblemFound(),
        fileOffset: fileOffset + (scanner.getProblemAt() >>> 0) - address,
      };
    },
    listLive(revision) {
      mark(revision);
      if (scanner.beginList(scanner.getRecords()) === 0) return false;
      for (let leaf = 0; leaf < leafCount; leaf++) scanner.listLeaf(leaf);
      scanner.sortList();
      return true;
    },
    hashKv(revision, compactRevision) {
      mark(revision);
      let dropUnkept = 0;
      for (let leaf = 0; leaf < leafCount && dropUnkept === 0; leaf++) {
        if (scanner.countKept(leaf) > 0) dropUnkept = 1;
      }
      let hash = scanner.hashStart();
      for (let leaf = 0; leaf < leafCount; leaf++) {
        hash = scanner.hashLeaf(hash, leaf, revision, compactRevision, dropUnkept);
      }
      return hash >>> 0;
    },
  };
}

/** `wasm/memory.ts` says what lies where. */
function layOut(
  scanner: Scanner,
  memory: SharedMemory,
  start: number,
  databaseBytes: number,
  leaves: LeafBounds,
): void {
  const leafTableBytes = leaves.count * LEAF_BYTES;
  const mostKeys = Math.ceil(databaseBytes / LEAST_RECORD_BYTES);
  const mostSlots = Math.min(MOST_SLOTS, Math.max(LEAST_SLOTS, powerOfTwo(mostKeys / 0.7)));
  const keyTable = align(start + leafTableBytes);
  // After the pass the same place takes 8 bytes for each live key (wasm/sort.ts).
  const arena = align(keyTable + Math.max(mostSlots * 4, Math.min(mostKeys, mostSlots * 0.7) * 8));
  makeUsable(scanner, arena);
  scanner.layOut(start, leaves.count, keyTable, LEAST_SLOTS, mostSlots, arena);
  writeBounds(new DataView(memory.buffer, start, leafTableBytes), leaves);
}

function makeUsable(scanner: Scanner, end: number): void {
  if (scanner.makeUsable(end) === 0) {
    throw new RangeError(`the system does not give ${end} bytes of memory for the index`);
  }
}

function writeBounds(table: DataView, { count, lowMain, lowSub }: LeafBounds): void {
  for (let leaf = 0; leaf < count; leaf++) {
    const main = lowMain[leaf] ?? 0;
    table.setUint32(leaf * LEAF_BYTES, main % 2 ** 32, true);
    table.setUint32(leaf * LEAF_BYTES + 4, Math.floor(main / 2 ** 32), true);
    table.setUint32(leaf * LEAF_BYTES + 8, lowSub[leaf] ?? 0, true);
  }
}

function align(address: number): number {
  return Math.ceil(address / 4096) * 4096;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)));
}
