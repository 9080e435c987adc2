/** Write-ahead logs of etcd, built record by record: whole ones, and such as no etcd would write. */
import * as fs from "node:fs";
import { join } from "node:path";
import { crc32c } from "../../etcd/wire/crc32c";
import { encodeMessage, type FieldToWrite } from "../../etcd/wire/protobuf";

/** Given the sum so far, a record and the sum with it. */
export type LogRecord = (crc: number) => { readonly bytes: Buffer; readonly crc: number };

/** `walpb.Record` {type 1, crc 2, data 3}; its crc goes on from the one before, a sum (type 4) only repeats it. */
export function record(type: number, data: readonly FieldToWrite[] | Buffer): LogRecord {
  return (before) => {
    const bytes = Buffer.isBuffer(data) ? data : encodeMessage(data);
    const crc = type === 4 ? before : crc32c(bytes, before);
    const fields: FieldToWrite[] = [
      [1, type],
      [2, crc],
      [3, bytes],
    ];
    return { bytes: encodeMessage(fields), crc };
  };
}

/** `raftpb.Entry` of term 1 around a request. */
export function entry(index: number, request: readonly FieldToWrite[]): LogRecord {
  return record(2, [
    [2, 1],
    [3, index],
    [4, encodeMessage(request)],
  ]);
}

/** A request of a client: `PUT /1PATH`. */
export function put(path: string, value: string): FieldToWrite[] {
  return [
    [2, "PUT"],
    [3, `/1${path}`],
    [4, value],
  ];
}

export const sum = record(4, []);
export const metadata = record(1, [
  [1, 7],
  [2, 8],
]);
export const committed = (index: number): LogRecord =>
  record(3, [
    [1, 1],
    [3, index],
  ]);

/** The bytes of a file of the log, and the sum at its end. */
export function logFile(records: readonly LogRecord[], before = 0): { bytes: Buffer; crc: number } {
  const parts: Buffer[] = [];
  let crc = before;
  for (const make of records) {
    const made = make(crc);
    parts.push(framed(made.bytes));
    crc = made.crc;
  }
  return { bytes: Buffer.concat(parts), crc };
}

/** 8 bytes of length and padding, the record, zeros up to a multiple of 8 (etcd `wal/encoder.go`). */
export function framed(bytes: Buffer): Buffer {
  const padding = (8 - (bytes.length % 8)) % 8;
  const frame = Buffer.alloc(8);
  const upper = padding === 0 ? 0n : BigInt(0x80 | padding);
  frame.writeBigUInt64LE(BigInt(bytes.length) | (upper << 56n));
  return Buffer.concat([frame, bytes, Buffer.alloc(padding)]);
}

/** Name of a file of the log. */
export function logName(sequence: number, index: number): string {
  const hex = (number: number) => number.toString(16).padStart(16, "0");
  return `${hex(sequence)}-${hex(index)}.wal`;
}

/** Lays files into `member/wal` and `member/snap` of a directory. */
export function layMember(
  directory: string,
  logs: Readonly<Record<string, Buffer>>,
  snapshots: Readonly<Record<string, Buffer>> = {},
): string {
  for (const [folder, files] of [
    ["wal", logs],
    ["snap", snapshots],
  ] as const) {
    fs.mkdirSync(join(directory, "member", folder), { recursive: true });
    for (const [name, bytes] of Object.entries(files)) {
      fs.writeFileSync(join(directory, "member", folder, name), bytes);
    }
  }
  return directory;
}

/** A snapshot of the v2 store (snappb.Snapshot around raftpb.Snapshot) of term 1, with one key. */
export function snapshotFile(index: number, term = 1): Buffer {
  const leaf = (value: string) => ({
    ...{ Value: value, CreatedIndex: 2, ModifiedIndex: 2, ExpireTime: "0001-01-01T00:00:00Z" },
    Children: null,
  });
  const folder = (children: object) => ({ ...leaf(""), Children: children });
  const tree = {
    Root: folder({ "0": folder({}), "1": folder({ saved: leaf("in the snapshot") }) }),
    CurrentIndex: 2,
  };
  const data = encodeMessage([
    [1, JSON.stringify(tree)],
    [
      2,
      encodeMessage([
        [2, index],
        [3, term],
      ]),
    ],
  ]);
  return encodeMessage([
    [1, crc32c(data)],
    [2, data],
  ]);
}

/** Name of such a file. */
export function snapshotName(index: number, term = 1): string {
  const hex = (number: number) => number.toString(16).padStart(16, "0");
  return `${hex(term)}-${hex(index)}.snap`;
}
