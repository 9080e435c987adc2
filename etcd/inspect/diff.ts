/** What became of the keys of one backup in another. Metadata and digests only; values are compared, never shown. */
import { describeKey } from "../kubernetes/key";
import { prefixOf, printableKey } from "../wire/keys";
import type { KeyField } from "../report/report";
import type { LiveKeys, Snapshot } from "../snapshot/snapshot";
import { entry } from "./tally";

export type Change = "added" | "removed" | "changed";

/** A key that is not the same in both. */
export interface KeyChange {
  readonly key: string;
  readonly change: Change;
  /** Of a changed key: what differs. Without `value` it was written again with the value that it had. */
  readonly fields?: readonly KeyField[];
}

export type ChangeCounts = Readonly<Record<Change, number>>;

/** One of the two stores. */
export interface DiffSide {
  readonly name: string;
  /** Of a v2 store its index. */
  readonly revision: number;
  readonly keys: number;
}

/** What differs between the live keys of A and B; A is the older one, so what B has besides is `added`. */
export interface StoreDiff {
  readonly schemaVersion: 1;
  /** Of which store the keys are. @default the v3 store */
  readonly store?: "v2";
  readonly a: DiffSide;
  readonly b: DiffSide;
  readonly verdict: "same" | "different";
  readonly same: number;
  readonly total: ChangeCounts;
  /** Of the changed ones: how many have the value that they had. */
  readonly sameValue: number;
  /** This and the next with the most changes first. */
  readonly byPrefix: readonly (ChangeCounts & { readonly prefix: string })[];
  /** By the API's name of a resource, `deployments.apps`; `(other)` is not of Kubernetes. */
  readonly byResource: readonly (ChangeCounts & { readonly resource: string })[];
}

type Counts = Record<Change, number>;

/** `/registry/configmaps/shop/` */
const DEEPEST_PREFIX = 3;
const PREFIX_ROWS = 100;

/** Counts changes one by one, in bounded memory. */
export function changeLog(): {
  add(key: Buffer, change: Change): void;
  result(): Pick<StoreDiff, "total" | "byPrefix" | "byResource">;
} {
  const none = (): Counts => ({ added: 0, removed: 0, changed: 0 });
  const total = none();
  const byResource = new Map<string, Counts>();
  let depth = DEEPEST_PREFIX;
  let byPrefix = new Map<string, Counts>();
  const shorten = () => {
    depth -= 1;
    const coarser = new Map<string, Counts>();
    for (const [prefix, counts] of byPrefix) {
      const sum = entry(coarser, prefixOf(prefix, depth), none);
      for (const change of ["added", "removed", "changed"] as const) sum[change] += counts[change];
    }
    byPrefix = coarser;
  };
  return {
    add(key, change) {
      total[change] += 1;
      // Latin-1 keeps every byte apart.
      entry(byPrefix, prefixOf(key.toString("latin1"), depth), none)[change] += 1;
      while (byPrefix.size > PREFIX_ROWS && depth > 0) shorten();
      entry(byResource, resourceOf(key), none)[change] += 1;
    },
    result: () => ({
      total,
      byPrefix: [...byPrefix]
        .map(([prefix, counts]) => ({
          prefix: printableKey(Buffer.from(prefix, "latin1")),
          ...counts,
        }))
        .sort((x, y) => sum(y) - sum(x)),
      byResource: [...byResource]
        .map(([resource, counts]) => ({ resource, ...counts }))
        .sort((x, y) => sum(y) - sum(x)),
    }),
  };
}

function sum({ added, removed, changed }: ChangeCounts): number {
  return added + removed + changed;
}

function resourceOf(key: Buffer): string {
  const described = describeKey(key.toString());
  if (described === undefined) return "(other)";
  if (described.kind === "special") return `(${described.purpose})`;
  const { resource, group } = described;
  return group === undefined || group === "" ? resource : `${resource}.${group}`;
}

/**
 * Compares the live keys of two files in one walk over both.
 *
 * Only a key whose metadata differs while its value is as long as before has its two values read.
 * @param onChange told of each key that differs, in key order
 */
export function diffSnapshots(
  a: Snapshot,
  b: Snapshot,
  onChange?: (change: KeyChange) => void,
): StoreDiff {
  const log = changeLog();
  let same = 0;
  let sameValue = 0;
  const tell = (key: Buffer, change: Change, fields?: readonly KeyField[]) => {
    log.add(key, change);
    onChange?.({ key: printableKey(key), change, ...(fields && { fields }) });
  };
  let i = 0;
  let j = 0;
  while (i < a.live.count || j < b.live.count) {
    const left = i < a.live.count ? a.live.key(i) : undefined;
    const right = j < b.live.count ? b.live.key(j) : undefined;
    const order = left === undefined ? 1 : right === undefined ? -1 : left.compare(right);
    if (order < 0 && left !== undefined) {
      tell(left, "removed");
      i++;
    } else if (order > 0 && right !== undefined) {
      tell(right, "added");
      j++;
    } else if (left !== undefined) {
      const fields = differingFields(a.live, i++, b.live, j++);
      if (fields.length === 0) same++;
      else {
        if (!fields.includes("value")) sameValue++;
        tell(left, "changed", fields);
      }
    }
  }
  return {
    schemaVersion: 1,
    a: side(a),
    b: side(b),
    verdict: same === a.live.count && same === b.live.count ? "same" : "different",
    same,
    sameValue,
    ...log.result(),
  };
}

/** A file as one of the two stores. */
export function side({ file, revision, live }: Snapshot): DiffSide {
  return { name: file, revision, keys: live.count };
}

function differingFields(a: LiveKeys, i: number, b: LiveKeys, j: number): readonly KeyField[] {
  const left = a.metadata(i);
  const right = b.metadata(j);
  const fields: KeyField[] = [];
  for (const field of ["createRevision", "modRevision", "version", "lease"] as const) {
    if (left[field] !== right[field]) fields.push(field);
  }
  const sameRecord =
    fields.length === 0 && left.crc === right.crc && left.storedBytes === right.storedBytes;
  if (sameRecord) return [];
  if (left.valueBytes !== right.valueBytes || !a.value(i).equals(b.value(j))) fields.push("value");
  return fields;
}
