/** Who a stored object says that it is: the few members of its metadata that name it, without decoding the rest. */
import { classify } from "./storage";
import {
  type Cursor,
  LENGTH,
  readFields,
  readLength,
  readTag,
  readText,
  skipField,
  WireError,
} from "./wire";

/** Empty texts where an object does not say. */
export interface ObjectMeta {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

type MutableMeta = { -readonly [Name in keyof ObjectMeta]: string };

/** Why there is no telling: the value is encrypted, is no object at all, or is a damaged one. */
export type NoMeta = "encrypted" | "not-an-object" | "damaged";

/** Reads type, namespace, name and uid of a stored value (protobuf or JSON; CBOR, which is alpha, is not read). */
export function objectMeta(value: Uint8Array): ObjectMeta | NoMeta {
  const { kind } = classify(value);
  if (kind === "encrypted") return "encrypted";
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  try {
    if (kind === "protobuf") return protobufMeta(bytes);
    if (kind === "json") return jsonMeta(bytes.toString());
    // What begins like an object and is none any more.
    return bytes[0] === 0x7b ? "damaged" : "not-an-object";
  } catch (error) {
    if (error instanceof WireError || error instanceof SyntaxError) return "damaged";
    throw error;
  }
}

function emptyMeta(): MutableMeta {
  return { apiVersion: "", kind: "", namespace: "", name: "", uid: "" };
}

/** `runtime.Unknown`: typeMeta 1, raw 2, contentType 4; in raw the metadata is field 1 of every kind. */
function protobufMeta(bytes: Buffer): ObjectMeta | NoMeta {
  const meta = emptyMeta();
  const cursor: Cursor = { bytes, at: 4 };
  let raw: readonly [number, number] = [0, 0];
  let contentType = "";
  readFields(cursor, bytes.length, (number, wire) => {
    if (number === 1) {
      const end = readLength(cursor, wire, bytes.length) + cursor.at;
      readFields(cursor, end, (field, inner) => {
        if (field === 1) meta.apiVersion = readText(cursor, inner, end);
        else if (field === 2) meta.kind = readText(cursor, inner, end);
        else skipField(cursor, inner);
      });
    } else if (number === 2) {
      const length = readLength(cursor, wire, bytes.length);
      raw = [cursor.at, cursor.at + length];
      cursor.at += length;
    } else if (number === 4) contentType = readText(cursor, wire, bytes.length);
    else skipField(cursor, wire);
  });
  if (meta.kind === "") return "not-an-object";
  if (contentType === "application/json") return jsonMeta(bytes.toString("utf8", ...raw));
  const inside: Cursor = { bytes, at: raw[0] };
  if (inside.at < raw[1]) {
    const tag = readTag(inside);
    if (tag === 8 + LENGTH) readObjectMeta(inside, raw[1], meta);
  }
  return meta;
}

/** `meta.v1.ObjectMeta`: name 1, namespace 3, uid 5. */
function readObjectMeta(cursor: Cursor, limit: number, meta: MutableMeta): void {
  const end = readLength(cursor, LENGTH, limit) + cursor.at;
  readFields(cursor, end, (number, wire) => {
    if (number === 1) meta.name = readText(cursor, wire, end);
    else if (number === 3) meta.namespace = readText(cursor, wire, end);
    else if (number === 5) meta.uid = readText(cursor, wire, end);
    else skipField(cursor, wire);
  });
}

function jsonMeta(text: string): ObjectMeta | NoMeta {
  const object: unknown = JSON.parse(text);
  const { apiVersion, kind, metadata } = members(object);
  if (typeof apiVersion !== "string" || typeof kind !== "string") return "not-an-object";
  const { namespace, name, uid } = members(metadata);
  const said = (value: unknown) => (typeof value === "string" ? value : "");
  return { apiVersion, kind, namespace: said(namespace), name: said(name), uid: said(uid) };
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
