import { type JsonBuilder, JsonNumber, type JsonValue, setMember } from "./json";
import { type Field, type Message, messageNamed, type ScalarType } from "./messages";
import { specialMessages } from "./special";
import {
  type Cursor,
  damaged,
  FIXED64,
  readInteger,
  readLength,
  readTag,
  readText,
  skipField,
} from "./wire";

/** A message being read: where, and the fields met that fields.json does not know. */
export interface MessageCursor extends Cursor {
  readonly unknownFields: Set<string>;
}

/** Values by `Field.index`; undefined where nothing was stored. */
type Slots = (JsonValue | Slots | undefined)[];

/**
 * Reads the message up to `end` and gives the JSON that Go's encoding/json makes of the Go type: the
 * rules of omitempty, pointers and nil are those of the struct tags. Fields that the table does not know
 * are left out, as in Go, and named in `cursor.unknownFields`.
 * @throws WireError if the bytes are no such message
 */
export function readMessage(cursor: MessageCursor, end: number, message: Message): JsonValue {
  return toJson(message, readSlots(cursor, end, message));
}

function readSlots(cursor: MessageCursor, end: number, message: Message): Slots {
  const slots: Slots = new Array<Slots[number]>(message.fields.length).fill(undefined);
  while (cursor.at < end) {
    const tag = readTag(cursor);
    const wire = tag & 7;
    const field = message.byNumber.get(tag >>> 3);
    if (field === undefined) {
      cursor.unknownFields.add(`${message.name} field ${tag >>> 3}`);
      skipField(cursor, wire);
    } else if (field.shape === "one") {
      slots[field.index] = readOne(cursor, wire, end, field);
    } else if (field.shape === "map") {
      const object = (slots[field.index] ??= {}) as JsonBuilder;
      readEntry(cursor, wire, end, field, object);
    } else {
      const list = (slots[field.index] ??= []) as JsonValue[];
      list.push(readItem(cursor, wire, end, field));
    }
  }
  if (cursor.at !== end) throw damaged(cursor, `${message.name} ends within a field`);
  return slots;
}

/** A field that stands once; one whose members stand in the parent stays in slots. */
function readOne(
  cursor: MessageCursor,
  wire: number,
  end: number,
  field: Field,
): JsonValue | Slots {
  if (field.name !== "") return readItem(cursor, wire, end, field);
  const length = readLength(cursor, wire, end);
  return readSlots(cursor, cursor.at + length, messageNamed(field.type));
}

function readItem(cursor: MessageCursor, wire: number, end: number, field: Field): JsonValue {
  if (!field.isMessage) return readScalar(cursor, wire, end, field.type as ScalarType);
  const length = readLength(cursor, wire, end);
  const inner = cursor.at + length;
  const special = specialMessages.get(field.type);
  return special === undefined
    ? readMessage(cursor, inner, messageNamed(field.type))
    : special.read(cursor, inner);
}

function readScalar(cursor: Cursor, wire: number, end: number, type: ScalarType): JsonValue {
  switch (type) {
    case "string":
      return readText(cursor, wire, end);
    case "bool":
      return readInteger(cursor, wire) !== 0;
    case "int32":
    case "int64": {
      const value = readInteger(cursor, wire);
      return typeof value === "number" ? value : new JsonNumber(String(value));
    }
    case "double": {
      if (wire !== FIXED64 || cursor.at + 8 > end) throw damaged(cursor, "a double is cut off");
      const value = cursor.bytes.readDoubleLE(cursor.at);
      cursor.at += 8;
      return value;
    }
    case "bytes": {
      const length = readLength(cursor, wire, end);
      cursor.at += length;
      return cursor.bytes.toString("base64", cursor.at - length, cursor.at);
    }
  }
}

/** One entry of a map: a message of key 1 and value 2. */
function readEntry(
  cursor: MessageCursor,
  wire: number,
  end: number,
  field: Field,
  object: JsonBuilder,
): void {
  const entryEnd = readLength(cursor, wire, end) + cursor.at;
  let name = "";
  let value: JsonValue | undefined;
  while (cursor.at < entryEnd) {
    const tag = readTag(cursor);
    if (tag >>> 3 === 1) name = readText(cursor, tag & 7, entryEnd);
    else if (tag >>> 3 === 2) value = readItem(cursor, tag & 7, entryEnd, field);
    else skipField(cursor, tag & 7);
  }
  if (cursor.at !== entryEnd) throw damaged(cursor, "a map's entry ends within a field");
  setMember(object, name, value ?? zero(field));
}

/** What Go prints for a field that was not stored and is no pointer. */
function zero(field: Field): JsonValue {
  if (field.isMessage) {
    const special = specialMessages.get(field.type);
    if (special !== undefined) return special.zero;
    const message = messageNamed(field.type);
    return toJson(message, []);
  }
  switch (field.type as ScalarType) {
    case "string":
      return "";
    case "bool":
      return false;
    case "int32":
    case "int64":
    case "double":
      return 0;
    case "bytes":
      return null;
  }
}

function toJson(message: Message, slots: Slots): JsonValue {
  const union = unions.get(message.name.slice(message.name.lastIndexOf(".") + 1));
  if (union !== undefined) return union(slots as (JsonValue | undefined)[]);
  if (message.list) return (slots[0] as JsonValue | undefined) ?? null;
  const object: JsonBuilder = {};
  addMembers(message, slots, object);
  return object;
}

// What a JSON schema has in two forms, by slots: apiextensions-apiserver's v1/marshal.go.
const unions = new Map<string, (slots: readonly (JsonValue | undefined)[]) => JsonValue>([
  ["JSONSchemaPropsOrBool", ([allows, schema]) => schema ?? allows ?? false],
  ["JSONSchemaPropsOrArray", ([schema, list]) => list ?? schema ?? null],
  ["JSONSchemaPropsOrStringArray", ([schema, list]) => list ?? schema ?? null],
]);

function addMembers(message: Message, slots: Slots, object: JsonBuilder): void {
  for (const field of message.fields) {
    const slot = slots[field.index];
    if (field.name === "") {
      if (slot !== undefined || !field.pointer) {
        addMembers(messageNamed(field.type), (slot as Slots | undefined) ?? [], object);
      }
      continue;
    }
    const stored = slot as JsonValue | undefined;
    if (field.shape !== "one" || field.pointer) {
      if (stored !== undefined) object[field.name] = stored;
      else if (!field.omitEmpty) object[field.name] = null;
      continue;
    }
    const value = stored ?? zero(field);
    if (!isLeftOut(field, value)) object[field.name] = value;
  }
}

/** Go leaves out an empty scalar under omitempty; a message only under omitzero. */
function isLeftOut(field: Field, value: JsonValue): boolean {
  if (!field.omitEmpty) return false;
  if (field.isMessage) return field.omitZero && value === null;
  return value === "" || value === 0 || value === false || value === null;
}
