/** A database that is long and nearly empty: a real one whose meta pages say more pages, zeros behind it, and 32 bytes. */
import * as fs from "node:fs";
import { fnv1a64 } from "../../etcd/snapshot/meta-page";

const PAGE = 4096;

/** @param pages of 4096 bytes */
export function writeLargeSnapshot(file: string, database: Buffer, pages: number): number {
  const beginning = Buffer.from(database.subarray(0, database.length - (database.length % PAGE)));
  for (const meta of [16, PAGE + 16]) {
    beginning.writeBigUInt64LE(BigInt(pages), meta + 40);
    beginning.writeBigUInt64LE(fnv1a64(beginning.subarray(meta, meta + 56)), meta + 56);
  }
  const bytes = pages * PAGE + 32;
  fs.writeFileSync(file, beginning);
  fs.truncateSync(file, bytes);
  return bytes;
}
