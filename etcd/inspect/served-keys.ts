/** Keys of a running etcd, for looking inside it. */
import type { EtcdClient, KeyRange } from "../client/etcd-client";
import { decodePage, pagesOf, type ServedKey } from "../client/pages";
import { prefixRange } from "../proof/plan";
import type { SortedKeys } from "../wire/sorted-keys";
import { sortedKeys } from "./keys";
import type { StoredKey } from "./show";

/** Untouched memory costs nothing; etcd's own limit for a value is 1.5 MB. */
const BUFFER_BYTES = 64 * 2 ** 20;
const PAGE_KEYS = 10_000;
/** No etcd holds as many: at a hundred bytes each they are past the 8 GiB that it is advised to hold. */
const MOST_KEYS = 50_000_000;

/** All keys that begin with some bytes, without their values, at one revision: the present one. */
export async function servedKeys(client: EtcdClient, prefix: Buffer): Promise<SortedKeys> {
  const { revision } = await client.status();
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const keys: Buffer[] = [];
  const page = async (range: KeyRange) => {
    const options = { revision, limit: PAGE_KEYS, keysOnly: true };
    const length = await client.rangeInto(range, options, buffer);
    return decodePage(buffer.subarray(0, length));
  };
  const range = prefixRange(prefix);
  // At one revision it holds what it counts: more is a server that goes on for ever.
  const counted = Math.min(await client.count(range, revision), MOST_KEYS);
  for await (const served of pagesOf(range, page, counted)) {
    for (const { key } of served) keys.push(Buffer.from(key));
  }
  return sortedKeys(keys);
}

/** One key with its value as it is now; undefined when there is none. */
export async function servedKey(client: EtcdClient, key: Buffer): Promise<StoredKey | undefined> {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const range = { start: key, end: Buffer.alloc(0) };
  // Revision 0: the present one.
  const length = await client.rangeInto(range, { revision: 0 }, buffer);
  const served: ServedKey | undefined = decodePage(buffer.subarray(0, length)).keys[0];
  return served && { key: served.key, value: served.value, metadata: served };
}

/** The keys next to one that is not there, in their order: up to two before it and two after it. */
export async function nearestServed(client: EtcdClient, missing: Buffer): Promise<SortedKeys> {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const take = async (range: KeyRange, descending: boolean): Promise<readonly Buffer[]> => {
    const options = { revision: 0, limit: 2, keysOnly: true, descending };
    const length = await client.rangeInto(range, options, buffer);
    const { keys } = decodePage(buffer.subarray(0, length));
    return keys.map(({ key }) => Buffer.from(key));
  };
  const first = Buffer.from([0]);
  const before = missing.length === 0 ? [] : await take({ start: first, end: missing }, true);
  const after = await take({ start: missing.length === 0 ? first : missing, end: first }, false);
  return sortedKeys([...before.toReversed(), ...after]);
}
