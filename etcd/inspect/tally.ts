/** Counts by name. A Map, because names come from the file and `__proto__` may be one. */
export type Tally = Map<string, number>;

export function countIn(tally: Tally, name: string, times = 1): void {
  tally.set(name, (tally.get(name) ?? 0) + times);
}

/** The counts as an object, the greatest first. */
export function tallied(tally: Tally): Readonly<Record<string, number>> {
  return Object.fromEntries([...tally].sort(([, a], [, b]) => b - a));
}

/** What a map holds under a name; made and put there where it holds nothing. */
export function entry<T>(map: Map<string, T>, name: string, make: () => T): T {
  const known = map.get(name);
  if (known !== undefined) return known;
  const made = make();
  map.set(name, made);
  return made;
}
