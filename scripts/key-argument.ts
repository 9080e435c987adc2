/** Keys as they are typed, and what to say of one that is not there. */
import { nearestKeys, parseKey } from "../etcd/inspect/keys";
import type { SortedKeys } from "../etcd/wire/sorted-keys";
import { EXIT, UserError } from "./outcome";

/** The bytes of a key or prefix given on the command line. */
export function keyArgument(text: string): Buffer {
  try {
    return parseKey(text);
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(EXIT.usage, error.message);
    throw error;
  }
}

/**
 * What to say of a key that is not there: with those that come nearest.
 * @param keys those around it, or all
 */
export function notThere(text: string, where: string, keys: SortedKeys): UserError {
  const nearest = nearestKeys(keys, keyArgument(text));
  return nearest.length === 0
    ? new UserError(EXIT.checkFailed, `${where} has no key ${text}; it has no key at all`)
    : new UserError(EXIT.checkFailed, `${where} has no key ${text}; nearest are`, nearest);
}
