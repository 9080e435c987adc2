/** Random work on a store, the same for the same numbers: what clients of an etcd do all day. */
import type { EtcdServer } from "../support/etcd-server";
import type { Operation, StoreWriter } from "../support/make-snapshot";
import type { Random } from "../support/random";

/** Seconds; the short ones run out while the store is backed up, restored or verified. */
const TTLS = [3, 6, 60, 3600, 1_000_000];
const NAMES = 60;

/** A store that is written to. */
export interface Work {
  readonly server: EtcdServer;
  readonly writer: StoreWriter;
  readonly random: Random;
  /** Leases granted so far; the short ones may have run out. */
  readonly leases: bigint[];
}

/** Some transactions of puts and deletes, now and then a lease, a compaction, a defragmentation. */
export async function workOn(work: Work, transactions: number): Promise<void> {
  const { server, writer, random } = work;
  let revision = 1;
  for (let n = 0; n < transactions; n++) {
    const lot = random.next();
    if (lot < 0.03) await grant(work);
    else if (lot < 0.05 && revision > 10) {
      const at = revision - random.below(10);
      // In the background, so that a backup may hold a compaction that has not finished; or to its end.
      if (random.next() < 0.5) await server.etcdctl("compact", String(at)).catch(alreadyCompacted);
      else await writer.compact(at).catch(alreadyCompacted);
    } else if (lot < 0.06) await server.etcdctl("defrag");
    revision = await transact(work);
  }
}

/** Puts and deletes, until it is told to stop: the source moves on while it is backed up. */
export async function moveOn(work: Work, until: AbortSignal): Promise<void> {
  do await transact(work);
  while (!until.aborted);
}

async function grant({ writer, random, leases }: Work): Promise<void> {
  const id = BigInt(1 + random.below(2 ** 30)) * BigInt(1 + random.below(2 ** 30));
  if (leases.includes(id)) return;
  await writer.grantLease(id, random.pick(TTLS));
  leases.push(id);
}

async function transact(work: Work): Promise<number> {
  const { writer, random, leases } = work;
  const operations = new Map<string, Operation>();
  const size = random.next() < 0.3 ? 1 + random.below(20) : 1;
  for (let i = 0; i < size; i++) {
    const key = nameOf(random.below(NAMES), random);
    const lease = leases.length > 0 && random.next() < 0.15 ? random.pick(leases) : undefined;
    operations.set(
      key.toString("latin1"),
      random.next() < 0.25
        ? { delete: key }
        : { put: key, value: valueOf(random), ...(lease === undefined ? {} : { lease }) },
    );
  }
  try {
    return await writer.transact([...operations.values()]);
  } catch (error) {
    // A lease that ran out meanwhile: the transaction does not happen, as for any client.
    if (!String(error).includes("lease not found")) throw error;
    leases.length = 0;
    return transact(work);
  }
}

function nameOf(i: number, random: Random): Buffer {
  if (i % 10 === 0) return Buffer.concat([Buffer.from([0, 255, i]), Buffer.from(`/binary/${i}`)]);
  if (i % 10 === 1) return Buffer.from(`plain-${i}`);
  if (i % 10 === 2)
    return Buffer.from(`/registry/events/ns-${i % 4}/event-${i}.${random.below(30)}`);
  return Buffer.from(
    `/registry/${["pods", "secrets", "nodes"][i % 3] ?? ""}/ns-${i % 4}/name-${i}`,
  );
}

function valueOf(random: Random): Buffer {
  const lot = random.next();
  if (lot < 0.05) return Buffer.alloc(0);
  if (lot < 0.06) return Buffer.alloc(30_000 + random.below(200_000), random.below(256));
  return random.bytes(random.below(600));
}

function alreadyCompacted(error: unknown): void {
  if (!String(error).includes("has been compacted")) throw error;
}
