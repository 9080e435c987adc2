import { counted, grouped } from "../wire/figures";
import { fitted } from "../wire/lines";
import { visible } from "../wire/visible";
import type { ChangeCounts, KeyChange, StoreDiff } from "./diff";

const NAME = 50;
const MOST_ROWS = 10;

/** The difference of two stores for a person, 80 columns; its last line is the verdict. */
export function diffText(diff: StoreDiff): string {
  const [count, key] = diff.store === "v2" ? ["index", "v2 key"] : ["revision", "key"];
  const sides = [diff.a, diff.b].map(
    ({ name, revision, keys }, i) =>
      `${"AB"[i] ?? ""}  ${fitted(visible(name), 44).padEnd(44)} ${count} ${revision}, ${counted(keys, key)}`,
  );
  return [
    ...sides,
    ...table(
      "resource",
      diff.byResource.map(({ resource, ...counts }) => [resource, counts]),
    ),
    ...table(
      "prefix",
      diff.byPrefix.map(({ prefix, ...counts }) => [prefix, counts]),
    ),
    "",
    verdict(diff),
  ].join("\n");
}

/** One key that differs: `+ KEY`, `- KEY`, `~ KEY  value, modRevision`. */
export function changeLine({ key, change, fields = [] }: KeyChange): string {
  const sign = { added: "+", removed: "-", changed: "~" }[change];
  const same = change === "changed" && !fields.includes("value") ? " (same value)" : "";
  return `${sign} ${visible(key)}${fields.length > 0 ? `  ${fields.join(", ")}${same}` : ""}`;
}

function table(title: string, rows: readonly (readonly [string, ChangeCounts])[]): string[] {
  if (rows.length === 0) return [];
  const line = (name: string, cells: readonly string[]) =>
    fitted(name, NAME).padEnd(NAME) + cells.map((cell) => cell.padStart(10)).join("");
  const rest = rows.length - MOST_ROWS;
  return [
    "",
    line(title, ["added", "removed", "changed"]),
    ...rows
      .slice(0, MOST_ROWS)
      .map(([name, { added, removed, changed }]) =>
        line(name === "" ? "(no folder)" : visible(name), [added, removed, changed].map(grouped)),
      ),
    ...(rest > 0 ? [`and ${grouped(rest)} more (--json has all)`] : []),
  ];
}

function verdict({ verdict: is, same, total, sameValue, a, b, store }: StoreDiff): string {
  if (is === "same") {
    const at = store === "v2" ? "indexes" : "revisions";
    const moved =
      a.revision === b.revision ? "" : `, though at ${at} ${a.revision} and ${b.revision}`;
    return `SAME  all ${counted(same, store === "v2" ? "v2 key" : "key")} are the same${moved}`;
  }
  const again = sameValue > 0 ? ` (${grouped(sameValue)} with the same value)` : "";
  return `DIFFERENT  ${grouped(total.added)} added, ${grouped(total.removed)} removed, ${grouped(total.changed)} changed${again}, ${grouped(same)} the same`;
}
