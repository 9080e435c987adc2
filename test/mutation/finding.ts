/**
 * What caught a mutant.
 *
 * - `structure`, `sha256`: the preflight, before anything is restored: the file is not whole, or not what was written.
 * - `restore`: `etcdutl` refuses it, or etcd does not start on it or does not live to be read.
 * - `hashkv`, `read-back`, `other`: the proof against the good backup; `other` is any other check, named in `detail`.
 * - `encryption`: what is encrypted was opened, and those keys were named that are wrong, and no other.
 * - `equal`: nothing but the manifest's SHA-256 (or nothing at all, for a data directory), and etcd's own HashKV and
 *   list of keys are those of the source: it means the same.
 * - `manifest`: nothing but the manifest's SHA-256, though it does not mean the same or cannot be shown to.
 * - `nothing`: it passed as good.
 */
export const CATCHERS = [
  "structure",
  "sha256",
  "restore",
  "hashkv",
  "read-back",
  "other",
  "encryption",
  "equal",
  "manifest",
  "nothing",
] as const;
export type Catcher = (typeof CATCHERS)[number];

export interface Finding {
  readonly by: Catcher;
  readonly detail: string;
  /** Whether every key was read back and keys that differ were named. */
  readonly located?: boolean;
}
