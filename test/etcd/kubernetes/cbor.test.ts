/** Custom resources in CBOR, held against the examples of RFC 8949 (appendix A) and Kubernetes' own ways. */
import { describe, expect, it } from "vitest";

import { parseCbor } from "../../../etcd/kubernetes/cbor";
import { decodeObject, UndecodableError } from "../../../etcd/kubernetes/decode";
import { JsonNumber } from "../../../etcd/kubernetes/json";
import { WireError } from "../../../etcd/kubernetes/wire";
import { encodeMessage } from "../../../etcd/wire/protobuf";

const parse = (digits: string) => parseCbor(Buffer.from(digits, "hex"));

describe("CBOR", () => {
  it.each<readonly [string, unknown]>([
    ["00", 0],
    ["1818", 24],
    ["1a000f4240", 1_000_000],
    ["1bffffffffffffffff", new JsonNumber("18446744073709551615")],
    ["3863", -100],
    ["3bffffffffffffffff", new JsonNumber("-18446744073709551616")],
    ["f93c00", 1],
    ["f93e00", 1.5],
    ["f97bff", 65_504],
    ["f90001", 5.960464477539063e-8],
    ["f9c400", -4],
    ["fa47c35000", 100_000],
    ["fb3ff199999999999a", 1.1],
    ["f4", false],
    ["f5", true],
    ["f6", null],
    ["6449455446", "IETF"],
    ["4449455446", "IETF"], // as Kubernetes writes a string
    ["d6480102030405060708", "AQIDBAUGBwg="], // as it writes []byte
    ["62c3bc", "ü"],
    ["83010203", [1, 2, 3]],
    ["9f018202039f0405ffff", [1, [2, 3], [4, 5]]],
    ["a26161016162820203", { a: 1, b: [2, 3] }],
    ["bf61610161629f0203ffff", { a: 1, b: [2, 3] }],
    ["5f42616243636465ff", "abcde"],
    ["a1495f5f70726f746f5f5f01", JSON.parse('{"__proto__": 1}')],
    ["d9d9f7a0", {}],
  ])("%s is read", (digits, value) => {
    expect(parse(digits)).toEqual(value);
  });

  it.each([
    ["cut off", "19"],
    ["cut off", "83 01 02"],
    ["goes on", "0000"],
    ["a number as a name", "a10101"],
    ["a name twice", "a2616101616102"],
    ["infinite", "f97c00"],
    ["undefined", "f7"],
    ["no UTF-8", "41ff"],
    ["another tag", "c2420102"],
    ["a reserved length", "1c"],
    ["a break alone", "ff"],
    ["a huge length", "9bffffffffffffffff"],
    ["deeper than any", "81".repeat(5000)],
  ])("is refused: %s", (_, digits) => {
    expect(() => parse(digits.replaceAll(" ", ""))).toThrow(WireError);
  });

  it("is an object of Kubernetes where it names its type", () => {
    const text = (value: string) =>
      Buffer.concat([Buffer.from([0x40 + value.length]), Buffer.from(value)]);
    const value = Buffer.concat([
      Buffer.from("d9d9f7a3", "hex"),
      ...["apiVersion", "example.com/v1", "kind", "Widget", "spec"].map(text),
      Buffer.from("a1", "hex"),
      text("replicas"),
      Buffer.from("03", "hex"),
    ]);
    expect(decodeObject(value)).toEqual({
      apiVersion: "example.com/v1",
      kind: "Widget",
      object: { apiVersion: "example.com/v1", kind: "Widget", spec: { replicas: 3 } },
      unknownFields: [],
    });
    expect(() => decodeObject(value.subarray(0, -1))).toThrow(UndecodableError);
  });
});

it("of a kind that is gone from the API, type and metadata are known", () => {
  const type = encodeMessage([
    [1, "policy/v1beta1"],
    [2, "PodSecurityPolicy\u001b[31m"],
  ]);
  const metadata = encodeMessage([
    [1, "restricted"],
    [5, "uid-1"],
  ]);
  const raw = encodeMessage([[1, metadata]]);
  const value = Buffer.concat([
    Buffer.from("k8s\0"),
    encodeMessage([
      [1, type],
      [2, raw],
    ]),
  ]);
  let error: unknown;
  try {
    decodeObject(value);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(UndecodableError);
  const { known, message } = error as UndecodableError;
  expect(known).toMatchObject({
    apiVersion: "policy/v1beta1",
    metadata: { name: "restricted", uid: "uid-1" },
  });
  expect(message).toContain("PodSecurityPolicy\\u{1b}[31m");
});
