import type { KeyMetadata, LiveKeys } from "../snapshot/snapshot";
import type { KeyField } from "../report/report";
import { crc32c } from "../wire/crc32c";
import type { DifferenceSink } from "./differences";
import { bytesField, encodeMessage, readFields, signedField } from "../wire/protobuf";

/** One key as the server gave it. */
export interface ServedKey {
  readonly key: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
  readonly value: Buffer;
  /** The `mvccpb.KeyValue` as it came. */
  readonly raw: Buffer;
}

/** The keys of a `RangeResponse` (views of it), and whether the range holds more. */
export function decodePage(message: Buffer): { keys: readonly ServedKey[]; more: boolean } {
  const keys: ServedKey[] = [];
  let more = false;
  for (const { number, value } of readFields(message)) {
    if (number === 2 && Buffer.isBuffer(value)) {
      keys.push(decodeKey(value));
    } else if (number === 3) {
      more = value === 1n;
    }
  }
  return { keys, more };
}

/** mvccpb.KeyValue (etcd api/mvccpb/kv.proto). */
function decodeKey(raw: Buffer): ServedKey {
  const fields = [...readFields(raw)];
  return {
    key: bytesField(fields, 1),
    createRevision: Number(signedField(fields, 2)),
    modRevision: Number(signedField(fields, 3)),
    version: Number(signedField(fields, 4)),
    value: bytesField(fields, 5),
    lease: signedField(fields, 6),
    raw,
  };
}

/**
 * Which fields of a key differ from the file; empty when none does.
 *
 * The file's index has no values, only the CRC of each record: the value is the same exactly if it makes that record
 * when it is put among the file's own fields. So a record that only is *encoded* otherwise is no difference.
 */
export function changedFields(
  served: ServedKey,
  expected: KeyMetadata,
  mode: "stored" | "metadata",
): readonly KeyField[] {
  const isRecord = (bytes: Buffer) =>
    bytes.length === expected.storedBytes && crc32c(bytes) === expected.crc;
  if (mode === "stored" && isRecord(served.raw)) {
    return [];
  }
  const fields: KeyField[] = [];
  for (const field of ["createRevision", "modRevision", "version", "lease"] as const) {
    if (served[field] !== expected[field]) {
      fields.push(field);
    }
  }
  if (mode === "stored") {
    const record = encodeMessage([
      [1, served.key],
      [2, expected.createRevision],
      [3, expected.modRevision],
      [4, expected.version],
      [5, served.value],
      [6, expected.lease],
    ]);
    if (!isRecord(record)) {
      fields.push("value");
    }
  }
  return fields;
}

/** Tells the log what is missing, extra or changed. */
export interface PageComparison {
  readonly live: LiveKeys;
  readonly mode: "stored" | "metadata";
  readonly differences: DifferenceSink;
  /** Whether a key that is missing was bound to be gone; then it is no difference. */
  readonly mayBeGone: (metadata: KeyMetadata) => boolean;
}

/**
 * Compares keys in order with the live keys from number `next` to `end - 1`.
 * @returns the number of the first live key after the last served one: where the next page goes on.
 */
export function comparePage(
  keys: readonly ServedKey[],
  next: number,
  end: number,
  { live, mode, differences, mayBeGone }: PageComparison,
): number {
  let i = next;
  for (const served of keys) {
    let order = 1;
    while (i < end && (order = live.key(i).compare(served.key)) < 0) {
      reportMissing(i, { live, differences, mayBeGone });
      i += 1;
    }
    if (i < end && order === 0) {
      const fields = changedFields(served, live.metadata(i), mode);
      if (fields.length > 0) {
        differences.changed(served.key, fields);
      }
      i += 1;
    } else {
      differences.extra(served.key);
    }
  }
  return i;
}

/** Logs live key `i` as missing, unless it was bound to be gone. */
export function reportMissing(
  i: number,
  { live, differences, mayBeGone }: Omit<PageComparison, "mode">,
): void {
  if (!mayBeGone(live.metadata(i))) {
    differences.missing(live.key(i));
  }
}
