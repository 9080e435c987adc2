/** What a backup of the v2 store holds, in short, and whether it can be restored. */
import { prefixOf, printableKey } from "../wire/keys";
import { counted, grouped } from "../wire/figures";
import { visible } from "../wire/visible";
import { databaseProblem, NEWEST_WITH_V2 } from "../backup/v2/judgement";
import type { V2Store } from "../backup/v2/v2-backup";
import type { Inspection } from "./inspection";
import { wrapped } from "./text-lines";

/** What `inspect` says of it. */
export interface V2Inspection {
  readonly schemaVersion: 1;
  readonly file: string;
  readonly verdict: "restorable" | "not-restorable";
  readonly reasons: readonly string[];
  readonly format: { readonly name: string; readonly recognisedBy: string };
  readonly keys: number;
  readonly folders: number;
  /** The store's count of changes. */
  readonly index: number;
  /** Keys that run out, whether they are still there or not. */
  readonly keysWithTtl: number;
  readonly valueBytes: number;
  readonly prefixes: readonly { readonly prefix: string; readonly keys: number }[];
  /** The v3 store beside it, which is restored with it; absent where that has no key. */
  readonly v3?: Inspection;
}

const DEPTH = 2;
const MOST_ROWS = 15;

/** @param v3 what its database holds, where that has keys */
export function inspectV2(file: string, store: V2Store, v3?: Inspection): V2Inspection {
  const problem = v3 && databaseProblem(store, v3.consistentIndex ?? 0);
  const verdict =
    problem === undefined
      ? { verdict: "restorable" as const, reasons: [] }
      : { verdict: "not-restorable" as const, reasons: [problem] };
  const prefixes = new Map<string, number>();
  for (const { key } of store.keys) {
    const prefix = prefixOf(printableKey(key), DEPTH);
    prefixes.set(prefix, (prefixes.get(prefix) ?? 0) + 1);
  }
  return {
    schemaVersion: 1,
    file,
    ...verdict,
    format: {
      name: "etcd v2 backup",
      recognisedBy: `a snapshot of the v2 store at raft index ${store.snapshotIndex} and ${store.logEntries} later entries of the log`,
    },
    keys: store.keys.length,
    folders: store.folders,
    index: store.index,
    keysWithTtl: store.keys.filter(({ expires }) => expires !== undefined).length,
    valueBytes: store.keys.reduce((sum, { value }) => sum + value.length, 0),
    prefixes: [...prefixes]
      .map(([prefix, keys]) => ({ prefix, keys }))
      .sort((a, b) => b.keys - a.keys),
    ...(v3 && { v3: { ...v3, ...verdict } }),
  };
}

/** Without a newline at its end. */
export function v2InspectionText(inspection: V2Inspection): string {
  const { file, format, keys, folders, index, keysWithTtl, prefixes, reasons, v3 } = inspection;
  const more = prefixes.length - MOST_ROWS;
  return [
    `file       ${visible(file)}`,
    ...wrapped(`${format.name}: ${format.recognisedBy}`, "format     "),
    `keys       ${counted(keys, "key")} in ${counted(folders, "folder")}, ${grouped(keysWithTtl)} with a TTL; index ${index}`,
    ...(v3
      ? [`v3 beside  ${counted(v3.keys, "key")}, revision ${v3.revision}, HashKV ${v3.hashKv}`]
      : []),
    "",
    ...prefixes
      .slice(0, MOST_ROWS)
      .map(({ prefix, keys: below }) => `${grouped(below).padStart(11)}  ${prefix}`),
    ...(more > 0 ? [`and ${grouped(more)} more (--json has all)`] : []),
    "",
    ...reasons.flatMap((reason) => wrapped(reason, "why not    ")),
    inspection.verdict === "restorable"
      ? `RESTORABLE  with etcd ${NEWEST_WITH_V2} or 3.4, the last that serve a v2 store`
      : "NOT RESTORABLE as it is",
  ].join("\n");
}
