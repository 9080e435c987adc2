/** The header of an entry of a tar archive (POSIX ustar, GNU), and the records of pax that go over it. */
import { DamageError } from "./damage";

export const BLOCK = 512;

/** What pax and GNU say of the next entry, beside or before its own header. */
export type Extended = Map<string, string>;

/** What the header says by itself. */
export interface Header {
  readonly block: Buffer;
  readonly name: string;
  readonly link: string;
  readonly type: string;
  readonly size: number;
}

/** @throws DamageError when its sum is wrong */
export function parseHeader(block: Buffer): Header {
  if (!isTarHeader(block))
    throw new DamageError("it is damaged or cut off (a header's sum is wrong)");
  const prefix =
    block.toString("latin1", 257, 263) === "ustar\0" ? untilNul(block.subarray(345, 500)) : "";
  const name = untilNul(block.subarray(0, 100));
  return {
    block,
    name: prefix === "" ? name : `${prefix}/${name}`,
    link: untilNul(block.subarray(157, 257)),
    type: block.toString("latin1", 156, 157),
    size: headerNumber(block.subarray(124, 136)),
  };
}

/**
 * Whether these bytes begin with the header of an entry: in its oldest form it has no magic, but always a sum of its own
 * bytes, its own field taken for blanks (POSIX.1, ustar). Old programs took bytes for signed numbers, and wrote the sum
 * behind blanks. Without a digit there is no sum: the signed bytes of a database could add up to 0 by chance.
 */
export function isTarHeader(block: Buffer): boolean {
  if (block.length < BLOCK) return false;
  const [, digits] = /^ *([0-7]+)(?:[ \0]|$)/.exec(block.toString("latin1", 148, 156)) ?? [];
  if (digits === undefined) return false;
  const stated = parseInt(digits, 8);
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK; at += 1) {
    const byte = at >= 148 && at < 156 ? 0x20 : block.readUInt8(at);
    unsigned += byte;
    signed += byte >= 0x80 ? byte - 256 : byte;
  }
  return stated === unsigned || stated === signed;
}

/** Octal digits, or GNU's base 256 where the first bit is set. */
export function headerNumber(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0) {
    const digits = untilNul(field).trim();
    if (!/^[0-7]*$/.test(digits))
      throw new DamageError("it is damaged or cut off (a header's number)");
    return digits === "" ? 0 : parseInt(digits, 8);
  }
  let value = (field[0] ?? 0) & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value))
    throw new DamageError("it is damaged or cut off (a header's number)");
  return value;
}

/** Records `LENGTH KEY=VALUE\n`; pax's sparse records of version 0.0 stand once for each piece. */
export function parsePax(content: Buffer, into: Extended): void {
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const length = space < 0 ? NaN : Number(content.toString("latin1", at, space));
    if (!Number.isInteger(length) || length <= space - at || at + length > content.length) {
      throw new DamageError("it is damaged or cut off (a pax record)");
    }
    const record = content.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      into.set("GNU.sparse.map", [into.get("GNU.sparse.map"), value].filter(Boolean).join(","));
    } else if (value === "") into.delete(key);
    else into.set(key, value);
    at += length;
  }
}

/** A number of a pax record; a fraction, which only times have, is cut off. */
export function decimal(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && Number.isSafeInteger(Math.floor(value)))
    return Math.floor(value);
  throw new DamageError("it is damaged or cut off (a number in a pax record)");
}

export function untilNul(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? field.length : end);
}

/** For an archive that ends too early. */
export function cut(where: string): DamageError {
  return new DamageError(`it is damaged or cut off (it ends in the middle of ${where})`);
}
