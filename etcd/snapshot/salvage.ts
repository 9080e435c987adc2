/**
 * Keys out of a damaged file, for the night on which there is no other: every page of the bucket `key` that can be read, by
 * itself, whatever is wrong elsewhere. Nothing here makes a file good: what is missing is counted, and may have been a newer
 * value, or the deletion, of what is found.
 *
 * `salvage-pages.ts` finds the pages, `salvage-records.ts` reads one.
 */
import { closeSync } from "node:fs";
import { setImmediate as yieldToEvents } from "node:timers/promises";

import { searchSorted } from "../wire/sorted-keys";
import { openSource, readFully, type SourceFile } from "./file";
import { findPages, type DamagedPlace } from "./salvage-pages";
import { readRecords, valueOf, type SalvagedRecord } from "./salvage-records";
import { SnapshotError } from "./snapshot-error";
import type { KeyReader, ReadOptions, SnapshotKeys } from "./types";

/** What could not be read, and what nothing vouches for. */
export interface Losses {
  /** Pages of the tree that cannot be read, by number: what the file had there is lost. */
  readonly pages: readonly DamagedPlace[];
  /** Records of pages that could be read otherwise. */
  readonly records: number;
  /** Keys that were found only in pages to which nothing leads: old ones may be among them, long changed or deleted. */
  readonly strayKeys: number;
  /** Bytes by which the file is shorter than its meta page says. */
  readonly missingBytes: number;
  /** Why only the beginning of what it was packed in could be unpacked. */
  readonly packing?: string | undefined;
}

export interface SalvagedKeys extends SnapshotKeys {
  readonly losses: Losses;
}

/** Whether everything was read that the tree of the keys has. */
export function isWhole({ pages, records, strayKeys, missingBytes, packing }: Losses): boolean {
  const wasRead = pages.length === 0 && records === 0 && strayKeys === 0;
  return wasRead && missingBytes === 0 && packing === undefined;
}

/**
 * Reads all keys of a damaged snapshot that can be read; memory grows with their number.
 * @throws SnapshotError when the file cannot be opened, or no page of it holds a key
 */
export async function salvageKeys(file: string, options: ReadOptions = {}): Promise<SalvagedKeys> {
  const source = openSource(file);
  try {
    const { pages, damaged, missingBytes } = findPages(source);
    const latest = new Map<string, SalvagedRecord>();
    let lostRecords = 0;
    let done = 0;
    for (const page of pages) {
      options.signal?.throwIfAborted();
      const { records, lost } = readRecords(source, page);
      lostRecords += lost;
      for (const record of records) {
        const known = latest.get(record.key);
        if (known === undefined || isNewer(record, known)) latest.set(record.key, record);
      }
      done += 1;
      if (done % 256 === 0) {
        options.onProgress?.(done, pages.length);
        await yieldToEvents();
      }
    }
    const records = [...latest.values()]
      .filter(({ isTombstone }) => !isTombstone)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    if (records.length === 0) {
      throw new SnapshotError(file, "no key of etcd can be read out of it, page by page either");
    }
    const losses = {
      pages: damaged,
      records: lostRecords,
      strayKeys: records.filter(({ isStray }) => isStray).length,
      missingBytes,
    };
    const live = readerOf(file, records);
    return { live, losses, close: live.close };
  } finally {
    closeSync(source.fd);
  }
}

/** A page that the tree leads to knows better than one that lies about. */
function isNewer(one: SalvagedRecord, other: SalvagedRecord): boolean {
  if (one.main !== other.main) return one.main > other.main;
  if (one.sub !== other.sub) return one.sub > other.sub;
  return other.isStray && !one.isStray;
}

function readerOf(
  file: string,
  records: readonly SalvagedRecord[],
): KeyReader & { readonly close: () => void } {
  let source: SourceFile | undefined;
  const at = (i: number): SalvagedRecord => {
    const record = records[i];
    if (record === undefined) {
      throw new RangeError(`key ${i} was asked for; there are ${records.length}`);
    }
    return record;
  };
  return {
    count: records.length,
    key: (i) => Buffer.from(at(i).key, "latin1"),
    metadata(i) {
      const { main, create, version, lease, valueBytes, storedBytes } = at(i);
      const revisions = { createRevision: create, modRevision: main, version };
      return { ...revisions, lease, valueBytes, storedBytes };
    },
    modRevision: (i) => at(i).main,
    value(i) {
      const { key, offset, storedBytes } = at(i);
      source ??= openSource(file);
      const stored = Buffer.alloc(storedBytes);
      readFully(source, stored, offset);
      const value = valueOf(stored, key);
      if (value !== undefined) return value;
      throw new SnapshotError(file, "the file is no longer the one that was read", {
        ...{ offset, kind: "changed" },
      });
    },
    indexOf(wanted) {
      const key = Buffer.from(wanted).toString("latin1");
      return searchSorted(records.length, (i) => (at(i).key < key ? -1 : at(i).key > key ? 1 : 0));
    },
    close() {
      if (source !== undefined) closeSync(source.fd);
      source = undefined;
    },
  };
}
