import type { Differences, KeyDifference, KeyField, PrefixDifference } from "../report/report";
import { prefixOf, printableKey } from "../wire/keys";

/** Gathers what differs, in bounded memory whatever the number. */
export interface DifferenceLog {
  /** Differences so far. */
  readonly total: number;
  missing(key: Buffer): void;
  extra(key: Buffer): void;
  changed(key: Buffer, fields: readonly KeyField[]): void;
  /** Keys of the file that are not as they were, and keys that it does not have. */
  counts(): { readonly differing: number; readonly extra: number };
  summary(): Differences;
}

/** Where differences are told to, one by one, in any order. */
export type DifferenceSink = Pick<DifferenceLog, "missing" | "extra" | "changed">;

/** Keys that are named one by one. */
const NAMED_KEYS = 100;
/** Rows of the table by prefix; with more, prefixes are cut shorter. */
const PREFIX_ROWS = 100;
/** `/registry/configmaps/shop/` of `/registry/configmaps/shop/web-config`: resource and namespace of Kubernetes. */
const DEEPEST_PREFIX = 3;

type Counts = Record<"missing" | "extra" | "changed", number>;

/** An empty log. */
export function differenceLog(): DifferenceLog {
  let total = 0;
  let depth = DEEPEST_PREFIX;
  let prefixes = new Map<string, Counts>();
  let named: { key: Buffer; entry: KeyDifference }[] = [];

  const add = (key: Buffer, kind: keyof Counts, fields?: readonly KeyField[]) => {
    total += 1;
    // Latin-1 keeps every byte, so that keys which are no text are grouped as well.
    const prefix = prefixOf(key.toString("latin1"), depth);
    const counts = prefixes.get(prefix) ?? { missing: 0, extra: 0, changed: 0 };
    counts[kind] += 1;
    prefixes.set(prefix, counts);
    while (prefixes.size > PREFIX_ROWS && depth > 0) {
      depth -= 1;
      prefixes = regroup(prefixes, depth);
    }
    named.push({
      key: Buffer.from(key),
      entry: { key: printableKey(key), difference: kind, ...(fields && { fields }) },
    });
    if (named.length >= 10 * NAMED_KEYS) {
      named = firstKeys(named);
    }
  };

  return {
    get total() {
      return total;
    },
    missing(key) {
      add(key, "missing");
    },
    extra(key) {
      add(key, "extra");
    },
    changed(key, fields) {
      add(key, "changed", fields);
    },
    counts() {
      const extra = [...prefixes.values()].reduce((sum, counts) => sum + counts.extra, 0);
      return { differing: total - extra, extra };
    },
    summary() {
      const details = firstKeys(named).map(({ entry }) => entry);
      const byPrefix = [...prefixes]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([prefix, counts]): PrefixDifference => ({
          prefix: printableKey(Buffer.from(prefix, "latin1")),
          ...counts,
        }));
      return { total, byPrefix, keys: details.map(({ key }) => key), details };
    },
  };
}

/** The answers come in any order; the keys that are named shall not depend on it. */
function firstKeys<T extends { readonly key: Buffer }>(named: readonly T[]): T[] {
  return named.toSorted((a, b) => a.key.compare(b.key)).slice(0, NAMED_KEYS);
}

function regroup(prefixes: ReadonlyMap<string, Counts>, depth: number): Map<string, Counts> {
  const coarser = new Map<string, Counts>();
  for (const [prefix, { missing, extra, changed }] of prefixes) {
    const shorter = prefixOf(prefix, depth);
    const sum = coarser.get(shorter) ?? { missing: 0, extra: 0, changed: 0 };
    sum.missing += missing;
    sum.extra += extra;
    sum.changed += changed;
    coarser.set(shorter, sum);
  }
  return coarser;
}
