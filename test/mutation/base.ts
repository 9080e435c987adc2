/** The good backup, and those that are blended with it or put in its place. `make-base.ts` makes them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { dissect, type Anatomy } from "./anatomy";

export const BASE_DIRECTORY = join(__dirname, "..", "fixtures", "mutation");

/** One backup, as bytes and taken apart. */
export interface Backup {
  readonly name: string;
  /** With its trailer. */
  readonly file: Buffer;
  readonly anatomy: Anatomy;
}

/** What the source said of its store when the good backup was saved. */
export interface Truth {
  readonly sha256: string;
  readonly bytes: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly hashKv: number;
  /** SHA-256 of its live keys as etcdctl lists them, values and all. */
  readonly liveKeys: string;
}

export const TRUTH_FILE = "base.db.truth.json";

export interface Base {
  readonly good: Backup;
  readonly truth: Truth;
  /** Of the same etcd, taken before; the oldest first. */
  readonly older: readonly Backup[];
  /** Of the same etcd, taken after. */
  readonly newer: Backup;
  /** Of another etcd with keys of the same names. */
  readonly other: Backup;
}

export function readBase(): Base {
  const read = (name: string): Backup => {
    const file = gunzipSync(readFileSync(join(BASE_DIRECTORY, `${name}.db.gz`)));
    return { name, file, anatomy: dissect(file) };
  };
  return {
    good: read("base"),
    truth: JSON.parse(readFileSync(join(BASE_DIRECTORY, TRUTH_FILE), "utf8")) as Truth,
    older: ["older-1", "older-2", "older-3"].map(read),
    newer: read("newer"),
    other: read("other"),
  };
}
