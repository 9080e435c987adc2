/** An inspection for a person at a terminal: one screen of 80 columns and 40 lines, or a narrower one; its last line is the verdict. */
import { counted, grouped, size } from "../wire/figures";
import { fitted } from "../wire/lines";
import { visible } from "../wire/visible";
import type { Inspection } from "./inspection";
import { COLUMNS, keyed, LABEL, wrapped, labelled } from "./text-lines";
import { facts } from "./facts-text";

const MOST_ROWS = 5;
const MOST_KEYS = 2;
const MOST_NOTES = 3;

/**
 * Without a newline at its end.
 * @param columns of the terminal; a wider one than 80 is not used
 */
export function inspectionText(inspection: Inspection, columns = COLUMNS): string {
  const { census } = inspection;
  const width = Math.min(columns, COLUMNS);
  const names = namespaceLine(inspection, width);
  return [
    ...facts(inspection, width).flatMap(([label, text]) => labelled(label, text, width)),
    "",
    ...resourceTable(inspection, width),
    ...(census.namespaces.length > 0 ? labelled("namespaces", names, width) : []),
    ...keyed("largest", census.largestValues.slice(0, MOST_KEYS).map(largest), width),
    ...keyed("rewritten", census.mostWritten.slice(0, MOST_KEYS).map(written), width),
    "",
    ...remarks(inspection, width),
    ...wrapped(verdictLine(inspection), "", width, ""),
  ].join("\n");
}

/** Resources of Kubernetes; of another store its prefixes. */
function resourceTable({ census }: Inspection, width: number): readonly string[] {
  const { resources, prefixes, others } = census;
  const isKubernetes = resources.length > 0;
  const row = rowOf(width);
  const rows = isKubernetes
    ? resources.map(({ resource, group, storedAs, keys, valueBytes }) =>
        row(
          visible(group === "" ? resource : `${resource}.${group}`),
          grouped(keys),
          size(valueBytes),
          visible([...new Set(Object.keys(storedAs).map(versionOf))].join(", ")),
        ),
      )
    : prefixes.map(({ prefix, keys, valueBytes }) =>
        row(prefix === "" ? "(no folder)" : prefix, grouped(keys), size(valueBytes), ""),
      );
  const shown = rows.slice(0, MOST_ROWS);
  const rest = rows.length - shown.length;
  const tail = [
    ...(rest > 0 ? [`and ${grouped(rest)} more (--json has all)`] : []),
    ...(isKubernetes && others.keys > 0
      ? [`${counted(others.keys, "key")} not of Kubernetes (${size(others.valueBytes)})`]
      : []),
  ];
  if (rows.length === 0) return [];
  const head = isKubernetes
    ? row("resource", "keys", "bytes", "stored as")
    : row("folder", "keys", "bytes", "");
  return [head, ...shown, ...(tail.length > 0 ? wrapped(tail.join(", "), "", width, "") : [])];
}

/** `v1` of `apps/v1 Deployment`: the rest says what the resource's name has said. */
function versionOf(type: string): string {
  return type.split(" ")[0]?.split("/").at(-1) ?? "";
}

/** What stands beside the name in a row. */
const FIGURES = 34;

function rowOf(width: number) {
  const room = width - FIGURES;
  return (name: string, keys: string, bytes: string, detail: string): string =>
    `${fitted(name, room).padEnd(room)}${keys.padStart(9)}${bytes.padStart(11)}  ${fitted(detail, 12)}`.trimEnd();
}

/** As many as fit on the line. */
function namespaceLine({ census }: Inspection, width: number): string {
  const { namespaces, clusterWide } = census;
  const named = namespaces.map(({ namespace, keys }) => `${visible(namespace)} ${grouped(keys)}`);
  const line = (shown: number) => {
    const more = shown < named.length ? `, and ${named.length - shown} more` : "";
    return `${named.slice(0, shown).join(", ")}${more}; without one ${grouped(clusterWide.keys)}`;
  };
  let shown = Math.min(named.length, 12);
  while (shown > 1 && line(shown).length > width - LABEL) shown -= 1;
  return line(shown);
}

function largest({ key, valueBytes }: { key: string; valueBytes: number }): string {
  return `${size(valueBytes).padStart(9)}  ${key}`;
}

function written({ key, version }: { key: string; version: number }): string {
  return `${grouped(version).padStart(7)} ×  ${key}`;
}

function remarks({ reasons, notes }: Inspection, width: number): readonly string[] {
  const shown = notes.slice(0, MOST_NOTES);
  const more = notes.length - shown.length;
  return [
    ...reasons.flatMap((reason) => wrapped(reason, "why not    ", width)),
    ...shown.flatMap((note) => wrapped(note, "note       ", width)),
    ...(more > 0 ? [`           and ${counted(more, "more note")} (--json has all)`] : []),
  ];
}

function verdictLine({ verdict, keys, revision, etcd }: Inspection): string {
  return verdict === "restorable"
    ? `RESTORABLE  ${counted(keys, "key")} at revision ${revision}, with etcd ${etcd.restoreWith}`
    : "NOT RESTORABLE as it is";
}
