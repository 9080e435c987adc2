/** Where two sets of properties differ, and the path patterns of `ignoreChanges` and `replaceOnChanges`. */

import { ASSET, hasMark, isObject, mapProperties, SECRET, UNKNOWN, unwrap } from "./values";
import type { Properties, Value } from "./values";

/** One step per name or index, from the outside in. */
export type Path = readonly string[];

/**
 * Paths at which `news` differs from `olds`, secrecy aside. An unknown new value differs from
 * everything; of an asset only the hash counts, so a file that moved is the same file.
 */
export function changedPaths(olds: Value | undefined, news: Value | undefined): readonly Path[] {
  return differences(olds, news, []);
}

function differences(olds: Value | undefined, news: Value | undefined, at: Path): readonly Path[] {
  const before = unwrap(olds ?? null);
  const after = unwrap(news ?? null);
  if (after === UNKNOWN) return [at];
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) =>
      differences(before[index] as Value, after[index] as Value, [...at, String(index)]),
    ).flat();
  }
  if (hasMark(before, ASSET) && hasMark(after, ASSET)) {
    return before.hash === after.hash ? [] : [at];
  }
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => differences(before[key], after[key], [...at, key]));
  }
  return before === after ? [] : [at];
}

/** Splits `a.b[0]["c d"][*]` into its steps, as Pulumi's property paths are written. */
export function parsePath(pattern: string): Path {
  const steps: string[] = [];
  for (const match of pattern.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]|([^.[\]]+)/g)) {
    steps.push(match[1]?.replace(/\\(.)/g, "$1") ?? match[2] ?? match[3] ?? "");
  }
  return steps;
}

/** Whether a change at `path` lies within `pattern`, or takes away what `pattern` points into. */
export function within(path: Path, pattern: string): boolean {
  const steps = parsePath(pattern);
  const common = Math.min(steps.length, path.length);
  return steps.slice(0, common).every((step, index) => step === "*" || step === path[index]);
}

/** `news` with the value of `olds` at each changed path that one of the patterns covers. */
export function ignoreChanges(
  olds: Properties,
  news: Properties,
  patterns: readonly string[],
): Properties {
  return changedPaths(olds, news)
    .filter((path) => patterns.some((pattern) => within(path, pattern)))
    .reduce<Properties>((inputs, path) => revert(olds, inputs, path), news);
}

function revert(olds: Properties, news: Properties, [key, ...rest]: Path): Properties {
  if (key === undefined) return olds;
  const before = olds[key];
  const { [key]: after, ...others } = news;
  if (before === undefined) return others;
  return { ...news, [key]: after === undefined ? before : revertValue(before, after, rest) };
}

function revertValue(olds: Value, news: Value, path: Path): Value {
  const [key, ...rest] = path;
  const before = unwrap(olds);
  const after = unwrap(news);
  if (key === undefined || hasMark(olds, SECRET) !== hasMark(news, SECRET)) return olds;
  if (isObject(before) && isObject(after)) {
    const reverted = revert(before, after, path);
    return hasMark(news, SECRET)
      ? mapProperties(news, (v, k) => (k === "value" ? reverted : v))
      : reverted;
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    const index = Number(key);
    return after.map((item: Value, at) =>
      at === index ? revertValue(before[at] as Value, item, rest) : item,
    );
  }
  return olds;
}
