/** The live keys as everybody else sees them, out of the index's memory. */
import { closeSync } from "node:fs";

import { searchSorted } from "../wire/sorted-keys";
import { openSource, readFully, type SourceFile } from "./file";
import { createRangeComparer, NO_DIGESTS } from "./range-comparer";
import type { RecordIndex } from "./record-index";
import { SnapshotError } from "./snapshot-error";
import type { KeyMetadata, KeyReader, LiveKeys } from "./types";

/** `LiveKeys`, and an end to the file that `value` opens. */
export interface ClosableLiveKeys extends LiveKeys {
  close(): void;
}

/** `KeyReader`, and an end to the file that `value` opens. */
export interface ClosableKeys extends KeyReader {
  close(): void;
}

// Words of a Record and of a Key in wasm/memory.ts.
const MAIN = 0;
const CREATE = 2;
const LEASE = 4;
const OFFSET_AND_HEAD = 6;
/** In the upper word; above them stands the head's number. */
const OFFSET_BITS = 21;
const VERSION = 9;
const KEY = 10;
const STORED_LENGTH = 11;
const VALUE_LENGTH = 12;
const CRC = 13;
const KEY_LENGTH = 1;
const KEY_HEADER_BYTES = 12;

/** The live keys of an index whose `listLive` was called. */
export function createLiveKeys(path: string, index: RecordIndex): ClosableLiveKeys {
  const { scanner } = index;
  const count = scanner.liveCount() >>> 0;
  const list = scanner.liveList() >>> 2;
  const memory = createMemory(index);
  const { word, wide } = memory;
  const stored = createStoredRecords(path, index, memory);

  function recordOf(i: number): number {
    if (!Number.isInteger(i) || i < 0 || i >= count) {
      throw new RangeError(`live key ${i} was asked for; there are keys 0 to ${count - 1}`);
    }
    return word(list + i) >>> 2;
  }
  return {
    count,
    key: (i) => Buffer.from(memory.keyOf(recordOf(i))),
    metadata: (i) => metadataOf(memory, recordOf(i)),
    modRevision: (i) => wide(recordOf(i) + MAIN),
    isRecord(i, bytes) {
      const record = recordOf(i);
      if (!index.hasDigests) throw new RangeError(NO_DIGESTS);
      // An answer lies in the memory already; anything else goes through the ring, or is compared with the file itself.
      let at = bytes.byteOffset;
      if (bytes.buffer !== memory.buffer()) {
        const { ring } = index;
        if (bytes.length > ring.bytes) return stored.read(record).equals(bytes);
        new Uint8Array(memory.buffer(), ring.address, bytes.length).set(bytes);
        at = ring.address;
      }
      return scanner.isRecord(i, at, at + bytes.length) !== 0;
    },
    storedAt: (i) => memory.offsetOf(recordOf(i)),
    valueBytes: (i) => word(recordOf(i) + VALUE_LENGTH),
    version: (i) => word(recordOf(i) + VERSION),
    headNumber: (i) => word(recordOf(i) + OFFSET_AND_HEAD + 1) >>> OFFSET_BITS,
    head(number) {
      const address = scanner.headAddress(number) >>> 0;
      if (address === 0) return undefined;
      return Buffer.from(Buffer.from(memory.buffer(), address, scanner.headLength(number) >>> 0));
    },
    folderEnd(i) {
      recordOf(i);
      return scanner.folderEnd(i) >>> 0;
    },
    value: (i) => valueOf(stored.read(recordOf(i))),
    indexOf: (key) => searchSorted(count, (i) => Buffer.compare(memory.keyOf(recordOf(i)), key)),
    comparer(slotBytes, slots) {
      const comparer = createRangeComparer(index, count, slotBytes, slots);
      memory.grown();
      return comparer;
    },
    close: () => {
      stored.close();
    },
  };
}

