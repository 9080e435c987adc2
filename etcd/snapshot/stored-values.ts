/**
 * The values of etcd's small buckets, each read as etcd writes it and in no other form: in another one a server takes
 * it for something else than we do, or panics when it starts (etcd `server/storage/schema/`).
 * All throw RangeError with a sentence that does not hold the value.
 */
import { describeGreatRevision, revisionKey } from "./revision-key";

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** A revision that this reader cannot count exactly, though etcd can. */
export class GreatRevisionError extends RangeError {
  constructor(revision: bigint) {
    super(describeGreatRevision(revision).problem);
  }
}

/** 8 bytes, big-endian. */
export function readCounter(value: Buffer): number {
  if (value.length !== 8) throw new RangeError(`it has ${value.length} bytes, expected 8`);
  const number = value.readBigUInt64BE(0);
  if (number > MAX_SAFE) throw new RangeError(`${number} is more than any etcd has counted`);
  return Number(number);
}

/**
 * A compaction mark: the 17 bytes of a revision whose second part is 0 (`server/storage/mvcc/store.go`).
 * @throws GreatRevisionError
 */
export function readMark(value: Buffer): number {
  if (value.length !== 17) throw new RangeError(`it has ${value.length} bytes, expected 17`);
  const main = value.readBigInt64BE(0);
  if (main < 0n) throw new RangeError(`its revision is negative (${main})`);
  if (main > MAX_SAFE) throw new GreatRevisionError(main);
  if (!value.equals(revisionKey(Number(main)))) {
    throw new RangeError("it is no revision: expected 8 bytes, an underscore, and 8 bytes of zero");
  }
  return Number(main);
}

/** `3.6.0`: etcd stores what the data's form depends on, so the patch is always 0; another one stops the server. */
export function readVersion(value: Buffer): string {
  const text = value.toString("latin1");
  if (!/^3\.(0|[1-9]\d{0,2})\.0$/.test(text)) {
    throw new RangeError("it is no version as etcd writes one, like 3.6.0");
  }
  return text;
}

/** A byte, 0 or 1. */
export function readFlag(value: Buffer): boolean {
  if (value.length !== 1 || (value[0] ?? 2) > 1) {
    throw new RangeError(`it has ${value.length} bytes, expected one byte of 0 or 1`);
  }
  return value[0] === 1;
}

/** A member's id as etcd writes it: hex, lower case, without zeros in front. */
export function readMemberId(key: Buffer): bigint {
  const text = key.toString("latin1");
  if (!/^(0|[1-9a-f][0-9a-f]{0,15})$/.test(text)) {
    throw new RangeError("its key is no member id: expected 1 to 16 hex digits");
  }
  return BigInt(`0x${text}`);
}

/** Text that is UTF-8 through and through. */
export function readText(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RangeError("a name in it is no UTF-8");
  }
}

/** What a field of a JSON value may be. */
export type JsonForm = "text" | "texts" | "id" | "ids" | "flag";

/**
 * A JSON object with these fields and no others, as Go's `encoding/json` writes it: whole numbers of 64 bits, and no
 * field twice. Ids stay out of the result, for JavaScript's numbers do not hold them; `idOf` reads one.
 */
export function readJson(
  value: Buffer,
  forms: Readonly<Record<string, JsonForm>>,
): Readonly<Record<string, unknown>> {
  let json: unknown;
  const text = readText(value);
  try {
    json = JSON.parse(text);
  } catch {
    throw new RangeError("it is no JSON");
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new RangeError("it is no JSON object");
  }
  assertWholeNumbers(text);
  for (const [name, found] of Object.entries(json)) {
    const form = forms[name];
    if (form === undefined) throw new RangeError("it has a field that etcd does not write");
    if (!isOf(form, found)) throw new RangeError(`its field ${name} is no ${form}`);
  }
  return json as Readonly<Record<string, unknown>>;
}

function isOf(form: JsonForm, found: unknown): boolean {
  switch (form) {
    case "text":
      return typeof found === "string";
    case "id":
      return typeof found === "number";
    case "flag":
      return typeof found === "boolean";
    case "texts":
      return Array.isArray(found) && found.every((item) => typeof item === "string");
    case "ids":
      return Array.isArray(found) && found.every((item) => typeof item === "number");
  }
}

/** Go reads a number into 64 bits without a sign, and refuses what does not fit. */
function assertWholeNumbers(text: string): void {
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  const numbers = bare.match(/[-+.\deE]*\d[-+.\deE]*/g) ?? [];
  if (numbers.some((number) => !/^\d+$/.test(number) || BigInt(number) >= 2n ** 64n)) {
    throw new RangeError("a number in it is none of 64 bits");
  }
}

/** The id that a JSON value states in its field `id`; undefined when it does not. */
export function idOf(value: Buffer): bigint | undefined {
  const digits = /^\{"id":(\d+)[,}]/.exec(value.toString("latin1"))?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}
