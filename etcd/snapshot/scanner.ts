/** The WebAssembly module of `wasm/`, with its types, and the memory that it works in. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What the WebAssembly module of `wasm/` exports. Addresses come back signed: use `>>> 0`. */
export type Scanner = Readonly<{
  ringStart(): number;
  layOut(
    leaves: number,
    leafCount: number,
    table: number,
    slots: number,
    maxSlots: number,
    arena: number,
  ): void;
  arenaEnd(): number;
  makeUsable(end: number): number;
  placeForRun(count: number, bytes: number): number;
  readLeaf(page: number, bytes: number, fileOffset: number, ordinal: number): number;
  getProblemElement(): number;
  getProblemAt(): number;
  getProblemFound(): number;
  getGreatestMain(): number;
  getPlaceholders(): number;
  getRecords(): number;
  setKeysOnly(): void;
  setDigesting(): void;
  digestKey(): number;
  digestKeyBytes(): number;
  digestOf(from: number, to: number): bigint;
  isRecord(i: number, from: number, to: number): number;
  headAddress(number: number): number;
  headLength(number: number): number;
  forgetLatest(): void;
  markLeaf(ordinal: number, revision: number): void;
  countKept(ordinal: number): number;
  hashStart(): number;
  hashLeaf(
    hash: number,
    ordinal: number,
    revision: number,
    compactRevision: number,
    dropUnkept: number,
  ): number;
  beginList(records: number): number;
  listLeaf(ordinal: number): void;
  sortList(): void;
  folderEnd(i: number): number;
  liveCount(): number;
  liveList(): number;
  crc32c(crc: number, from: number, to: number): number;
  crcOfRecord(from: number, to: number): number;
  compareRange(
    at: number,
    bytes: number,
    first: number,
    count: number,
    metadataOnly: number,
  ): number;
  getRangeBroken(): number;
  getRangeKeys(): number;
  getRangeMore(): number;
  getRangeRevision(): number;
  getRangeTotal(): number;
}>;

/** A growable memory that threads share: growing makes a new, longer buffer over the same bytes. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
  grow(pages: number): number;
}

// Node has it, but only TypeScript's browser library declares it.
declare const WebAssembly: {
  readonly Memory: new (descriptor: {
    initial: number;
    maximum: number;
    shared: boolean;
  }) => SharedMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { env: { memory: SharedMemory } },
  ) => { readonly exports: object };
};

let compiled: object | undefined;
/** Secret, one for this process: digests of two files can be compared, and nobody else can foretell one (wasm/digest.ts). */
let digestKey: Buffer | undefined;

/** A fresh scanner with a memory of its own: 4 GiB are reserved, only what is touched is used. */
export function createScanner(): { readonly scanner: Scanner; readonly memory: SharedMemory } {
  compiled ??= new WebAssembly.Module(readFileSync(join(__dirname, "wasm", "index.wasm")));
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 65_536, shared: true });
  const instance = new WebAssembly.Instance(compiled, { env: { memory } });
  const scanner = instance.exports as Scanner;
  digestKey ??= randomBytes(scanner.digestKeyBytes());
  new Uint8Array(memory.buffer, scanner.digestKey() >>> 0, digestKey.length).set(digestKey);
  return { scanner, memory };
}
