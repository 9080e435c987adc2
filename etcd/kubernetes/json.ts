/** JSON that loses nothing: numbers that JavaScript would round are kept as they were written. */

/** A number that no JavaScript number prints back as it was written, such as 9007199254740993 or 1e+21. */
export class JsonNumber {
  constructor(readonly text: string) {}
}

/** A value of a JSON document. */
export type JsonValue =
  null | boolean | number | string | JsonNumber | readonly JsonValue[] | JsonObject;

/** An object of a JSON document; names as in the document, `__proto__` among them is an own name. */
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** An object under construction. */
export type JsonBuilder = Record<string, JsonValue>;

/** Tells an object from the other kinds of JSON values. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof JsonNumber)
  );
}

/** Tells a list from the other kinds of JSON values. */
export function isJsonList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Sets a member as an own property, whatever its name. */
export function setMember(target: JsonBuilder, name: string, value: JsonValue): void {
  if (name === "__proto__") {
    Object.defineProperty(target, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    target[name] = value;
  }
}

/**
 * The number that a text stands for: a JavaScript number where that prints the same text again, else
 * the text itself.
 */
export function exactNumber(text: string): number | JsonNumber {
  const number = Number(text);
  return String(number) === text ? number : new JsonNumber(text);
}

/** Says where a text stops being JSON; the text itself is not in the message. */
export class JsonSyntaxError extends Error {
  constructor(expected: string, at: number, length: number) {
    super(`no valid JSON: expected ${expected} at character ${at} of ${length}`);
  }
}

// Kubernetes' own decoder allows 10,000; a recursive reader needs its stack for each.
const DEPTH_LIMIT = 1_000;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

interface Cursor {
  readonly text: string;
  at: number;
  depth: number;
}

/**
 * Reads one JSON document (RFC 8259). Of members with the same name the last one stays, as in Go and
 * JavaScript; half a surrogate pair becomes U+FFFD, as in Go.
 * @throws JsonSyntaxError if the text is anything else, or nested deeper than 1,000.
 */
export function parseJson(text: string): JsonValue {
  const cursor: Cursor = { text, at: 0, depth: 0 };
  const value = readValue(cursor);
  skipSpace(cursor);
  if (cursor.at < text.length) throw syntaxError(cursor, "the end");
  return value;
}

function syntaxError(cursor: Cursor, expected: string): JsonSyntaxError {
  return new JsonSyntaxError(expected, cursor.at, cursor.text.length);
}

function skipSpace(cursor: Cursor): number {
  const { text } = cursor;
  for (;;) {
    const code = text.charCodeAt(cursor.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
    cursor.at++;
  }
}

function readValue(cursor: Cursor): JsonValue {
  switch (skipSpace(cursor)) {
    case 0x7b: // {
      return readObject(cursor);
    case 0x5b: // [
      return readArray(cursor);
    case 0x22: // "
      return readString(cursor);
    case 0x74:
      return readWord(cursor, "true", true);
    case 0x66:
      return readWord(cursor, "false", false);
    case 0x6e:
      return readWord(cursor, "null", null);
    default:
      return readNumber(cursor);
  }
}

function enter(cursor: Cursor): void {
  if (++cursor.depth > DEPTH_LIMIT) throw syntaxError(cursor, `at most ${DEPTH_LIMIT} levels`);
  cursor.at++;
}

function readObject(cursor: Cursor): JsonObject {
  enter(cursor);
  const object: JsonBuilder = {};
  if (skipSpace(cursor) !== 0x7d) {
    for (;;) {
      if (skipSpace(cursor) !== 0x22) throw syntaxError(cursor, "a member's name");
      const name = readString(cursor);
      if (skipSpace(cursor) !== 0x3a) throw syntaxError(cursor, "':'");
      cursor.at++;
      setMember(object, name, readValue(cursor));
      const next = skipSpace(cursor);
      if (next === 0x7d) break;
      if (next !== 0x2c) throw syntaxError(cursor, "',' or '}'");
      cursor.at++;
    }
  }
  cursor.at++;
  cursor.depth--;
  return object;
}

function readArray(cursor: Cursor): readonly JsonValue[] {
  enter(cursor);
  const array: JsonValue[] = [];
  if (skipSpace(cursor) !== 0x5d) {
    for (;;) {
      array.push(readValue(cursor));
      const next = skipSpace(cursor);
      if (next === 0x5d) break;
      if (next !== 0x2c) throw syntaxError(cursor, "',' or ']'");
      cursor.at++;
    }
  }
  cursor.at++;
  cursor.depth--;
  return array;
}

function readString(cursor: Cursor): string {
  const { text } = cursor;
  const start = cursor.at;
  let escaped = false;
  for (let at = start + 1; ; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      cursor.at = at + 1;
      return escaped ? unescape(cursor, start) : text.slice(start + 1, at);
    }
    if (code === 0x5c) {
      escaped = true;
      at++;
    } else if (!(code >= 0x20)) {
      // Not a number (the end) or a control character.
      cursor.at = at;
      throw syntaxError(cursor, "'\"'");
    }
  }
}

function unescape(cursor: Cursor, start: number): string {
  const token = cursor.text.slice(start, cursor.at);
  try {
    const plain = String(JSON.parse(token));
    return token.includes("\\u") ? Buffer.from(plain).toString() : plain;
  } catch {
    cursor.at = start;
    throw syntaxError(cursor, "a string with valid escapes");
  }
}

function readWord<T>(cursor: Cursor, word: string, value: T): T {
  if (!cursor.text.startsWith(word, cursor.at)) throw syntaxError(cursor, `'${word}'`);
  cursor.at += word.length;
  return value;
}

function readNumber(cursor: Cursor): number | JsonNumber {
  NUMBER.lastIndex = cursor.at;
  const token = NUMBER.exec(cursor.text)?.[0];
  if (token === undefined) throw syntaxError(cursor, "a value");
  cursor.at += token.length;
  return exactNumber(token);
}
