import type { KeyMetadata, LiveKeys, RangeComparer } from "../snapshot/snapshot";
import { decodePage, pagesOf } from "../client/pages";
import { comparePage, type PageComparison, reportMissing } from "./compare-page";
import type { DifferenceSink } from "./differences";
import { EtcdError } from "../client/etcd-error";
import type { EtcdClient, KeyRange } from "../client/etcd-client";
import { keyRange, type Plan, type PlannedRange } from "./plan";

/** What is read back, and how. */
export interface ReadBackRequest {
  readonly client: EtcdClient;
  readonly live: LiveKeys;
  readonly plan: Plan;
  /** Everything is read at this one revision. */
  readonly revision: number;
  /** `stored`: keys with their values. `metadata`: all but the values, which then do not travel. */
  readonly mode: "stored" | "metadata";
  /** As `tellsLeasesInKeysOnly` has it. */
  readonly leasesInKeysOnly: boolean;
  /** Takes what is missing, extra or changed. */
  readonly differences: DifferenceSink;
  /** Whether a missing key was bound to be gone. Default: none is. */
  readonly mayBeGone?: (metadata: KeyMetadata) => boolean;
  readonly onProgress?: ((doneKeys: number, totalKeys: number) => void) | undefined;
}

/** Requests under way. Two keep a server on the same machine busy; the third hides the network's latency. */
const IN_FLIGHT = 3;
/** Room for what a store that is not the file's may answer to a small range. */
const SMALLEST_SLOT = 1024 * 1024;
/** Keys in an answer when a range is looked at closely. */
const CLOSE_LOOK_KEYS = 1000;
/** Keys beyond the file's that are looked at, before it is said that the server goes on and on. */
const MOST_EXTRA_KEYS = 1_000_000;

/**
 * Reads every key of the server and compares it with the file.
 *
 * Memory is that of a few answers, whatever the store holds.
 * @throws EtcdError when the server cannot be read to the end.
 */
export async function readBack(request: ReadBackRequest): Promise<void> {
  const { client, live, plan, revision, differences, onProgress } = request;
  const inFlight = Math.min(IN_FLIGHT, plan.ranges.length);
  const comparer = live.comparer(Math.max(SMALLEST_SLOT, plan.largestAnswer), inFlight);
  const mayBeGone = request.mayBeGone ?? (() => false);
  const extra = { left: MOST_EXTRA_KEYS };
  let next = 0;
  let doneKeys = 0;
  // Set by the first failure; the others then end with the answer that they wait for.
  let failed = false;

  const work = async (slot: number) => {
    for (let range = plan.ranges[next]; range && !failed; range = plan.ranges[next]) {
      next += 1;
      const mode = range.leased && !request.leasesInKeysOnly ? "stored" : request.mode;
      const comparison = { live, mode, differences, mayBeGone };
      const source = { client, revision, keysOnly: mode === "metadata", extra };
      if (!(await isAsInFile(range, slot, source, comparer, comparison))) {
        await lookClosely(range, slot, source, comparer, comparison);
      }
      doneKeys += range.count;
      onProgress?.(doneKeys, live.count);
    }
  };
  const workers = Array.from({ length: inFlight }, (_, slot) =>
    work(slot).catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  // All of them, so that nothing still writes into the buffers when we return.
  for (const result of await Promise.allSettled(workers)) {
    if (result.status === "rejected") {
      throw result.reason;
    }
  }
}

interface Source {
  readonly client: EtcdClient;
  readonly revision: number;
  readonly keysOnly: boolean;
  /** How many keys beyond the file's may still come, over all ranges. */
  readonly extra: { left: number };
}

/** The fast way: the answer is compared where it lies, byte for byte by checksum. */
async function isAsInFile(
  range: PlannedRange,
  slot: number,
  { client, revision, keysOnly }: Source,
  comparer: RangeComparer,
  { live, mode }: PageComparison,
): Promise<boolean> {
  // One more than expected is enough to see that there is more; all of a foreign store's keys need not come.
  const limit = range.count + 1;
  try {
    const buffer = comparer.buffer(slot);
    const length = await client.rangeInto(
      keyRange(live, range),
      { revision, keysOnly, limit },
      buffer,
    );
    const result = comparer.compare(slot, 0, length, range.first, range.count, mode);
    return (
      !result.malformed &&
      !result.more &&
      result.matched === range.count &&
      result.keys === range.count
    );
  } catch (error) {
    if (isTooLarge(error)) {
      return false;
    }
    throw error;
  }
}

/** The slow way, for a range in which something differs: key by key and field by field. */
async function lookClosely(
  range: PlannedRange,
  slot: number,
  source: Source,
  comparer: RangeComparer,
  comparison: PageComparison,
): Promise<void> {
  const end = range.first + range.count;
  let next = range.first;
  let limit = CLOSE_LOOK_KEYS;
  const page = async (rest: KeyRange) => {
    for (;;) {
      try {
        return await fetchPage(rest, limit, slot, source, comparer);
      } catch (error) {
        if (!isTooLarge(error)) {
          throw error;
        }
        if (limit === 1) {
          // Not even one key fits, though every value of the file would: without its value it is compared all the same,
          // and an empty value in place of a huge one is as different.
          return fetchPage(rest, 1, slot, { ...source, keysOnly: true }, comparer);
        }
        limit = Math.ceil(limit / 8);
      }
    }
  };
  const asked = keyRange(comparison.live, range);
  for await (const keys of pagesOf(asked, page, range.count + source.extra.left)) {
    const from = next;
    next = comparePage(keys, next, end, comparison);
    source.extra.left -= Math.max(0, keys.length - (next - from));
  }
  for (; next < end; next += 1) {
    reportMissing(next, comparison);
  }
}

async function fetchPage(
  range: KeyRange,
  limit: number,
  slot: number,
  { client, revision, keysOnly }: Source,
  comparer: RangeComparer,
) {
  const buffer = comparer.buffer(slot);
  const length = await client.rangeInto(range, { revision, keysOnly, limit }, buffer);
  return decodePage(Buffer.from(buffer.buffer, buffer.byteOffset, length));
}

function isTooLarge(error: unknown): boolean {
  return error instanceof EtcdError && error.kind === "too-large";
}
