import { skipJsonSpace, type StorageEncoding } from "./storage";
import {
  type Cursor,
  LENGTH,
  readFields,
  readLength,
  readText,
  skipField,
  WireError,
} from "./wire";

/** An object's apiVersion and kind; empty where the value does not say. */
export interface ObjectType {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * The apiVersion and kind of a stored object, without decoding it. The first bytes of a value are enough
 * (200 do for protobuf, and for JSON unless other members come between the two).
 * @param encoding what `classify` says of the value
 * @returns undefined if the value is no protobuf or JSON object, or names neither
 */
export function objectType(
  value: Uint8Array,
  encoding: StorageEncoding["kind"],
): ObjectType | undefined {
  if (encoding !== "protobuf" && encoding !== "json") return undefined;
  const found = encoding === "protobuf" ? protobufType(value) : jsonType(value);
  return found.apiVersion === "" && found.kind === "" ? undefined : found;
}

interface MutableObjectType {
  apiVersion: string;
  kind: string;
}

/** The typeMeta of a `runtime.Unknown`, which Kubernetes writes first. */
function protobufType(value: Uint8Array): ObjectType {
  const cursor: Cursor = { bytes: asBuffer(value), at: 4 };
  const found: MutableObjectType = { apiVersion: "", kind: "" };
  try {
    readFields(cursor, value.length, (number, wire) => {
      if (number !== 1 || wire !== LENGTH) skipField(cursor, wire);
      else readTypeMeta(cursor, found);
    });
  } catch (error) {
    // The value may have been cut behind its type on purpose; whether it is whole is not asked here.
    if (!(error instanceof WireError)) throw error;
  }
  return found;
}

function readTypeMeta(cursor: Cursor, found: MutableObjectType): void {
  const end = readLength(cursor, LENGTH, cursor.bytes.length) + cursor.at;
  readFields(cursor, end, (number, wire) => {
    if (number === 1) found.apiVersion = readText(cursor, wire, end);
    else if (number === 2) found.kind = readText(cursor, wire, end);
    else skipField(cursor, wire);
  });
}

/** Looks for the two among the members of the outermost object, skipping the values of the others. */
function jsonType(value: Uint8Array): ObjectType {
  const found: MutableObjectType = { apiVersion: "", kind: "" };
  let at = 1;
  while (found.apiVersion === "" || found.kind === "") {
    at = skipJsonSpace(value, at);
    if (value[at] === 0x2c) at = skipJsonSpace(value, at + 1);
    if (value[at] !== 0x22) break;
    const nameEnd = jsonStringEnd(value, at);
    const name = nameEnd - at <= 12 ? jsonString(value, at, nameEnd) : "";
    at = skipJsonSpace(value, nameEnd);
    if (value[at] !== 0x3a) break;
    at = skipJsonSpace(value, at + 1);
    const end = jsonValueEnd(value, at);
    if (end > value.length) break;
    if ((name === "apiVersion" || name === "kind") && value[at] === 0x22) {
      found[name] = jsonString(value, at, end);
    }
    at = end;
  }
  return found;
}

/** The text between two quotes; without its escapes resolved, which no apiVersion or kind has. */
function jsonString(value: Uint8Array, from: number, end: number): string {
  return asBuffer(value).toString("utf8", from + 1, end - 1);
}

/** Where the string that opens at `from` ends; behind the last byte if it does not. */
function jsonStringEnd(value: Uint8Array, from: number): number {
  for (let at = from + 1; at < value.length; at++) {
    if (value[at] === 0x22) return at + 1;
    if (value[at] === 0x5c) at++;
  }
  return value.length + 1;
}

function jsonValueEnd(value: Uint8Array, from: number): number {
  if (value[from] === 0x22) return jsonStringEnd(value, from);
  let depth = 0;
  for (let at = from; at < value.length; at++) {
    const byte = value[at];
    if (byte === 0x22) at = jsonStringEnd(value, at) - 1;
    else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (byte === 0x2c && depth === 0) return at;
  }
  return value.length + 1;
}

/** The same bytes as a Buffer, not copied. */
function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
