import type { KeyMetadata, LiveKeys } from "../snapshot/snapshot";
import type { KeyField } from "../report/report";
import type { DifferenceSink } from "./differences";
import type { ServedKey } from "../client/pages";

/**
 * Which fields of a key differ from live key `i` of the file; empty when none does.
 *
 * A record that the server only *encodes* otherwise than the file has it, as fields in another order, is no difference:
 * then the value itself is read from the file again, and the two are compared byte by byte.
 */
export function changedFields(
  served: ServedKey,
  live: Pick<LiveKeys, "metadata" | "isRecord" | "value">,
  i: number,
  mode: "stored" | "metadata",
): readonly KeyField[] {
  if (mode === "stored" && live.isRecord(i, served.raw)) {
    return [];
  }
  const expected = live.metadata(i);
  const fields: KeyField[] = [];
  for (const field of ["createRevision", "modRevision", "version", "lease"] as const) {
    if (served[field] !== expected[field]) {
      fields.push(field);
    }
  }
  if (
    mode === "stored" &&
    !(served.value.length === expected.valueBytes && live.value(i).equals(served.value))
  ) {
    fields.push("value");
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
      const fields = changedFields(served, live, i, mode);
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
