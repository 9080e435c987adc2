/** The differences of a report taken together, and the one cause that may stand behind them. */
import { counted } from "../wire/figures";
import type { Differences, PrefixDifference, Report } from "./report";

/**
 * Why a verification failed, where one cause stands behind many differences: another store. Undefined where there is none.
 *
 * A store that ends before the backup cannot have come from it, and one that has none of its keys as they were is not it.
 */
export function causeOf(report: Report): string | undefined {
  const { verdict, snapshot, restored, differences, ended } = report;
  if (verdict !== "fail" || ended !== undefined) return undefined;
  if (restored.revision > 0 && restored.revision < snapshot.revision) {
    return `another store: it ends at revision ${restored.revision}, the backup at ${snapshot.revision}`;
  }
  if (report.v2 !== undefined) return undefined; // its differences are of two stores
  const { missing, changed } = sumOfPrefixes(differences);
  if (snapshot.keys > 1 && missing + changed === snapshot.keys) {
    const has =
      restored.keys === 0 ? "it has no key at all" : `it has ${counted(restored.keys, "key")}`;
    return `another store: none of the ${counted(snapshot.keys, "key")} of the backup is there as it was, ${has}`;
  }
  return undefined;
}

/** Differences of all prefixes together. */
export function sumOfPrefixes({
  byPrefix,
}: Differences): Readonly<Record<"missing" | "extra" | "changed", number>> {
  const sum = { missing: 0, extra: 0, changed: 0 };
  for (const { missing, extra, changed } of byPrefix) {
    sum.missing += missing;
    sum.extra += extra;
    sum.changed += changed;
  }
  return sum;
}

/** The prefixes with the most differences first; of equal ones in their own order. */
export function mostFirst(prefixes: readonly PrefixDifference[]): readonly PrefixDifference[] {
  const all = (each: PrefixDifference) => each.missing + each.extra + each.changed;
  return prefixes.toSorted((a, b) => all(b) - all(a));
}
