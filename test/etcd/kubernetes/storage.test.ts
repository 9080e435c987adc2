import { describe, expect, it } from "vitest";
import { decodeObject } from "../../../etcd/kubernetes/decode";
import { objectType } from "../../../etcd/kubernetes/object-type";
import { classify } from "../../../etcd/kubernetes/storage";
import { storedKeys } from "./truth";

function census(name: "main" | "events" | "encrypted"): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { value } of storedKeys(name)) {
    const encoding = classify(value);
    const label =
      encoding.kind === "encrypted"
        ? `${encoding.provider} ${encoding.version} ${encoding.keyName}`
        : encoding.kind;
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}

describe("classify", () => {
  it("counts a real store's values by encoding and by key", () => {
    expect(census("main")).toEqual({ protobuf: 288, json: 32, text: 11, binary: 6 });
    expect(census("events")).toEqual({ protobuf: 295, text: 1 });
    expect(census("encrypted")).toEqual({
      protobuf: 335,
      json: 32,
      text: 11,
      binary: 6,
      "aescbc v1 key1": 4,
      "secretbox v1 key2": 4,
    });
  });

  it.each([
    ["k8s:enc:aesgcm:v1:a key:\0\x01", "aesgcm", "v1", "a key"],
    ["k8s:enc:kms:v1:vault:\0\x01", "kms", "v1", "vault"],
    ["k8s:enc:kms:v2:vault-plugin:\0\x01", "kms", "v2", "vault-plugin"],
    ["k8s:enc:new:v9:k:", "new", "v9", "k"],
  ])("names provider, version and key: %j", (value, provider, version, keyName) => {
    const expected = { kind: "encrypted", provider, version, keyName };
    expect(classify(Buffer.from(value, "latin1"))).toEqual(expected);
    // The second answer comes from memory.
    expect(classify(Buffer.from(value, "latin1"))).toEqual(expected);
  });

  it.each([
    ["", "text"],
    ["424", "text"],
    ["žluťoučký\tkůň\r\n", "text"],
    ["[1, 2]", "text"],
    ["{", "text"],
    ["{not json}", "text"],
    ["k8s:enc:aescbc:v1:no end", "text"],
    ["k8s", "text"],
    ["nul\0", "binary"],
    ["\x7f", "binary"],
    ["k8s\x01", "binary"],
    ['{"a": 1}', "json"],
    ["{ }", "json"],
    [' {"a": 1}', "text"],
    ["k8s\0", "protobuf"],
  ])("%j is %s", (value, kind) => {
    expect(classify(Buffer.from(value)).kind).toBe(kind);
  });

  it("knows CBOR by its own tag, and bytes that are no UTF-8", () => {
    expect(classify(Buffer.from("d9d9f7a0", "hex")).kind).toBe("cbor");
    expect(classify(Buffer.from("ff", "hex")).kind).toBe("binary");
  });

  it("gives the same answer object each time, so that a census needs no memory", () => {
    for (const { value } of storedKeys("encrypted")) {
      expect(classify(value)).toBe(classify(Buffer.from(value)));
    }
  });
});

describe("objectType", () => {
  it("gives every object's apiVersion and kind from its first 200 bytes", () => {
    const objects = (["main", "events", "encrypted"] as const)
      .flatMap(storedKeys)
      .filter(({ kubectl }) => kubectl !== undefined);
    expect(objects).toHaveLength(982);
    for (const { key, value } of objects) {
      const { apiVersion, kind } = decodeObject(value);
      const start = value.subarray(0, 200);
      expect(objectType(start, classify(start).kind), key).toEqual({ apiVersion, kind });
    }
  });

  it.each([
    [
      '{"apiVersion":"a/v1","data":{"kind":"No","x":["}",{"\\"":1}]},"kind":"Late"}',
      { apiVersion: "a/v1", kind: "Late" },
    ],
    [
      '{ "n" : -1.5e3 , "t":true,"kind" : "Spaced" ,\n "apiVersion" : "v1" }',
      { apiVersion: "v1", kind: "Spaced" },
    ],
    ['{"kind":"NoVersion"}', { apiVersion: "", kind: "NoVersion" }],
    ['{"apiVersion":"v1","spec":{"cut', { apiVersion: "v1", kind: "" }],
    ['{"spec":{"kind":"Inner","apiVersion":"v1"}}', undefined],
    ['{"kind":5,"apiVersion":null}', undefined],
    ["{}", undefined],
  ])("skips what lies between: %s", (text, expected) => {
    expect(objectType(Buffer.from(text), "json")).toEqual(expected);
  });

  it("is undefined for what is no plain object", () => {
    expect(objectType(Buffer.from("424"), "text")).toBeUndefined();
    expect(objectType(Buffer.from("k8s\0"), "protobuf")).toBeUndefined();
    expect(objectType(Buffer.from("k8s\0\xff\xff", "latin1"), "protobuf")).toBeUndefined();
  });
});
