/** The key of a record of this revision in the bucket `key`: 17 bytes (etcd `server/storage/mvcc/revision.go`). */
export function revisionKey(main: number, sub = 0): Buffer {
  const key = Buffer.alloc(17);
  key.writeBigUInt64BE(BigInt(main), 0);
  key.write("_", 8);
  key.writeBigUInt64BE(BigInt(sub), 9);
  return key;
}
