import type { StorageEncoding } from "../kubernetes/storage";
import { prefixOf, printableKey } from "../wire/keys";
import type { LiveKeys, Snapshot } from "../snapshot/snapshot";
import { createEncryptionCensus, type EncryptionCensus } from "./encryption";
import type { ObjectKey } from "../kubernetes/key";
import {
  amountsByForm,
  describedStretches,
  storedForms,
  sumOf,
  type StoredForm,
} from "./stretches";
import { countIn, entry, tallied, type Tally } from "./tally";

/** Keys, and the bytes of their values. */
export interface Amount {
  readonly keys: number;
  readonly valueBytes: number;
}

/** The objects of one resource of the Kubernetes API. */
export interface ResourceCount extends Amount {
  /** The API's name, `deployments`. */
  readonly resource: string;
  /** Empty for the core group. */
  readonly group: string;
  /** In which versions they are stored, as `apps/v1 Deployment`; what is encrypted does not tell. */
  readonly storedAs: Readonly<Record<string, number>>;
  readonly encrypted: number;
}

export interface NamespaceCount extends Amount {
  readonly namespace: string;
  /** Keys by resource. */
  readonly resources: Readonly<Record<string, number>>;
}

export interface PrefixCount extends Amount {
  readonly prefix: string;
}

/** What lies in a store, in numbers: keys of the live state, never a value. All lists have the largest first. */
export interface Census {
  readonly prefixes: readonly PrefixCount[];
  readonly resources: readonly ResourceCount[];
  readonly namespaces: readonly NamespaceCount[];
  /** Objects without a namespace. */
  readonly clusterWide: Amount;
  /** Bookkeeping of the API server, by purpose. */
  readonly bookkeeping: Readonly<Record<string, number>>;
  /** Keys that Kubernetes does not write. */
  readonly others: Amount;
  readonly encryption: EncryptionCensus;
  readonly largestValues: readonly { readonly key: string; readonly valueBytes: number }[];
  /** Keys that were written most often since they were made; how many of these versions are kept, compaction decides. */
  readonly mostWritten: readonly { readonly key: string; readonly version: number }[];
}

/** `/registry/pods/`; with more rows than these, prefixes are cut shorter. */
const DEEPEST_PREFIX = 2;
const PREFIX_ROWS = 100;
const TOP = 10;

type Sum = { -readonly [Field in keyof Amount]: Amount[Field] };

/** Counts what is live in a snapshot, from its index: the file is read again only for values with unusual beginnings. */
export function takeCensus({ live }: Pick<Snapshot, "live">): Census {
  const prefixes = new Map<string, Sum>();
  const objects = createObjectCensus();
  const bookkeeping: Tally = new Map();
  const others: Sum = emptySum();
  const formOf = storedForms(live);

  for (const { first, end, described } of describedStretches(live)) {
    const stretch = sumOf(live, first, end);
    // Latin-1 keeps every byte apart.
    const prefix = prefixOf(live.key(first).toString("latin1"), DEEPEST_PREFIX);
    add(entry(prefixes, prefix, emptySum), stretch);
    if (described === undefined) {
      add(others, stretch);
      continue;
    }
    if (described.kind === "special") {
      countIn(bookkeeping, described.purpose, stretch.keys);
      continue;
    }
    for (const { form, amount } of amountsByForm(live, first, end, formOf)) {
      if (isObject(form.encoding)) objects.count(described, form, amount);
      else add(others, amount);
    }
  }
  const { encryption, ...counts } = objects.result();
  return {
    prefixes: byPrefix(prefixes),
    ...counts,
    bookkeeping: tallied(bookkeeping),
    ...{ others, encryption },
    ...topKeys(live),
  };
}

