/** What `ls` and `get` look into, whatever it is: a backup, the v3 store of a running etcd, or its old v2 store. */
import type { StoredKey } from "../etcd/inspect/show";
import type { SortedKeys } from "../etcd/wire/sorted-keys";

/** Keys that can be listed and read; to be closed. */
export interface KeyStore {
  /** How it is named in messages. */
  readonly name: string;
  /** The keys that begin with some bytes, and perhaps others. */
  keys(prefix: Buffer): Promise<SortedKeys>;
  get(key: Buffer): Promise<StoredKey | undefined>;
  /** The keys around one that is not there, and perhaps others. */
  near(key: Buffer): Promise<SortedKeys>;
  /** Of a damaged backup not everything could be read, as was said: nothing out of it is good. */
  readonly isDamaged?: boolean;
  /** What else is there to look into, where nothing was found here. */
  otherStore?(): Promise<string | undefined>;
  close(): void;
}

/** What goes with an endpoint that is looked into. */
export interface Served {
  readonly name: string;
  readonly signal: AbortSignal;
  /** What led to it is given up with it. */
  readonly release?: (() => void) | undefined;
}
