/**
 * Makes a snapshot of a given size with a real etcd, for benchmarks and tests.
 *
 *     node --require ./engine/typescript.cjs test/support/make-snapshot.ts FILE KEYS VALUE_BYTES
 */
import { randomBytes } from "node:crypto";

import { connect } from "../../etcd/client/grpc";
import { encodeMessage, readFields, type FieldToWrite } from "../../etcd/wire/protobuf";
import { startEtcdServer, type EtcdServer } from "./etcd-server";

/** What the snapshot is to hold. */
export interface SnapshotRecipe {
  readonly keys: number;
  /** On average; each is between half and one and a half of it. */
  readonly valueBytes: number;
}

/** How a store is written to. */
export interface StoreWriter {
  /** One transaction of puts and deletes. Returns the store's revision after it. */
  transact(operations: readonly Operation[]): Promise<number>;
  grantLease(id: bigint, ttlSeconds: number): Promise<void>;
  compact(revision: number): Promise<void>;
  close(): void;
}

export type Operation =
  | { readonly put: Buffer; readonly value: Buffer; readonly lease?: bigint }
  | { readonly delete: Buffer };

const LIMIT = { deadlineMs: 60_000 };

/** Writes to a server over gRPC, which is some ten times faster than its JSON gateway. */
export async function connectWriter(server: EtcdServer): Promise<StoreWriter> {
  const connection = await connect({ url: server.url });
  return {
    async transact(operations) {
      const message = encodeMessage(operations.map((operation) => [2, encodeOperation(operation)]));
      const answer = await connection.call("etcdserverpb.KV/Txn", message, LIMIT);
      return headerRevision(answer);
    },
    async grantLease(id, ttlSeconds) {
      const message = encodeMessage([
        [1, ttlSeconds],
        [2, id],
      ]);
      await connection.call("etcdserverpb.Lease/LeaseGrant", message, LIMIT);
    },
    async compact(revision) {
      const message = encodeMessage([
        [1, revision],
        [2, true],
      ]);
      await connection.call("etcdserverpb.KV/Compact", message, LIMIT);
    },
    close() {
      connection.close();
    },
  };
}

function encodeOperation(operation: Operation): Buffer {
  if ("delete" in operation) return encodeMessage([[3, encodeMessage([[1, operation.delete]])]]);
  const put: FieldToWrite[] = [
    [1, operation.put],
    [2, operation.value],
    [3, operation.lease ?? 0],
  ];
  return encodeMessage([[2, encodeMessage(put)]]);
}

/** `header` is field 1 of every answer, `revision` field 3 of it. */
function headerRevision(answer: Buffer): number {
  for (const header of readFields(answer)) {
    if (header.number !== 1 || !Buffer.isBuffer(header.value)) continue;
    for (const { number, value } of readFields(header.value)) {
      if (number === 3) return Number(value);
    }
  }
  throw new Error("etcd's answer has no revision in its header");
}

const RESOURCES = ["pods", "events", "configmaps", "secrets", "leases", "endpointslices", "nodes"];
/** etcd's own limits are 128 operations and 1.5 MiB a request. */
const KEYS_IN_A_TRANSACTION = 100;
const BYTES_IN_A_TRANSACTION = 1_000_000;
const TRANSACTIONS_AT_ONCE = 8;
const LEASES = 100;

/** A key as Kubernetes makes them; keys written one after the other are far apart in key order. */
export function sampleKey(i: number): Buffer {
  const scattered = Math.imul(i + 1, 0x9e3779b1) >>> 0;
  const resource = RESOURCES[scattered % RESOURCES.length] ?? "pods";
  return Buffer.from(
    `/registry/${resource}/team-${(scattered >>> 8) % 97}/sample-${scattered.toString(36)}-${i}`,
  );
}

/**
 * Fills an etcd and saves its snapshot to `file`: every key once, a tenth again, some deleted, some leased, two big
 * values, a compaction, and more of the same after it.
 */
export async function makeSnapshot(file: string, recipe: SnapshotRecipe): Promise<void> {
  const server = await startEtcdServer({ flags: ["--quota-backend-bytes", String(2 ** 34)] });
  try {
    const writer = await connectWriter(server);
    try {
      await fill(writer, recipe);
    } finally {
      writer.close();
    }
    await server.saveSnapshot(file);
  } finally {
    await server.stop();
  }
}

async function fill(writer: StoreWriter, { keys, valueBytes }: SnapshotRecipe): Promise<void> {
  const pool = randomBytes(1 << 20);
  const value = () => {
    const length = Math.max(1, Math.round(valueBytes * (0.5 + Math.random())));
    const start = Math.floor(Math.random() * (pool.length - length));
    return pool.subarray(start, start + length);
  };
  const lease = (i: number) => BigInt(i + 1) * 0x1234_5678_9abcn;
  for (let i = 0; i < LEASES; i++) await writer.grantLease(lease(i), 3_600_000);

  const put = (i: number): Operation => ({
    put: sampleKey(i),
    value: value(),
    ...(i % 33 === 0 ? { lease: lease(i % LEASES) } : {}),
  });
  const remove = (i: number): Operation => ({ delete: sampleKey(i) });
  const every = (n: number) => Array.from({ length: Math.floor(keys / n) }, (_, i) => i * n);

  const batch = Math.max(
    1,
    Math.min(KEYS_IN_A_TRANSACTION, Math.floor(BYTES_IN_A_TRANSACTION / (valueBytes * 1.5))),
  );
  await inTransactions(writer, batch, every(1), put);
  await inTransactions(writer, batch, every(10), put);
  await inTransactions(writer, batch, every(50), remove);
  for (const bytes of [300_000, 1_400_000]) {
    await writer.transact([
      { put: Buffer.from(`/registry/configmaps/big/${bytes}`), value: randomBytes(bytes) },
    ]);
  }
  const revision = await writer.transact([
    { put: Buffer.from("compact_rev_key"), value: Buffer.from("1") },
  ]);
  await writer.compact(revision);
  await inTransactions(writer, batch, every(20), put);
  await inTransactions(writer, batch, every(70), remove);
}

async function inTransactions(
  writer: StoreWriter,
  batchSize: number,
  items: readonly number[],
  operation: (i: number) => Operation,
): Promise<void> {
  let next = 0;
  async function work(): Promise<void> {
    while (next < items.length) {
      const batch = items.slice(next, next + batchSize);
      next += batchSize;
      await writer.transact(batch.map(operation));
    }
  }
  await Promise.all(Array.from({ length: TRANSACTIONS_AT_ONCE }, work));
}

async function main([file, keys, valueBytes]: readonly string[]): Promise<void> {
  if (file === undefined || !(Number(keys) > 0) || !(Number(valueBytes) > 0)) {
    process.stderr.write("usage: make-snapshot.ts FILE KEYS VALUE_BYTES\n");
    process.exitCode = 2;
    return;
  }
  await makeSnapshot(file, { keys: Number(keys), valueBytes: Number(valueBytes) });
}

if (process.argv[1] === __filename) void main(process.argv.slice(2));
