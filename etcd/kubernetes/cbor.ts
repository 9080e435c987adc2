/**
 * Reads the CBOR (RFC 8949) in which Kubernetes may store custom resources, as its own decoder does
 * (apimachinery, pkg/runtime/serializer/cbor/internal/modes): strings are written as byte strings, `[]byte` with the tag
 * "will be base64", and every value has a form in JSON.
 */
import { exactNumber, type JsonBuilder, type JsonValue, setMember } from "./json";
import { type Cursor, damaged } from "./wire";

/** "Self-described CBOR" (RFC 8949, 3.4.6), which stands before all that Kubernetes stores. */
const SELF_DESCRIBED = 55_799;
/** Tags of byte strings that become text in JSON: base64url, base64, base16 (3.4.5.2). */
const AS_TEXT: ReadonlyMap<number, BufferEncoding> = new Map([
  [21, "base64url"],
  [22, "base64"],
  [23, "hex"],
]);
/** As Kubernetes limits it; a recursive reader needs its stack for each. */
const MOST_LEVELS = 64;
const BREAK = Symbol("break");

/** @throws WireError when the bytes are no such CBOR, or go on behind it */
export function parseCbor(bytes: Buffer): JsonValue {
  const cursor: Cursor = { bytes, at: 0 };
  const value = readValue(cursor, 0);
  if (cursor.at < bytes.length) throw damaged(cursor, "something follows the CBOR");
  return value;
}

function readValue(cursor: Cursor, level: number): JsonValue {
  const value = readItem(cursor, level);
  if (value === BREAK) throw damaged(cursor, "a break where a value belongs");
  return value;
}

function readItem(cursor: Cursor, level: number, text?: BufferEncoding): JsonValue | typeof BREAK {
  if (level > MOST_LEVELS) throw damaged(cursor, `CBOR deeper than ${MOST_LEVELS} levels`);
  const initial = take(cursor, 1).readUInt8(0);
  const [major, info] = [initial >> 5, initial & 31];
  if (major === 7) return readSimple(cursor, info);
  const length = info === 31 ? undefined : readArgument(cursor, info);
  switch (major) {
    case 0:
      return exactNumber(String(needed(cursor, length)));
    case 1:
      return exactNumber(String(-1n - BigInt(needed(cursor, length))));
    case 2:
    case 3:
      return readString(cursor, major, length, major === 2 ? text : undefined);
    case 4:
      return readArray(cursor, length, level);
    case 5:
      return readMap(cursor, length, level);
    default:
      return readTagged(cursor, needed(cursor, length), level);
  }
}

/** The number behind the first byte: in it, or in the 1, 2, 4 or 8 that follow. */
function readArgument(cursor: Cursor, info: number): number | bigint {
  if (info < 24) return info;
  switch (info) {
    case 24:
      return take(cursor, 1).readUInt8(0);
    case 25:
      return take(cursor, 2).readUInt16BE(0);
    case 26:
      return take(cursor, 4).readUInt32BE(0);
    case 27: {
      const value = take(cursor, 8).readBigUInt64BE(0);
      return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
    }
    default:
      throw damaged(cursor, `CBOR has no length of form ${info}`);
  }
}

function needed(cursor: Cursor, argument: number | bigint | undefined): number | bigint {
  if (argument === undefined) throw damaged(cursor, "a CBOR number without an end");
  return argument;
}

/** Text, or bytes that are a text unless a tag says how to write them. */
function readString(
  cursor: Cursor,
  major: number,
  length: number | bigint | undefined,
  encoding: BufferEncoding = "utf8",
): string {
  if (length !== undefined) return decoded(cursor, take(cursor, length), encoding);
  const parts: Buffer[] = [];
  for (;;) {
    const initial = take(cursor, 1).readUInt8(0);
    if (initial === 0xff) return decoded(cursor, Buffer.concat(parts), encoding);
    if (initial >> 5 !== major || (initial & 31) === 31) {
      throw damaged(cursor, "another kind within a CBOR string");
    }
    parts.push(take(cursor, readArgument(cursor, initial & 31)));
  }
}

function decoded(cursor: Cursor, bytes: Buffer, encoding: BufferEncoding): string {
  const text = bytes.toString(encoding);
  if (encoding === "utf8" && text.includes("\ufffd") && !Buffer.from(text).equals(bytes)) {
    throw damaged(cursor, "a CBOR text that is no UTF-8");
  }
  return text;
}

function readArray(cursor: Cursor, length: number | bigint | undefined, level: number): JsonValue {
  const items: JsonValue[] = [];
  for (let left = length; left === undefined || items.length < left;) {
    const item = readItem(cursor, level + 1);
    if (item !== BREAK) items.push(item);
    else if (left === undefined) left = items.length;
    else throw damaged(cursor, "a break within a CBOR array that has a length");
  }
  return items;
}

function readMap(cursor: Cursor, length: number | bigint | undefined, level: number): JsonValue {
  const object: JsonBuilder = {};
  for (let read = 0, left = length; left === undefined || read < left;) {
    const name = readItem(cursor, level + 1);
    if (name === BREAK) {
      if (left !== undefined) throw damaged(cursor, "a break within a CBOR map that has a length");
      left = read;
      continue;
    }
    if (typeof name !== "string") throw damaged(cursor, "a name in a CBOR map that is no text");
    if (Object.hasOwn(object, name))
      throw damaged(cursor, "a name that stands twice in a CBOR map");
    setMember(object, name, readValue(cursor, level + 1));
    read += 1;
  }
  return object;
}

function readTagged(cursor: Cursor, tag: number | bigint, level: number): JsonValue {
  const text = AS_TEXT.get(Number(tag));
  // The rest of the tags that Kubernetes writes (a time's among them) say nothing that JSON could hold.
  if (text === undefined && tag !== SELF_DESCRIBED && tag !== 0) {
    throw damaged(cursor, `a CBOR tag ${tag} that Kubernetes does not write`);
  }
  const value = readItem(cursor, level + 1, text);
  if (value === BREAK) throw damaged(cursor, "a break where a value belongs");
  return value;
}

function readSimple(cursor: Cursor, info: number): JsonValue | typeof BREAK {
  switch (info) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
      return null;
    case 25:
      return finite(cursor, halfFloat(take(cursor, 2).readUInt16BE(0)));
    case 26:
      return finite(cursor, take(cursor, 4).readFloatBE(0));
    case 27:
      return finite(cursor, take(cursor, 8).readDoubleBE(0));
    case 31:
      return BREAK;
    default:
      throw damaged(cursor, `a CBOR value ${info} that JSON does not have`);
  }
}

/** IEEE 754 binary16 (RFC 8949, appendix D). */
function halfFloat(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  const magnitude =
    exponent === 0
      ? mantissa * 2 ** -24
      : exponent === 31
        ? Infinity
        : (mantissa + 1024) * 2 ** (exponent - 25);
  return (bits & 0x8000) === 0 ? magnitude : -magnitude;
}

function finite(cursor: Cursor, value: number): number {
  if (Number.isFinite(value)) return value;
  throw damaged(cursor, "a CBOR number that JSON does not have");
}

function take(cursor: Cursor, length: number | bigint): Buffer {
  if (length > cursor.bytes.length - cursor.at) throw damaged(cursor, "the CBOR is cut off");
  const start = cursor.at;
  cursor.at += Number(length);
  return cursor.bytes.subarray(start, cursor.at);
}