/** The index's memory in words of 32 bits, and what stands in a record of it. */
interface Memory {
  readonly word: (at: number) => number;
  /** Two words, the lower one first. */
  readonly wide: (at: number) => number;
  /** The key of a record: bytes of the memory itself. */
  keyOf(record: number): Buffer;
  /** Where the record stands in the file. */
  offsetOf(record: number): number;
  buffer(): ArrayBufferLike;
  /** The memory was made larger: it is another buffer now. */
  grown(): void;
}

function createMemory(index: RecordIndex): Memory {
  let words = new Uint32Array(index.buffer());
  const word = (at: number) => words[at] ?? 0;
  return {
    word,
    wide: (at) => word(at + 1) * 2 ** 32 + word(at),
    keyOf(record) {
      const key = word(record + KEY);
      return Buffer.from(words.buffer, key + KEY_HEADER_BYTES, word((key >>> 2) + KEY_LENGTH));
    },
    offsetOf: (record) =>
      (word(record + OFFSET_AND_HEAD + 1) % 2 ** OFFSET_BITS) * 2 ** 32 +
      word(record + OFFSET_AND_HEAD),
    buffer: () => words.buffer,
    grown() {
      words = new Uint32Array(index.buffer());
    },
  };
}

function metadataOf({ word, wide }: Memory, record: number): KeyMetadata {
  const leaseHigh = word(record + LEASE + 1);
  const leaseLow = word(record + LEASE);
  return {
    createRevision: wide(record + CREATE),
    modRevision: wide(record + MAIN),
    version: word(record + VERSION),
    // Most keys have none, and a BigInt costs more than all the rest.
    lease:
      leaseHigh === 0 && leaseLow === 0
        ? 0n
        : BigInt.asIntN(64, (BigInt(leaseHigh) << 32n) | BigInt(leaseLow)),
    valueBytes: word(record + VALUE_LENGTH),
    storedBytes: word(record + STORED_LENGTH),
    crc: word(record + CRC),
  };
}

/** Reads records out of the file again, which is opened for the first. */
function createStoredRecords(path: string, index: RecordIndex, memory: Memory) {
  const { word } = memory;
  let source: SourceFile | undefined;
  return {
    /** @throws SnapshotError when another one stands there now */
    read(record: number): Buffer {
      source ??= openSource(path);
      const offset = memory.offsetOf(record);
      const stored = Buffer.alloc(word(record + STORED_LENGTH));
      readFully(source, stored, offset);
      const isSame = index.hasCrcs
        ? crcOf(index, stored) === word(record + CRC)
        : hasKey(stored, memory.keyOf(record));
      if (isSame) return stored;
      throw new SnapshotError(path, "the file is no longer the one that was read", { offset });
    },
    close(): void {
      if (source !== undefined) closeSync(source.fd);
      source = undefined;
    },
  };
}

/** A stored KeyValue begins with its key: tag, length, bytes. */
function hasKey(stored: Buffer, key: Buffer): boolean {
  let at = 1;
  while ((stored[at] ?? 0) >= 128) at++;
  return stored[0] === 0x0a && stored.subarray(at + 1, at + 1 + key.length).equals(key);
}

/** CRC-32C through the ring, which nothing else uses after the pass. */
function crcOf(index: RecordIndex, bytes: Buffer): number {
  const { address, bytes: ringBytes } = index.ring;
  const ring = new Uint8Array(index.buffer(), address, ringBytes);
  let crc = 0;
  for (let start = 0; start < bytes.length; start += ringBytes) {
    const part = bytes.subarray(start, start + ringBytes);
    ring.set(part);
    crc = index.scanner.crc32c(crc, address, address + part.length);
  }
  return crc >>> 0;
}

/** Field 5 of a `mvccpb.KeyValue` whose framing was checked when it was indexed. */
function valueOf(stored: Buffer): Buffer {
  let at = 0;
  const varint = () => {
    let number = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = stored[at++] ?? 0;
      number += (byte & 127) * scale;
      if (byte < 128) return number;
    }
  };
  let value = stored.subarray(0, 0);
  while (at < stored.length) {
    const tag = varint();
    const number = varint();
    if ((tag & 7) !== 2) continue;
    if (tag >> 3 === 5) value = stored.subarray(at, at + number);
    at += number;
  }
  return value;
}
