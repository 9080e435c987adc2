import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { JsonNumber, JsonSyntaxError, parseJson } from "../../../etcd/kubernetes/json";
import { decodeObject } from "../../../etcd/kubernetes/decode";
import { toJsonText, toYamlText } from "../../../etcd/kubernetes/print";
import { storedKeys } from "./truth";

describe("parseJson", () => {
  it("reads what JSON.parse reads, to the same value", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(toJsonText(parseJson(text)))).toEqual(JSON.parse(text));
      }),
    );
  });

  it("refuses what JSON.parse refuses", () => {
    const nearlyJson = fc
      .tuple(
        fc.json({ maxDepth: 2 }),
        fc.nat(),
        fc.constantFrom(...Array.from('"\\{}[],:0-.eE+ \ntfn\u0000')),
      )
      .map(([text, at, character]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + character + text.slice(place + (at % 2));
      });
    const accepts = (read: (text: string) => unknown, text: string) => {
      try {
        read(text);
        return true;
      } catch (error) {
        if (error instanceof SyntaxError || error instanceof JsonSyntaxError) return false;
        throw error;
      }
    };
    fc.assert(
      fc.property(nearlyJson, (text) => {
        expect(accepts(parseJson, text)).toBe(accepts(JSON.parse, text));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    "9007199254740993",
    "-9223372036854775808",
    "1e+21",
    "1e21",
    "1.0",
    "-0",
    "0.1",
    "1e-9",
    "12345678901234567890",
    "1E400",
  ])("keeps the number %s as it was written", (text) => {
    expect(toJsonText(parseJson(`[${text}]`))).toBe(`[\n    ${text}\n]\n`);
    expect(toYamlText(parseJson(`[${text}]`))).toBe(`- ${text}\n`);
  });

  it("gives ordinary numbers as numbers", () => {
    expect(parseJson("[1, -2.5, 9007199254740993]")).toEqual([
      1,
      -2.5,
      new JsonNumber("9007199254740993"),
    ]);
  });

  it("takes __proto__ for a name like any other", () => {
    const text = '{\n    "__proto__": {\n        "a": 1\n    }\n}\n';
    expect(toJsonText(parseJson(text))).toBe(text);
    expect(parseJson(text)).not.toHaveProperty("a");
  });

  it("turns half a surrogate pair into U+FFFD, as Go does", () => {
    expect(parseJson(String.raw`"\ud83d \ud83e\udd80"`)).toBe("\ufffd 🦀");
  });

  it("refuses more than 1,000 levels instead of running out of stack", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(toJsonText(parseJson(nested(1_000)))).toContain("[");
    expect(() => parseJson(nested(1_001))).toThrow(
      /expected at most 1000 levels at character 1000/,
    );
  });
});

describe("toJsonText", () => {
  it("sorts names by their bytes, also where UTF-16 has another order", () => {
    const names = ["b", "10", "9", "\uffee", "🦀", "a", "é"];
    const text = toJsonText(Object.fromEntries(names.map((name) => [name, 0])));
    const printed = [...text.matchAll(/"(.*)":/g)].map(([, name]) => name);
    expect(printed).toEqual(["10", "9", "a", "b", "é", "\uffee", "🦀"]);
  });

  it("escapes as Go's encoding/json does", () => {
    expect(toJsonText('<a href="x">&\b\f\n\r\t\u0001\u007f\u2028é🦀\\')).toBe(
      '"\\u003ca href=\\"x\\"\\u003e\\u0026\\b\\f\\n\\r\\t\\u0001\u007f\\u2028é🦀\\\\"\n',
    );
  });

  it("prints empty objects and lists in one line", () => {
    expect(toJsonText({ a: {}, b: [], c: [{}] })).toBe(
      '{\n    "a": {},\n    "b": [],\n    "c": [\n        {}\n    ]\n}\n',
    );
  });
});

describe("toYamlText", () => {
  it("holds what the JSON holds, for every object of two real stores", () => {
    const objects = (["main", "events"] as const)
      .flatMap(storedKeys)
      .filter(({ kubectl }) => kubectl !== undefined);
    for (const { key, value } of objects) {
      const { object } = decodeObject(value);
      const read = parse(toYamlText(object), { version: "1.1", intAsBigInt: true }) as unknown;
      expect(plain(read), key).toEqual(JSON.parse(toJsonText(object)));
    }
  });

  it.each([
    "yes",
    "no",
    "on",
    "y",
    "true",
    "null",
    "~",
    "",
    "1",
    "0o7",
    "012",
    "1e3",
    "1:30",
    ".5",
    "2026-11-22",
    "=",
    "<<",
    "*",
    "- a",
    "a: b",
    "a #b",
    " a",
    "line\nline\n",
    "\ttab",
    "🦀",
  ])("quotes %j where YAML 1.1 needs it", (text) => {
    expect(parse(toYamlText({ a: text }), { version: "1.1" })).toEqual({ a: text });
  });

  it("is laid out as kubectl does it", () => {
    expect(toYamlText({ b: [{ c: "x", a: "1" }], a: {}, list: [] })).toBe(
      'a: {}\nb:\n- a: "1"\n  c: x\nlist: []\n',
    );
  });
});

/** Integers as the numbers that JSON.parse makes of them. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}
