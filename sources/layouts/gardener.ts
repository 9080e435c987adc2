/**
 * Gardener's etcd-backup-restore: `v2/Full-<first>-<last>-<unix>[.gz][.final]` and the increments behind it,
 * `Incr-…` (its pkg/snapstore/snapshot.go). Below an object's name lie the parts of an upload in pieces.
 */
import type { StoredObject } from "../store";
import { problemOf, split, type Found, type Layout } from "./backup";

const NAME = /^(Full|Incr)-(\d{8,})-(\d{8,})-(\d{10})(\.gz|\.zlib|\.lzw)?(\.final)?$/;

interface Snapshot {
  readonly object: StoredObject;
  readonly isFull: boolean;
  readonly folder: string;
  readonly first: number;
  readonly last: number;
  readonly taken: Date;
  readonly packing: string | undefined;
}

export const gardener: Layout = {
  find(objects, claim) {
    const snapshots: Snapshot[] = [];
    /** Paths with parts below them. */
    const inParts = new Map<string, StoredObject>();
    const whole = new Set<string>();
    for (const object of objects) {
      const [folder, name] = split(object.path);
      const found = snapshotOf(object, folder, name);
      if (found === undefined) {
        if (!NAME.test(split(folder)[1])) continue;
        inParts.set(folder, object);
      } else {
        snapshots.push(found);
        whole.add(object.path);
      }
      claim(object.path);
    }
    const torn = [...inParts].filter(([path]) => !whole.has(path));
    return [
      ...snapshots.filter(({ isFull }) => isFull).map((full) => foundFull(full, snapshots)),
      ...torn.flatMap(([path, part]) => foundParts(path, part)),
    ];
  },
};

function snapshotOf(object: StoredObject, folder: string, name: string): Snapshot | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [, kind, first, last, unix, packing] = match;
  return {
    ...{ object, folder, packing, isFull: kind === "Full" },
    ...{ first: Number(first), last: Number(last), taken: new Date(Number(unix) * 1000) },
  };
}

function foundFull(full: Snapshot, all: readonly Snapshot[]): Found {
  const { object, folder, packing, taken } = full;
  return {
    layout: "gardener",
    object,
    named: taken,
    cluster: clusterOf(folder),
    problem:
      problemOf(object) ??
      (packing === ".lzw" ? "it is compressed by lzw, which is not read here" : undefined),
    notes: notesOnIncrements(full, all),
  };
}

/** An upload in pieces that was never put together. */
function foundParts(path: string, part: StoredObject): readonly Found[] {
  const [folder, name] = split(path);
  const found = snapshotOf({ ...part, path, bytes: 0 }, folder, name);
  if (found?.isFull !== true) return [];
  const problem = "only parts of its upload are there";
  const { object, taken } = found;
  return [{ layout: "gardener", object, named: taken, cluster: clusterOf(folder), problem }];
}

/** The increments between a full snapshot and the next: what a restore of the full one leaves out. */
function notesOnIncrements(full: Snapshot, all: readonly Snapshot[]): readonly string[] {
  const inFolder = all.filter(({ folder }) => folder === full.folder);
  const next = inFolder
    .filter(({ isFull, last }) => isFull && last > full.last)
    .reduce((least, { last }) => Math.min(least, last), Infinity);
  const behind = inFolder
    .filter(({ isFull, last }) => !isFull && last > full.last && last <= next)
    .sort((a, b) => a.first - b.first || a.last - b.last);
  const end = behind.at(-1);
  if (end === undefined) return [];
  const notes = [
    `${behind.length} increment${behind.length === 1 ? "" : "s"} up to revision ${end.last} ` +
      `(${end.taken.toISOString()}) follow${behind.length === 1 ? "s" : ""} and ${behind.length === 1 ? "is" : "are"} not restored: ` +
      `the full snapshot ends at revision ${full.last}`,
  ];
  let reached = full.last;
  for (const { first, last, object } of behind) {
    if (first > reached + 1) {
      notes.push(
        `revisions ${reached + 1} to ${first - 1} are in no increment: a restore by Gardener would fail at ${object.path}`,
      );
    }
    if (object.bytes === 0) notes.push(`the increment ${object.path} is empty (0 bytes)`);
    reached = Math.max(reached, last);
  }
  return notes;
}

/** The folder above `v2`. */
function clusterOf(folder: string): string | undefined {
  const name = folder.replace(/(^|\/)v\d+(\/Backup-\d+)?$/, "");
  return name === "" ? undefined : name;
}
