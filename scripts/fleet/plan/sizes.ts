/** Sizes of the backups that a list would prove, by a look at where they lie: a listing, a HEAD, the first pages. Nothing is fetched. */
import { HEAD_BYTES, isArchive, isCompression, kindOf } from "../../../etcd/backup/kinds";
import { findNamed } from "../../commands/drill/choose";
import { messageOfError } from "../../errors";
import type { Entry } from "../list";

/** What is known of an entry's backup. */
export interface Sized {
  readonly entry: Entry;
  /** Of the database, as far as that can be told; 0 where there is a problem. */
  readonly bytes: number;
  /** It is packed: its size inside is a guess. */
  readonly isPacked: boolean;
  /** Why there is none; a run would say the same. */
  readonly problem?: string;
}

/** Stores answer several at a time; a computer's folders, too. */
const AT_ONCE = 16;
/** Kubernetes' objects in gzip come to a sixth of their size, and to less in what is newer. */
const UNPACKED_TIMES = 8;

/** In the list's order. */
export async function sizesOf(
  entries: readonly Entry[],
  signal: AbortSignal,
  onDone: (done: number) => void,
): Promise<readonly Sized[]> {
  const sized: Sized[] = [];
  const waiting = entries.entries();
  let done = 0;
  const work = async (): Promise<void> => {
    for (const [at, entry] of waiting) {
      signal.throwIfAborted();
      sized[at] = await sizeOf(entry, signal);
      done += 1;
      onDone(done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return sized;
}

async function sizeOf(entry: Entry, signal: AbortSignal): Promise<Sized> {
  const { source, expectedCluster } = entry;
  try {
    const found = await findNamed(source, { expectedCluster, signal });
    try {
      const kind = kindOf(await found.head(HEAD_BYTES, signal));
      const isPacked = isCompression(kind) || isArchive(kind);
      const known = Number.isNaN(found.bytes) ? 0 : found.bytes;
      return { entry, isPacked, bytes: isPacked ? known * UNPACKED_TIMES : known };
    } finally {
      found.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    return { entry, bytes: 0, isPacked: false, problem: messageOfError(error) };
  }
}
