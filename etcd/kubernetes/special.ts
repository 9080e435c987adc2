import { parseJson, type JsonValue } from "./json";
import {
  type Cursor,
  damaged,
  readFields,
  readInteger,
  readLength,
  readText,
  skipField,
} from "./wire";

/**
 * A message whose JSON form is not its fields: Kubernetes gives it a marshaller of its own.
 * Each is named in `specialMessages` after the Go source that says how it is written.
 */
export interface SpecialMessage {
  /** Reads the message that ends at `end`. */
  readonly read: (cursor: Cursor, end: number) => JsonValue;
  /** What Go prints for a message that was never there. */
  readonly zero: JsonValue;
}

/** Special messages by name; the generator of fields.json leaves these out. */
export const specialMessages: ReadonlyMap<string, SpecialMessage> = new Map<string, SpecialMessage>(
  [
    // apimachinery/pkg/apis/meta/v1: time.go, micro_time.go, duration.go, helpers.go
    ["meta.v1.Time", { read: readTime, zero: null }],
    ["meta.v1.MicroTime", { read: readMicroTime, zero: null }],
    ["meta.v1.Duration", { read: readDuration, zero: "0s" }],
    ["meta.v1.FieldsV1", { read: readRawJson, zero: null }],
    // apimachinery/pkg: api/resource/quantity.go, util/intstr/intstr.go, runtime/extension.go
    ["api.resource.Quantity", { read: readQuantity, zero: "0" }],
    ["util.intstr.IntOrString", { read: readIntOrString, zero: 0 }],
    ["pkg.runtime.RawExtension", { read: readRawJson, zero: null }],
    // apiextensions-apiserver/pkg/apis/apiextensions: v1/marshal.go, v1beta1/marshal.go
    ["apiextensions.v1.JSON", { read: readRawJson, zero: null }],
    ["apiextensions.v1beta1.JSON", { read: readRawJson, zero: null }],
  ],
);

interface Timestamp {
  seconds: number;
  nanos: number;
}

function readTimestamp(cursor: Cursor, end: number): Timestamp | undefined {
  // Go writes no byte at all for the zero time, and prints it as null.
  if (cursor.at === end) return undefined;
  const time: Timestamp = { seconds: 0, nanos: 0 };
  readFields(cursor, end, (number, wire) => {
    if (number === 1) time.seconds = Number(readInteger(cursor, wire));
    else if (number === 2) time.nanos = Number(readInteger(cursor, wire));
    else skipField(cursor, wire);
  });
  return time;
}

function readTime(cursor: Cursor, end: number): JsonValue {
  const time = readTimestamp(cursor, end);
  return time === undefined ? null : `${dateAndTime(cursor, time.seconds)}Z`;
}

function readMicroTime(cursor: Cursor, end: number): JsonValue {
  const time = readTimestamp(cursor, end);
  if (time === undefined) return null;
  const micros = Math.trunc(time.nanos / 1_000);
  return `${dateAndTime(cursor, time.seconds)}.${String(micros).padStart(6, "0")}Z`;
}

/** `2006-01-02T15:04:05` of a Unix time, in UTC. */
function dateAndTime(cursor: Cursor, seconds: number): string {
  const date = new Date(seconds * 1_000);
  if (Number.isNaN(date.getTime())) throw damaged(cursor, "a time is out of range");
  // Years of other than four digits get a sign and six digits here, but not in Go.
  return date.toISOString().slice(0, -".000Z".length).replace(/^\+0*/, "");
}

function readDuration(cursor: Cursor, end: number): JsonValue {
  let nanos = 0n;
  readFields(cursor, end, (number, wire) => {
    if (number === 1) nanos = BigInt(readInteger(cursor, wire));
    else skipField(cursor, wire);
  });
  return durationText(nanos);
}

/** A duration as Go's `time.Duration.String` prints it: `1h0m0.5s`, `1.5ms`, `0s`. */
export function durationText(nanos: bigint): string {
  if (nanos < 0n) return `-${durationText(-nanos)}`;
  if (nanos === 0n) return "0s";
  if (nanos < 1_000n) return `${nanos}ns`;
  if (nanos < 1_000_000n) return `${decimal(nanos, 3)}µs`;
  if (nanos < 1_000_000_000n) return `${decimal(nanos, 6)}ms`;
  const minutes = nanos / 60_000_000_000n;
  const seconds = `${decimal(nanos % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return seconds;
  const hours = minutes / 60n;
  return hours === 0n ? `${minutes}m${seconds}` : `${hours}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, places: number): string {
  const digits = String(value).padStart(places + 1, "0");
  const fraction = digits.slice(-places).replace(/0+$/, "");
  return digits.slice(0, -places) + (fraction === "" ? "" : `.${fraction}`);
}

/** The stored text is Go's canonical form already: `Quantity.Marshal` writes what `MarshalJSON` prints. */
function readQuantity(cursor: Cursor, end: number): JsonValue {
  let text = "0";
  readFields(cursor, end, (number, wire) => {
    if (number === 1) text = readText(cursor, wire, end);
    else skipField(cursor, wire);
  });
  return text;
}

function readIntOrString(cursor: Cursor, end: number): JsonValue {
  const either = { type: 0, number: 0, text: "" };
  readFields(cursor, end, (field, wire) => {
    if (field === 1) either.type = Number(readInteger(cursor, wire));
    else if (field === 2) either.number = Number(readInteger(cursor, wire));
    else if (field === 3) either.text = readText(cursor, wire, end);
    else skipField(cursor, wire);
  });
  return either.type === 0 ? either.number : either.text;
}

/** Bytes that hold a JSON document, which stands in the object as if it had been written there. */
function readRawJson(cursor: Cursor, end: number): JsonValue {
  let value: JsonValue = null;
  readFields(cursor, end, (number, wire) => {
    if (number !== 1) {
      skipField(cursor, wire);
      return;
    }
    const length = readLength(cursor, wire, end);
    const text = cursor.bytes.toString("utf8", cursor.at, cursor.at + length);
    cursor.at += length;
    value = length === 0 ? null : parseJson(text);
  });
  return value;
}
