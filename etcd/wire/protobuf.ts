/**
 * Just enough protobuf for etcd's own messages: varints and byte strings, which is all that they are made of.
 *
 * Written by hand because the read-back moves the bulk of a store through it: a generated decoder would copy every
 * value twice, and etcd3's copy of the schema is older than the fields we ask for (`hash_revision`).
 */

/** A field to be written: its number and its value. Zero, `false` and empty are left out, as proto3 does. */
export type FieldToWrite = readonly [
  number: number,
  value: bigint | number | boolean | string | Uint8Array,
];

/** A field that was read: a varint as an unsigned 64-bit number, anything else as its bytes. */
export interface ReadField {
  readonly number: number;
  readonly value: bigint | Buffer;
}

/** The wire form of a message. */
export function encodeMessage(fields: readonly FieldToWrite[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (typeof value === "string" || value instanceof Uint8Array) {
      const bytes = typeof value === "string" ? Buffer.from(value) : value;
      if (bytes.length > 0) {
        parts.push(varint(BigInt(number * 8 + 2)), varint(BigInt(bytes.length)), bytes);
      }
    } else {
      const integer = BigInt(value);
      if (integer !== 0n) {
        parts.push(varint(BigInt(number * 8)), varint(BigInt.asUintN(64, integer)));
      }
    }
  }
  return Buffer.concat(parts);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/**
 * The fields of a message in the order in which they stand.
 *
 * Byte strings are views of `message`, not copies.
 * @throws RangeError when the message is cut or is no protobuf.
 */
export function* readFields(message: Buffer): Generator<ReadField> {
  let at = 0;
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at];
      if (byte === undefined) {
        throw new RangeError(`protobuf message ends inside a number, at byte ${at}`);
      }
      at += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) {
        return BigInt.asUintN(64, value);
      }
    }
    throw new RangeError(`protobuf number longer than 10 bytes, at byte ${at}`);
  };
  while (at < message.length) {
    const tag = Number(readVarint());
    const number = Math.floor(tag / 8);
    if (tag % 8 === 0) {
      yield { number, value: readVarint() };
    } else if (tag % 8 === 2) {
      const length = Number(readVarint());
      if (at + length > message.length) {
        throw new RangeError(
          `protobuf field ${number} wants ${length} bytes, ${message.length - at} are left`,
        );
      }
      yield { number, value: message.subarray(at, at + length) };
      at += length;
    } else {
      throw new RangeError(`protobuf wire type ${tag % 8} at byte ${at}: etcd uses only 0 and 2`);
    }
  }
}

/**
 * The fields of a message that has these and no others, each but a repeated one at most once.
 * @throws RangeError for any other: no etcd writes it, and what a server makes of it is its own affair
 */
export function knownFields(
  message: Buffer,
  known: Readonly<Record<number, "number" | "bytes" | "repeated">>,
): readonly ReadField[] {
  const fields: ReadField[] = [];
  const seen = new Set<number>();
  for (const field of readFields(message)) {
    const form = known[field.number];
    const isNumber = typeof field.value === "bigint";
    if (form === undefined || (form === "number") !== isNumber) {
      throw new RangeError(`unexpected protobuf field ${field.number}`);
    }
    if (seen.has(field.number) && form !== "repeated") {
      throw new RangeError(`protobuf field ${field.number} stands there twice`);
    }
    seen.add(field.number);
    fields.push(field);
  }
  return fields;
}

/** The last value of a varint field as a signed 64-bit number; 0 when absent. */
export function signedField(fields: readonly ReadField[], number: number): bigint {
  return BigInt.asIntN(64, unsignedField(fields, number));
}

/** The last value of a varint field as an unsigned 64-bit number; 0 when absent. */
export function unsignedField(fields: readonly ReadField[], number: number): bigint {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === "bigint" ? value : 0n;
}

/** The last value of a byte field; empty when absent. */
export function bytesField(fields: readonly ReadField[], number: number): Buffer {
  const value = fields.findLast((field) => field.number === number)?.value;
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

/** All values of a repeated byte field, in order. */
export function bytesFields(fields: readonly ReadField[], number: number): readonly Buffer[] {
  return fields.flatMap((field) =>
    field.number === number && Buffer.isBuffer(field.value) ? [field.value] : [],
  );
}
