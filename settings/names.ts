/** The names of the settings, and what to say of one that nobody knows. */
import { SETTINGS } from "./settings";

/** Namespace of the settings: the project's name. */
export const NAMESPACE = "etcd-restore";

/** Every setting of the project. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS);

/** Namespaces of what else reads Pulumi's configuration here: the providers, and Pulumi itself. */
const OTHERS = ["openstack", "command", "pulumi"];

/**
 * The full name of a setting, `etcd-restore:NAME`; a name without a namespace is the project's.
 * @throws RangeError when nobody knows it, with the name that is nearest
 */
export function fullNameOf(key: string): string {
  const full = key.includes(":") ? key.replace(/^([^:]+):config:/, "$1:") : `${NAMESPACE}:${key}`;
  const [problem] = unknownSettings([full]);
  if (problem !== undefined) throw new RangeError(problem);
  if (!full.startsWith(`${NAMESPACE}:`) && !OTHERS.some((name) => full.startsWith(`${name}:`))) {
    const [namespace = ""] = full.split(":");
    throw new RangeError(
      `Nothing here reads settings of ${JSON.stringify(namespace)}; those of ${[NAMESPACE, ...OTHERS].join(", ")} are read.`,
    );
  }
  return full;
}

/**
 * What is wrong with settings that nobody reads: those of our namespace, or of one that is nearly ours. Other namespaces
 * may be somebody else's (an environment that many projects share).
 * @param fullNames with their namespace
 */
export function unknownSettings(fullNames: Iterable<string>): readonly string[] {
  const problems: string[] = [];
  for (const full of fullNames) {
    const at = full.indexOf(":");
    const [namespace, name] = [full.slice(0, at), full.slice(at + 1)];
    if (namespace === NAMESPACE) {
      if (SETTING_NAMES.includes(name)) continue;
      problems.push(`there is no setting ${JSON.stringify(name)}${nearest(name, SETTING_NAMES)}`);
    } else if (!OTHERS.includes(namespace) && distance(namespace, NAMESPACE) <= 3) {
      problems.push(
        `${JSON.stringify(full)} is of no namespace here; did you mean ${NAMESPACE}:${name}?`,
      );
    }
  }
  return problems;
}

/** `; did you mean etcdVersion?`, or all there are where none is near. */
export function nearest(name: string, known: readonly string[]): string {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const ranked = known
    .map((word) => ({ word, far: distance(plain(name), plain(word)) }))
    .sort((a, b) => a.far - b.far);
  const [best] = ranked;
  // Half of it may be wrong, and no more.
  if (best !== undefined && best.far <= Math.ceil(best.word.length / 2)) {
    return `; did you mean ${best.word}?`;
  }
  return `; there are ${known.join(", ")}`;
}

/** How many letters must be put in, taken out or changed (Levenshtein 1966). */
function distance(a: string, b: string): number {
  // Nobody types so much wrongly.
  if (Math.max(a.length, b.length) > 100) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[b.length] ?? Infinity;
}
