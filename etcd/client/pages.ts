/** Answers to range requests, page by page: decoded, and held to what a store can answer, so that no server keeps us for ever. */
import { EtcdError } from "./etcd-error";
import type { KeyRange } from "./etcd-client";
import { bytesField, readFields, signedField } from "../wire/protobuf";

/** One key as the server gave it. */
export interface ServedKey {
  readonly key: Buffer;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
  readonly value: Buffer;
  /** The `mvccpb.KeyValue` as it came. */
  readonly raw: Buffer;
}

/** The keys of a `RangeResponse` (views of it), and whether the range holds more. */
export interface ServedPage {
  readonly keys: readonly ServedKey[];
  readonly more: boolean;
}

/**
 * Decodes a `RangeResponse` (etcd api/etcdserverpb/rpc.proto).
 * @throws EtcdError `not-etcd` when it is none.
 */
export function decodePage(message: Buffer): ServedPage {
  const keys: ServedKey[] = [];
  let more = false;
  try {
    for (const { number, value } of readFields(message)) {
      if (number === 2 && Buffer.isBuffer(value)) {
        keys.push(decodeKey(value));
      } else if (number === 3) {
        more = value === 1n;
      }
    }
  } catch (error) {
    if (error instanceof RangeError) {
      throw new EtcdError("not-etcd", `the answer to a range is none of etcd's: ${error.message}`);
    }
    throw error;
  }
  return { keys, more };
}

/** mvccpb.KeyValue (etcd api/mvccpb/kv.proto). */
function decodeKey(raw: Buffer): ServedKey {
  const fields = [...readFields(raw)];
  return {
    key: bytesField(fields, 1),
    createRevision: Number(signedField(fields, 2)),
    modRevision: Number(signedField(fields, 3)),
    version: Number(signedField(fields, 4)),
    value: bytesField(fields, 5),
    lease: signedField(fields, 6),
    raw,
  };
}

/**
 * The pages of a range, one after the other; each is a view that the next may overwrite.
 *
 * Each page must go on where the one before ended: keys ascend, lie in the range, and where there is `more` there is a key.
 * @param fetch gets one page of what is left of the range.
 * @param mostKeys how many keys there can be at all. A server that counts on for ever is cut off there.
 * @throws EtcdError `failed` for answers that no store gives.
 */
export async function* pagesOf(
  range: KeyRange,
  fetch: (rest: KeyRange) => Promise<ServedPage>,
  mostKeys: number,
): AsyncGenerator<readonly ServedKey[]> {
  let rest = range;
  let seen = 0;
  for (;;) {
    const page = await fetch(rest);
    // The start itself may be the first key.
    let before: Uint8Array | undefined;
    for (const { key } of page.keys) {
      const order = Buffer.compare(key, before ?? rest.start);
      if ((before === undefined ? order < 0 : order <= 0) || isBehind(key, range.end)) {
        throw senseless("keys that are not in order, or not of the range that was asked for");
      }
      before = key;
    }
    seen += page.keys.length;
    if (seen > mostKeys) {
      throw senseless(`more and more keys: ${mostKeys} were taken at most`);
    }
    if (page.more && before === undefined) {
      throw senseless("that there are more keys, and gave none");
    }
    const next = before && Buffer.concat([before, Buffer.from([0])]);
    yield page.keys;
    if (!page.more || next === undefined) {
      return;
    }
    rest = { start: next, end: range.end };
  }
}

/** An end of one zero byte means up to the last key; of none, the one key alone. */
function isBehind(key: Buffer, end: Uint8Array): boolean {
  const open = end.length === 1 && end[0] === 0;
  return !open && end.length > 0 && Buffer.compare(key, end) >= 0;
}

function senseless(what: string): EtcdError {
  return new EtcdError("failed", `the server answered a range with ${what}: no etcd does`);
}
