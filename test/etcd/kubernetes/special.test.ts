import { describe, expect, it } from "vitest";
import { decodeObject } from "../../../etcd/kubernetes/decode";
import { toJsonText } from "../../../etcd/kubernetes/print";
import { durationText } from "../../../etcd/kubernetes/special";

/** A varint of 64 bits, negative numbers as their two's complement. */
function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function number(field: number, value: bigint): Buffer {
  return Buffer.concat([varint(BigInt(field << 3)), varint(value)]);
}

function bytes(field: number, ...content: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(content.map((part) => Buffer.from(part)));
  return Buffer.concat([varint(BigInt((field << 3) | 2)), varint(BigInt(body.length)), body]);
}

function stored(apiVersion: string, kind: string, ...fields: readonly Buffer[]): Buffer {
  const type = bytes(1, bytes(1, apiVersion), bytes(2, kind));
  return Buffer.concat([Buffer.from("k8s\0"), type, bytes(2, ...fields)]);
}

function metadataText(...fields: readonly Buffer[]): string {
  const { object } = decodeObject(stored("v1", "ConfigMap", bytes(1, ...fields)));
  return toJsonText(object.metadata ?? null);
}

describe("numbers", () => {
  it.each([
    0n,
    -1n,
    9007199254740991n,
    9007199254740993n,
    9223372036854775807n,
    -9007199254740993n,
    -9223372036854775808n,
  ])("an int64 of %d is exact", (value) => {
    const { object } = decodeObject(stored("apps/v1", "ControllerRevision", number(3, value)));
    expect(toJsonText(object)).toContain(`"revision": ${value}\n`);
  });

  it("zero is left out where Go leaves it out, and kept behind a pointer", () => {
    expect(metadataText(number(7, 0n), number(10, 0n))).toBe(
      '{\n    "deletionGracePeriodSeconds": 0\n}\n',
    );
  });
});

describe("times", () => {
  it.each([
    [0n, "1970-01-01T00:00:00Z"],
    [-1n, "1969-12-31T23:59:59Z"],
    [1795375508n, "2026-11-22T19:25:08Z"],
    [253402300800n, "10000-01-01T00:00:00Z"],
  ])("%d seconds are %s", (seconds, text) => {
    const time = bytes(8, number(1, seconds), number(2, 999_999_999n));
    expect(metadataText(time)).toBe(`{\n    "creationTimestamp": "${text}"\n}\n`);
  });

  it("the zero time is left out, or null where the field must be there", () => {
    expect(metadataText(bytes(8))).toBe("{}\n");
    const event = decodeObject(stored("v1", "Event", bytes(1))).object;
    expect(event).toMatchObject({ eventTime: null, firstTimestamp: null, metadata: {} });
  });

  it("a MicroTime has six places", () => {
    const time = bytes(10, number(1, 0n), number(2, 1_999n));
    const event = decodeObject(stored("v1", "Event", time)).object;
    expect(event.eventTime).toBe("1970-01-01T00:00:00.000001Z");
  });

  it("a time that no calendar has is damage", () => {
    const value = stored("v1", "ConfigMap", bytes(1, bytes(8, number(1, 1n << 60n))));
    expect(() => decodeObject(value)).toThrow(/cannot be decoded: a time is out of range/);
  });
});

describe("durations", () => {
  // As Go's time.Duration prints them.
  it.each([
    [0n, "0s"],
    [1n, "1ns"],
    [1_100n, "1.1µs"],
    [2_200_000n, "2.2ms"],
    [3_300_000_000n, "3.3s"],
    [245_000_000_000n, "4m5s"],
    [245_001_000_000n, "4m5.001s"],
    [18_367_001_000_000n, "5h6m7.001s"],
    [480_000_000_001n, "8m0.000000001s"],
    [9_223_372_036_854_775_807n, "2562047h47m16.854775807s"],
    [-9_223_372_036_854_775_808n, "-2562047h47m16.854775808s"],
  ])("%d ns are %s", (nanos, text) => {
    expect(durationText(nanos)).toBe(text);
  });
});

describe("bytes, maps and what was never set", () => {
  it("a Secret's data is base64, an entry without a value null, an empty one empty", () => {
    const value = stored(
      "v1",
      "Secret",
      bytes(2, bytes(1, "full"), bytes(2, Buffer.from([0xff, 0x00]))),
      bytes(2, bytes(1, "empty"), bytes(2)),
      bytes(2, bytes(1, "nil")),
    );
    expect(decodeObject(value).object).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: {},
      data: { full: "/wA=", empty: "", nil: null },
    });
  });

  it("a label called __proto__ stays a label", () => {
    const label = bytes(11, bytes(1, "__proto__"), bytes(2, "x"));
    expect(metadataText(label)).toBe('{\n    "labels": {\n        "__proto__": "x"\n    }\n}\n');
  });

  it("an object without any field has what Go never leaves out", () => {
    expect(decodeObject(stored("rbac.authorization.k8s.io/v1", "Role")).object).toEqual({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: {},
      rules: null,
    });
    expect(decodeObject(stored("v1", "Pod")).object).toMatchObject({
      spec: { containers: null },
      status: {},
    });
  });

  it("a field of a newer Kubernetes is left out and named once", () => {
    const newer = Buffer.concat([number(999, 1n), bytes(998, "x"), number(999, 2n)]);
    const { object, unknownFields } = decodeObject(stored("v1", "Pod", bytes(2, newer)));
    expect(object.spec).toEqual({ containers: null });
    expect(unknownFields).toEqual(["core.v1.PodSpec field 999", "core.v1.PodSpec field 998"]);
  });
});
