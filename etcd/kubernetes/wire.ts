/**
 * Protobuf's wire format (https://protobuf.dev/programming-guides/encoding/), as far as Kubernetes
 * uses it: varints, 64-bit and 32-bit numbers, length-delimited fields; no groups.
 */

/** A place in bytes that are being read. */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

/** Wire types. */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH = 2;
export const FIXED32 = 5;

/** Bytes that are no message of the type that they are read as. */
export class WireError extends Error {}

/** An error that says where the bytes stop making sense; never what they hold. */
export function damaged(cursor: Cursor, problem: string): WireError {
  return new WireError(`${problem} (at byte ${cursor.at} of ${cursor.bytes.length})`);
}

/**
 * Calls `onField` for each field up to `end`, the cursor behind its tag; `onField` must move the cursor behind
 * the field.
 * @throws WireError if a field is cut off, or has a number or wire type that protobuf does not know.
 */
export function readFields(
  cursor: Cursor,
  end: number,
  onField: (number: number, wire: number) => void,
): void {
  while (cursor.at < end) {
    const tag = readTag(cursor);
    onField(tag >>> 3, tag & 7);
  }
  if (cursor.at !== end) throw damaged(cursor, "a field ends behind its message");
}

/** Reads a field's tag: its number shifted by three, and its wire type. */
export function readTag(cursor: Cursor): number {
  const first = cursor.bytes[cursor.at];
  if (first !== undefined && first >= 8 && first < 0x80) {
    cursor.at++;
    return first;
  }
  const tag = readVarint(cursor);
  if (typeof tag === "bigint" || tag > 0xffffffff || tag < 8) {
    throw damaged(cursor, "a field's number is out of range");
  }
  return tag;
}

/**
 * Reads a varint as an unsigned number of 64 bits: a bigint where it is over 2^49, which no length and few
 * numbers are.
 */
export function readVarint(cursor: Cursor): number | bigint {
  const { bytes } = cursor;
  let value = 0;
  let scale = 1;
  for (let index = 0; index < 7; index++) {
    const byte = bytes[cursor.at];
    if (byte === undefined) throw damaged(cursor, "a number is cut off");
    cursor.at++;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
  let big = BigInt(value);
  for (let shift = 49n; shift < 70n; shift += 7n) {
    const byte = bytes[cursor.at];
    if (byte === undefined) throw damaged(cursor, "a number is cut off");
    cursor.at++;
    big |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, big);
  }
  throw damaged(cursor, "a number is longer than ten bytes");
}

/** Reads an int64: a bigint where a JavaScript number would not be exact. */
export function readInteger(cursor: Cursor, wire: number): number | bigint {
  if (wire !== VARINT) throw damaged(cursor, `a number has wire type ${wire}, not ${VARINT}`);
  const value = readVarint(cursor);
  if (typeof value === "number") return value;
  const signed = BigInt.asIntN(64, value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

/** Reads the length of a length-delimited field that must end at `end` or before. */
export function readLength(cursor: Cursor, wire: number, end: number): number {
  if (wire !== LENGTH) throw damaged(cursor, `a field has wire type ${wire}, not ${LENGTH}`);
  const length = readVarint(cursor);
  if (typeof length === "bigint" || length > end - cursor.at) {
    throw damaged(cursor, `a field of ${length} bytes, where ${end - cursor.at} are left`);
  }
  return length;
}

/** Reads a string; bytes that are no UTF-8 become U+FFFD, as in Go. */
export function readText(cursor: Cursor, wire: number, end: number): string {
  const length = readLength(cursor, wire, end);
  const start = cursor.at;
  cursor.at += length;
  return length === 0 ? "" : cursor.bytes.toString("utf8", start, cursor.at);
}

/** Moves behind a field that is not wanted. */
export function skipField(cursor: Cursor, wire: number): void {
  if (wire === VARINT) readVarint(cursor);
  else if (wire === LENGTH) skipBytes(cursor, readLength(cursor, wire, cursor.bytes.length));
  else if (wire === FIXED64) skipBytes(cursor, 8);
  else if (wire === FIXED32) skipBytes(cursor, 4);
  else throw damaged(cursor, `unknown wire type ${wire}`);
}

function skipBytes(cursor: Cursor, count: number): void {
  if (cursor.at + count > cursor.bytes.length) throw damaged(cursor, "a field is cut off");
  cursor.at += count;
}
