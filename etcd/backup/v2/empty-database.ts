/**
 * A database without a key, as `etcdctl backup` lays it beside a v2 store: etcd does not start on a snapshot without one
 * that says how far it has come (`server/storage/backend`, `recoverSnapshotBackend`).
 *
 * Two meta pages, an empty list of free pages, and a root that holds the bucket `meta` inside its own element
 * (go.etcd.io/bbolt `internal/common`: `page.go`, `meta.go`, `bucket.go`).
 */
import { fnv1a64, MAGIC, VERSION } from "../../snapshot/meta-page";

const PAGE = 4096;
const HEADER = 16;
const ELEMENT = 16;
const FLAGS = { leaf: 2, meta: 4, freelist: 0x10 } as const;
const BUCKET = 1;

/** @param consistentIndex raft index of the last entry that it holds */
export function emptyDatabase(consistentIndex: number): Buffer {
  const value = Buffer.alloc(8);
  value.writeBigUInt64BE(BigInt(consistentIndex));
  const meta = Buffer.concat([
    Buffer.alloc(16), // root page 0: the one page follows; sequence 0
    leaf(0, 0, Buffer.from("consistent_index"), value),
  ]);
  const root = leaf(3, BUCKET, Buffer.from("meta"), meta);
  return Buffer.concat([
    metaPage(0),
    metaPage(1),
    padded(header(2, FLAGS.freelist, 0)),
    padded(root),
  ]);
}

function header(id: number, flags: number, count: number): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt32LE(id, 0);
  bytes.writeUInt16LE(flags, 8);
  bytes.writeUInt16LE(count, 10);
  return bytes;
}

/** A leaf page with one element. */
function leaf(id: number, flags: number, key: Buffer, value: Buffer): Buffer {
  const element = Buffer.alloc(ELEMENT);
  element.writeUInt32LE(flags, 0);
  element.writeUInt32LE(ELEMENT, 4); // where its key begins, counted from itself
  element.writeUInt32LE(key.length, 8);
  element.writeUInt32LE(value.length, 12);
  return Buffer.concat([header(id, FLAGS.leaf, 1), element, key, value]);
}

function metaPage(transaction: 0 | 1): Buffer {
  const meta = Buffer.alloc(64);
  meta.writeUInt32LE(MAGIC, 0);
  meta.writeUInt32LE(VERSION, 4);
  meta.writeUInt32LE(PAGE, 8);
  meta.writeBigUInt64LE(3n, 16); // the root's page
  meta.writeBigUInt64LE(2n, 32); // that of the free ones
  meta.writeBigUInt64LE(4n, 40); // pages in all
  meta.writeBigUInt64LE(BigInt(transaction), 48);
  meta.writeBigUInt64LE(fnv1a64(meta.subarray(0, 56)), 56);
  return padded(Buffer.concat([header(transaction, FLAGS.meta, 0), meta]));
}

function padded(page: Buffer): Buffer {
  return Buffer.concat([page, Buffer.alloc(PAGE - page.length)]);
}
