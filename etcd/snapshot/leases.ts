/**
 * The bucket `lease`: as many leases as there are, in 24 bytes each, because a store may hold a million
 * (etcd `server/lease/leasepb/lease.proto`, `server/storage/schema/lease.go`, `server/lease/lessor.go`).
 */
import { knownFields, signedField } from "../wire/protobuf";
import { searchSorted } from "../wire/sorted-keys";
import type { Entry } from "./buckets";
import type { Lease } from "./types";

/** Collects leases in the order of their ids. */
export interface LeaseCollector {
  add(entry: Entry): void;
  result(): ReadonlyMap<bigint, Lease>;
}

/** etcd's own limit (`MaxLeaseTTL`): beyond it a lease's end is no time that a server can count to. */
const MAX_TTL = 9_000_000_000n;
const ID_BYTES = 8;

export function createLeaseCollector(): LeaseCollector {
  let count = 0;
  let ids = new BigUint64Array(64);
  let ttls = new Float64Array(64);
  let remaining = new Float64Array(64);
  return {
    add(entry) {
      if (count === ids.length) {
        [ids, ttls, remaining] = [longer(ids), longer(ttls), longer(remaining)];
      }
      const lease = readLease(entry);
      ids[count] = entry.key.readBigUInt64BE(0);
      ttls[count] = lease.ttlSeconds;
      remaining[count] = lease.remainingTtlSeconds;
      count += 1;
    },
    result: () => leaseMap(ids.slice(0, count), ttls.slice(0, count), remaining.slice(0, count)),
  };
}

function longer<T extends BigUint64Array | Float64Array>(array: T): T {
  const more =
    array instanceof Float64Array
      ? new Float64Array(array.length * 2)
      : new BigUint64Array(array.length * 2);
  (more as BigUint64Array).set(array as BigUint64Array);
  return more as T;
}

/** `leasepb.Lease`: ID 1, TTL 2, RemainingTTL 3; the key is the id, big-endian. The server goes by the value's. */
function readLease({ key, value }: Entry): Lease {
  if (key.length !== ID_BYTES)
    throw new RangeError(`its id has ${key.length} bytes, expected ${ID_BYTES}`);
  const fields = knownFields(value, { 1: "number", 2: "number", 3: "number" });
  const id = signedField(fields, 1);
  if (id !== key.readBigInt64BE(0)) {
    throw new RangeError(
      `it says that it is lease ${hex(id)}; its key says ${key.toString("hex")}`,
    );
  }
  const ttl = signedField(fields, 2);
  if (ttl < 1n || ttl > MAX_TTL) {
    throw new RangeError(`it runs for ${ttl} seconds; etcd grants 1 to ${MAX_TTL}`);
  }
  const rest = signedField(fields, 3);
  if (rest < 0n || rest > ttl) throw new RangeError(`${rest} of its ${ttl} seconds remain`);
  return { ttlSeconds: Number(ttl), remainingTtlSeconds: Number(rest) };
}

function hex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}

/** A map over sorted arrays: an entry of a real one takes ten times as much. */
function leaseMap(
  ids: BigUint64Array,
  ttls: Float64Array,
  remaining: Float64Array,
): ReadonlyMap<bigint, Lease> {
  const idAt = (i: number) => BigInt.asIntN(64, ids[i] ?? 0n);
  const leaseAt = (i: number): Lease => ({
    ttlSeconds: ttls[i] ?? 0,
    remainingTtlSeconds: remaining[i] ?? 0,
  });
  function indexOf(id: bigint): number {
    const wanted = BigInt.asUintN(64, id);
    const found = searchSorted(ids.length, (i) => {
      const id = ids[i] ?? 0n;
      return id < wanted ? -1 : id > wanted ? 1 : 0;
    });
    return Math.max(-1, found);
  }
  function* each<T>(at: (i: number) => T): Generator<T, undefined> {
    for (let i = 0; i < ids.length; i++) yield at(i);
    return undefined;
  }
  const entryAt = (i: number): [bigint, Lease] => [idAt(i), leaseAt(i)];
  const map: ReadonlyMap<bigint, Lease> = {
    size: ids.length,
    get: (id) => {
      const i = indexOf(id);
      return i < 0 ? undefined : leaseAt(i);
    },
    has: (id) => indexOf(id) >= 0,
    keys: () => each(idAt),
    values: () => each(leaseAt),
    entries: () => each(entryAt),
    [Symbol.iterator]: () => each(entryAt),
    forEach(call) {
      for (const [id, lease] of map) call(lease, id, map);
    },
  };
  return map;
}