/** Counts the objects of Kubernetes: by resource, by namespace, and what encrypted them. */
function createObjectCensus() {
  const resources = new Map<string, MutableResource>();
  const namespaces = new Map<string, Sum & { resources: Tally }>();
  const clusterWide: Sum = emptySum();
  const encryption = createEncryptionCensus();
  return {
    count(key: ObjectKey, { encoding, type }: StoredForm, amount: Amount): void {
      const group = key.group ?? groupOf(type?.apiVersion) ?? "";
      const name = group === "" ? key.resource : `${key.resource}.${group}`;
      const resource = entry(resources, name, () => ({
        resource: key.resource,
        group,
        storedAs: new Map<string, number>(),
        encrypted: 0,
        ...emptySum(),
      }));
      add(resource, amount);
      if (type !== undefined) {
        countIn(resource.storedAs, `${type.apiVersion} ${type.kind}`, amount.keys);
      }
      if (encoding.kind === "encrypted") resource.encrypted += amount.keys;
      encryption.count(name, encoding, amount.keys);
      if (key.namespace === undefined) {
        add(clusterWide, amount);
        return;
      }
      const namespace = entry(namespaces, key.namespace, () => ({
        ...emptySum(),
        resources: new Map<string, number>(),
      }));
      add(namespace, amount);
      countIn(namespace.resources, name, amount.keys);
    },
    result() {
      return {
        resources: [...resources.values()]
          .map((resource) => ({ ...resource, storedAs: tallied(resource.storedAs) }))
          .sort(largestFirst),
        namespaces: [...namespaces]
          .map(([namespace, counts]) => ({
            ...{ namespace, ...counts },
            resources: tallied(counts.resources),
          }))
          .sort(largestFirst),
        clusterWide,
        encryption: encryption.result(),
      };
    },
  };
}

type MutableResource = Sum & {
  resource: string;
  group: string;
  storedAs: Tally;
  encrypted: number;
};

function emptySum(): Sum {
  return { keys: 0, valueBytes: 0 };
}

function add(sum: Sum, { keys, valueBytes }: Amount): void {
  sum.keys += keys;
  sum.valueBytes += valueBytes;
}

/** A key that looks like Kubernetes' with some text behind it is somebody else's. */
function isObject({ kind }: StorageEncoding): boolean {
  return kind === "protobuf" || kind === "json" || kind === "cbor" || kind === "encrypted";
}

function groupOf(apiVersion: string | undefined): string | undefined {
  return apiVersion?.includes("/") === true ? apiVersion.split("/")[0] : undefined;
}

function largestFirst(a: Amount, b: Amount): number {
  return b.keys - a.keys || b.valueBytes - a.valueBytes;
}

function byPrefix(sums: ReadonlyMap<string, Sum>): readonly PrefixCount[] {
  let rows = sums;
  for (let depth = DEEPEST_PREFIX - 1; rows.size > PREFIX_ROWS && depth >= 0; depth--) {
    const coarser = new Map<string, Sum>();
    for (const [prefix, { keys, valueBytes }] of rows) {
      const sum = entry(coarser, prefixOf(prefix, depth), emptySum);
      sum.keys += keys;
      sum.valueBytes += valueBytes;
    }
    rows = coarser;
  }
  return [...rows]
    .map(([prefix, sum]) => ({ prefix: printableKey(Buffer.from(prefix, "latin1")), ...sum }))
    .sort(largestFirst);
}

function topKeys(live: LiveKeys): Pick<Census, "largestValues" | "mostWritten"> {
  const largest = topList();
  const written = topList();
  for (let i = 0; i < live.count; i++) {
    largest.offer(i, live.valueBytes(i));
    written.offer(i, live.version(i));
  }
  const named = (i: number) => printableKey(live.key(i));
  return {
    largestValues: largest.list.map(([i, valueBytes]) => ({ key: named(i), valueBytes })),
    mostWritten: written.list.map(([i, version]) => ({ key: named(i), version })),
  };
}

/** The ten greatest of many; of equal ones those that came first. */
function topList() {
  const list: (readonly [i: number, size: number])[] = [];
  return {
    list,
    offer(i: number, size: number): void {
      if (list.length === TOP && size <= (list.at(-1)?.[1] ?? 0)) return;
      const at = list.findIndex(([, other]) => other < size);
      list.splice(at < 0 ? list.length : at, 0, [i, size]);
      list.length = Math.min(list.length, TOP);
    },
  };
}
