/** Records of the bucket `key` taken apart and put together, and whole databases built of changed ones. */
import { bytesField, readFields, signedField } from "../../etcd/wire/protobuf";
import {
  buildDatabase,
  storedEntry,
  type BoltEntry,
  type BoltRecipe,
  type StoredVersion,
} from "../support/bbolt-builder";
import type { Backup } from "./base";

/** A stretch of a stored `mvccpb.KeyValue`. */
export interface RecordPart {
  readonly kind: "framing" | "name" | "number" | "value";
  readonly at: number;
  readonly bytes: number;
}

/** Tags and lengths, the key's name, the numbers, the value. */
export function recordParts(record: Buffer): readonly RecordPart[] {
  const parts: RecordPart[] = [];
  const varintEnd = (from: number) => {
    let end = from;
    while (((record[end] ?? 0) & 128) !== 0) end++;
    return end + 1;
  };
  for (let at = 0; at < record.length;) {
    const tag = record[at] ?? 0;
    const end = varintEnd(at + 1);
    if ((tag & 7) === 2) {
      let length = 0;
      for (let i = end - 1; i > at; i--) length = length * 128 + ((record[i] ?? 0) & 127);
      parts.push({ kind: "framing", at, bytes: end - at });
      if (length > 0) parts.push({ kind: tag === 0x0a ? "name" : "value", at: end, bytes: length });
      at = end + length;
    } else {
      parts.push({ kind: "framing", at, bytes: 1 });
      parts.push({ kind: "number", at: at + 1, bytes: end - at - 1 });
      at = end;
    }
  }
  return parts;
}

/** The version that an entry of the bucket `key` holds. */
export function readVersion({ key, value }: BoltEntry): Required<StoredVersion> {
  const fields = [...readFields(value)];
  return {
    main: Number(key.readBigUInt64BE(0)),
    sub: Number(key.readBigUInt64BE(9)),
    tombstone: key.length === 18,
    key: bytesField(fields, 1),
    create: Number(signedField(fields, 2)),
    version: Number(signedField(fields, 4)),
    value: bytesField(fields, 5),
    lease: signedField(fields, 6),
  };
}

/** All versions that a backup holds, in order. */
export function versionsOf({ anatomy }: Backup): readonly Required<StoredVersion>[] {
  return (anatomy.buckets.get("key")?.entries ?? []).map(readVersion);
}

/** A copy of the entries of every bucket. */
export type Contents = Map<string, BoltEntry[]>;

export function contentsOf({ anatomy }: Backup): Contents {
  return new Map(
    [...anatomy.buckets]
      .filter(([name]) => name !== "")
      .map(([name, { entries }]) => [name, [...entries]]),
  );
}

/** The database that holds these entries, in pages of its own; with the right trailer. */
export function build(contents: Contents, recipe: Omit<BoltRecipe, "buckets"> = {}): Buffer {
  const buckets = Object.fromEntries(
    [...contents].map(([name, entries]) => [
      name,
      entries.toSorted((a, b) => Buffer.compare(a.key, b.key)),
    ]),
  );
  return buildDatabase({ ...recipe, buckets }).bytes;
}

/** The good backup with other versions in the bucket `key`. */
export function withVersions(backup: Backup, versions: readonly StoredVersion[]): Buffer {
  const contents = contentsOf(backup);
  contents.set("key", versions.map(storedEntry));
  return build(contents);
}

/** Numbers of the versions that a client sees: the last of each key, unless that is a tombstone. */
export function liveAt(versions: readonly StoredVersion[]): readonly number[] {
  const last = new Map(versions.map(({ key }, i) => [key.toString("hex"), i] as const));
  return [...last.values()].filter((i) => versions[i]?.tombstone !== true).sort((a, b) => a - b);
}
