/** The records of one leaf page, each by itself: one that makes no sense is counted and passed over. */
import { knownFields, type ReadField } from "../wire/protobuf";
import { readFully, type SourceFile } from "./file";
import { ELEMENT_BYTES, PAGE_HEADER } from "./page";
import { isRevisionKey } from "./revision-key";

/** A leaf page with its overflow pages. */
export interface SalvagedPage {
  readonly offset: number;
  readonly bytes: number;
  /** Nothing leads to it: it may be an old one. */
  readonly isStray: boolean;
}

/** The newest that is known of a key; no value is kept. */
export interface SalvagedRecord {
  /** In latin1, whose order is that of the bytes. */
  readonly key: string;
  readonly main: number;
  readonly sub: number;
  readonly isTombstone: boolean;
  readonly isStray: boolean;
  readonly create: number;
  readonly version: number;
  readonly lease: bigint;
  readonly valueBytes: number;
  readonly storedBytes: number;
  /** Where in the file its `mvccpb.KeyValue` begins. */
  readonly offset: number;
}

/** A `mvccpb.KeyValue` (etcd `api/mvccpb/kv.proto`), which has these fields and no others. */
const KEY_VALUE = {
  1: "bytes",
  2: "number",
  3: "number",
  4: "number",
  5: "bytes",
  6: "number",
} as const;

const TOMBSTONE_KEY_BYTES = 18;

/** As many elements of a page as its header says, and as there is room for. */
export function elementsIn(bytes: Buffer): number {
  const most = Math.floor((bytes.length - PAGE_HEADER) / ELEMENT_BYTES);
  return Math.min(bytes.readUInt16LE(10), most);
}

/** Reads one page of the file. */
export function readRecords(
  source: SourceFile,
  page: SalvagedPage,
): { readonly records: readonly SalvagedRecord[]; readonly lost: number } {
  const bytes = Buffer.allocUnsafe(page.bytes);
  readFully(source, bytes, page.offset);
  const there = elementsIn(bytes);
  const records: SalvagedRecord[] = [];
  let lost = bytes.readUInt16LE(10) - there;
  for (let i = 0; i < there; i++) {
    const record = recordAt(bytes, PAGE_HEADER + i * ELEMENT_BYTES, page);
    if (record === undefined) lost += 1;
    // Empty ones stand where etcd has only noted a revision.
    else if (record !== "placeholder") records.push(record);
  }
  return { records, lost };
}

function recordAt(
  bytes: Buffer,
  element: number,
  { offset, isStray }: SalvagedPage,
): SalvagedRecord | "placeholder" | undefined {
  const start = element + bytes.readUInt32LE(element + 4);
  const keyBytes = bytes.readUInt32LE(element + 8);
  const storedBytes = bytes.readUInt32LE(element + 12);
  const isTombstone = keyBytes === TOMBSTONE_KEY_BYTES;
  if (bytes.readUInt32LE(element) !== 0 || start + keyBytes + storedBytes > bytes.length) {
    return undefined;
  }
  const revision = revisionAt(bytes, start, keyBytes);
  if (revision === undefined) return undefined;
  if (storedBytes === 0 && !isTombstone) return "placeholder";
  const at = start + keyBytes;
  const fields = fieldsOf(bytes.subarray(at, at + storedBytes));
  const key = fields === undefined ? undefined : bytesOf(fields, 1);
  if (fields === undefined || key === undefined) return undefined;
  const [create, mod, version] = [2, 3, 4].map((number) => Number(numberOf(fields, number)));
  if (!isTombstone && (mod !== revision.main || create === 0 || version === 0)) return undefined;
  return {
    ...revision,
    key: key.toString("latin1"),
    ...{ isTombstone, isStray, storedBytes, offset: offset + at },
    ...{ create: create ?? 0, version: version ?? 0 },
    lease: BigInt.asIntN(64, numberOf(fields, 6)),
    valueBytes: bytesOf(fields, 5)?.length ?? 0,
  };
}

/** Main and sub of a revision; undefined for what is none, or none that a number counts exactly. */
export function revisionAt(
  bytes: Buffer,
  start: number,
  length: number,
): { readonly main: number; readonly sub: number } | undefined {
  if (start + length > bytes.length || !isRevisionKey(bytes, start, length)) return undefined;
  const main = Number(bytes.readBigUInt64BE(start));
  const sub = bytes.readUInt32BE(start + 13);
  return main > 0 && Number.isSafeInteger(main) && sub < 2 ** 31 ? { main, sub } : undefined;
}

/** The value of a stored record; undefined where it is no record of that key. */
export function valueOf(stored: Buffer, key: string): Buffer | undefined {
  const fields = fieldsOf(stored);
  if (fields === undefined || bytesOf(fields, 1)?.toString("latin1") !== key) return undefined;
  return bytesOf(fields, 5) ?? Buffer.alloc(0);
}

function fieldsOf(stored: Buffer): readonly ReadField[] | undefined {
  try {
    return knownFields(stored, KEY_VALUE);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function bytesOf(fields: readonly ReadField[], number: number): Buffer | undefined {
  const value = fields.find((field) => field.number === number)?.value;
  return typeof value === "bigint" ? undefined : value;
}

function numberOf(fields: readonly ReadField[], number: number): bigint {
  const value = fields.find((field) => field.number === number)?.value;
  return typeof value === "bigint" ? value : 0n;
}
