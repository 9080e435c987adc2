import { printableKey } from "../wire/keys";
import { firstFrom, withPrefix, type SortedKeys } from "../wire/sorted-keys";

/** An entry of a listing: a key, or a folder, which is all keys that share a beginning up to a slash. */
export interface ListEntry {
  /** A folder ends in a slash. As `base64:…` where it is no harmless text. */
  readonly name: string;
  readonly isFolder: boolean;
  /** Keys below a folder, 1 for a key. */
  readonly keys: number;
  /** Its number among the keys; of a folder the number of its first key. */
  readonly index: number;
}

const SLASH = 0x2f;

/**
 * What lies under a prefix, in key order: one level with its folders, or with `recursive` every key.
 *
 * A prefix is first taken for a folder, with or without the slash at its end, and a key of that very name is listed
 * beside it; where there is no such folder, for the beginning of names. Looks only at as many keys as there are entries.
 */
export function listKeys(
  keys: SortedKeys,
  prefix: Buffer,
  recursive = false,
): readonly ListEntry[] {
  const { folder, range, own } = resolve(keys, prefix);
  const [first, end] = range;
  const entries: ListEntry[] = own === undefined ? [] : [keyEntry(keys, own)];
  for (let i = first; i < end;) {
    const key = keys.key(i);
    // The slash that a key begins with opens the first name.
    const slash = recursive ? -1 : key.indexOf(SLASH, Math.max(1, folder.length));
    if (slash < 0) {
      entries.push(keyEntry(keys, i));
      i += 1;
      continue;
    }
    const name = key.subarray(0, slash + 1);
    const next = Math.min(end, firstFrom(keys, afterFolder(name)));
    entries.push({ name: printableKey(name), isFolder: true, keys: next - i, index: i });
    i = next;
  }
  return entries;
}

function resolve(keys: SortedKeys, prefix: Buffer) {
  const isFolder = prefix.length === 0 || prefix.at(-1) === SLASH;
  const folder = isFolder ? prefix : Buffer.concat([prefix, Buffer.from([SLASH])]);
  const range = withPrefix(keys, folder);
  if (isFolder) return { folder, range, own: undefined };
  const found = keys.indexOf(prefix);
  const own = found >= 0 ? found : undefined;
  if (range[1] > range[0] || own !== undefined) return { folder, range, own };
  return { folder: prefix, range: withPrefix(keys, prefix), own: undefined };
}

function keyEntry(keys: SortedKeys, index: number): ListEntry {
  return { name: printableKey(keys.key(index)), isFolder: false, keys: 1, index };
}

/** The first possible key behind all of a folder: its slash, one more. */
function afterFolder(name: Buffer): Buffer {
  const after = Buffer.from(name);
  after[after.length - 1] = SLASH + 1;
  return after;
}
