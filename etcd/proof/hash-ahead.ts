import type { Endpoint } from "../client/endpoint";
import { openEtcd, type HashKvAnswer } from "../client/etcd-client";

/** A hash that a server was asked for before it was known at which revision it is wanted. */
export interface HashAhead {
  /** HashKV at the revision that the store had, with that revision; undefined when there was no answer. */
  readonly answer: Promise<HashKvAnswer | undefined>;
  /** Gives it up, if it is not there yet. */
  close(): void;
}

/**
 * Asks a server to hash its store while the backup is still being read: each takes a core for as long as the other.
 *
 * An error is nobody's here: whoever then asks for the hash itself is told.
 */
export function hashAhead(endpoint: Endpoint, signal: AbortSignal): HashAhead {
  const own = new AbortController();
  const client = openEtcd(endpoint, AbortSignal.any([signal, own.signal]));
  return {
    answer: client
      .hashKv(0)
      .catch(() => undefined)
      .finally(() => {
        client.close();
      }),
    close() {
      own.abort();
    },
  };
}
