// The reader's inner loops, in AssemblyScript. Makes index.wasm, which is committed and which a test compares:
//     npx asc --config etcd/snapshot/wasm/asconfig.json --target release
import { fillTables } from "./crc32c";
import { HEADS_BYTES, setHeads } from "./heads";
import { arena, ensure, setArena, setLeaves } from "./memory";
import { setTable } from "./key-table";

export { crc32c, crcOfRecord } from "./crc32c";
export { headAddress, headLength } from "./heads";
export { digestKey, digestKeyBytes, digestOf } from "./digest";
export * from "./leaf";
export { countKept, forgetLatest, hashLeaf, hashStart, markLeaf } from "./hash-kv";
export { beginList, folderEnd, listLeaf, liveCount, liveList, sortList } from "./sort";
export {
  compareRange, getRangeBroken, getRangeKeys, getRangeMore, getRangeRevision, getRangeTotal,
  isRecord,
} from "./range";

/** First address that is free for the ring. */
export function ringStart(): usize {
  fillTables();
  setHeads((__heap_base + 7) & ~7);
  return (__heap_base + HEADS_BYTES + 4103) & ~4095;
}

/** Where leaves, key table and arena lie; see memory.ts. */
export function layOut(leaves: usize, leafCount: u32, table: usize, slots: u32, maxSlots: u32, arenaAt: usize): void {
  setLeaves(leaves, leafCount);
  setTable(table, slots, maxSlots);
  setArena(arenaAt);
}

export function arenaEnd(): usize {
  return arena;
}

/** Makes [0, end) usable; see memory.ts. */
export function makeUsable(end: f64): bool {
  return ensure(end as u64);
}
