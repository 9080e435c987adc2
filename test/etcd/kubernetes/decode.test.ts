import { describe, expect, it } from "vitest";
import table from "../../../etcd/kubernetes/fields.json";
import {
  asKubectlShows,
  checkObject,
  decodeObject,
  UndecodableError,
} from "../../../etcd/kubernetes/decode";
import { type JsonObject, type JsonValue, isJsonObject } from "../../../etcd/kubernetes/json";
import { fieldsVersion, messageOfKind } from "../../../etcd/kubernetes/messages";
import { toJsonText } from "../../../etcd/kubernetes/print";
import { classify } from "../../../etcd/kubernetes/storage";
import { createRandom } from "../../support/random";
import { listedObjects, type StoredKey, storedKeys, testdataObjects } from "./truth";

/** The error that decoding gives. */
function failure(value: Uint8Array): UndecodableError {
  try {
    decodeObject(value);
  } catch (error) {
    if (error instanceof UndecodableError) return error;
    throw error;
  }
  throw new Error("decoded, though it should not");
}

function find(keys: readonly StoredKey[], key: string): StoredKey {
  const found = keys.find((candidate) => candidate.key === key);
  if (found === undefined) throw new Error(`no key ${key} in the fixture`);
  return found;
}

describe("objects of a real API server", () => {
  const expected = { main: 320, events: 295, encrypted: 367 } as const;
  it.each(["main", "events", "encrypted"] as const)(
    "are printed byte for byte as kubectl prints them: %s",
    (name) => {
      const objects = storedKeys(name).filter(({ kubectl }) => kubectl !== undefined);
      expect(objects).toHaveLength(expected[name]);
      for (const { key, value, modRevision, kubectl } of objects) {
        const { object, unknownFields } = decodeObject(value);
        expect(toJsonText(asKubectlShows(object, modRevision)), key).toBe(kubectl);
        expect(unknownFields, key).toEqual([]);
      }
    },
  );

  it.each([
    ["main", ["main", "events"], 613, 0],
    ["encrypted", ["encrypted"], 373, 8],
  ] as const)(
    "are the objects that it listed: %s, apiVersion, kind, namespace, name, uid, resourceVersion",
    (name, stores, total, encrypted) => {
      const keys = stores.flatMap(storedKeys);
      const decoded = keys
        .filter(({ kubectl }) => kubectl !== undefined)
        .map(({ value, modRevision }) => identity(decodeObject(value).object, modRevision));
      const listed = listedObjects(name).map((object) =>
        [
          object.group === "" ? object.version : `${object.group}/${object.version}`,
          ...[object.kind, object.namespace, object.name, object.uid, object.resourceVersion],
        ].join(" "),
      );
      expect(listed).toHaveLength(total);
      const missing = listed.filter((object) => !decoded.includes(object));
      expect(missing).toHaveLength(encrypted);
      expect(missing.filter((object) => !object.startsWith("v1 Secret "))).toEqual([]);
      // Nothing else is there but what the API server keeps for itself.
      expect(decoded.filter((object) => !listed.includes(object))).toEqual([
        expect.stringMatching(/^v1 Endpoints {4}\d+$/),
        expect.stringMatching(/^v1 RangeAllocation {4}\d+$/),
      ]);
    },
  );
});

/** A CustomResourceDefinition is stored as v1beta1 and served as v1. */
function identity({ apiVersion, kind, metadata }: JsonObject, modRevision: number): string {
  const meta = isJsonObject(metadata) ? metadata : {};
  const text = (value: JsonValue | undefined) => (typeof value === "string" ? value : "");
  return [
    text(apiVersion).replace("apiextensions.k8s.io/v1beta1", "apiextensions.k8s.io/v1"),
    ...[kind, meta.namespace, meta.name, meta.uid].map(text),
    String(modRevision),
  ].join(" ");
}

describe("Kubernetes' own test data", () => {
  const stored = testdataObjects().filter(
    ({ apiVersion, kind }) => messageOfKind(apiVersion, kind) !== undefined,
  );

  it.each(stored)("every field is decoded: $name", ({ name, value, json }) => {
    const { object, unknownFields } = decodeObject(value);
    const expected = JSON.stringify(sorted(json), null, 4).replace(
      /[<>]/g,
      (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
    );
    expect(toJsonText(object)).toBe(`${expected}\n`);
    // Both fields were taken out of DeviceTaintSelector in 1.35.
    const removed = ["DeviceTaintSelector field 1", "DeviceTaintSelector field 5"];
    expect(unknownFields).toEqual(
      name.startsWith("HEAD/") ? [] : removed.map((field) => `resource.v1alpha3.${field}`),
    );
  });

  it("has every kind that fields.json has but three that are never stored as protobuf, and those that came after it", () => {
    const kinds = Object.entries(table.groups).flatMap(([apiVersion, line]) =>
      line
        .split(" ")
        .slice(1)
        .map((kind) => `${apiVersion} ${kind}`),
    );
    const tested = new Set(stored.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`));
    expect(kinds.length).toBeGreaterThan(150);
    expect(kinds.filter((kind) => !tested.has(kind))).toEqual([
      // Of 1.37; a store of its API server holds some of them (test/boot/minors.test.ts).
      "admissionregistration.k8s.io/v1 MutatingAdmissionPolicy",
      "admissionregistration.k8s.io/v1 MutatingAdmissionPolicyBinding",
      "apiregistration.k8s.io/v1 APIService",
      "apiregistration.k8s.io/v1beta1 APIService",
      "authentication.k8s.io/v1alpha1 SelfSubjectReview",
      "certificates.k8s.io/v1 ClusterTrustBundle",
      "certificates.k8s.io/v1 PodCertificateRequest",
      "lifecycle.k8s.io/v1alpha1 Eviction",
      "lifecycle.k8s.io/v1alpha1 EvictionRequest",
      "resource.k8s.io/v1 DeviceTaintRule",
      "resource.k8s.io/v1alpha3 ResourcePoolStatusRequest",
      "resource.k8s.io/v1beta2 DeviceTaintRule",
      "scheduling.k8s.io/v1alpha3 CompositePodGroup",
      "scheduling.k8s.io/v1alpha3 PodGroup",
      "scheduling.k8s.io/v1alpha3 Workload",
      "scheduling.k8s.io/v1beta1 PodGroup",
      "scheduling.k8s.io/v1beta1 Workload",
      "storagemigration.k8s.io/v1 StorageVersionMigration",
    ]);
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

describe("what kubectl adds and hides", () => {
  const pod = () => find(storedKeys("main"), "/registry/pods/kube-system/etcd-master");

  it("the stored object has no resourceVersion, and its managedFields", () => {
    const { object } = decodeObject(pod().value);
    expect(object.metadata).not.toHaveProperty("resourceVersion");
    expect(object.metadata).toHaveProperty("managedFields");
  });

  it("managedFields are shown when asked for, and the stored object stays as it was", () => {
    const { object } = decodeObject(pod().value);
    const before = toJsonText(object);
    expect(asKubectlShows(object, 7n, true).metadata).toHaveProperty("managedFields");
    expect(asKubectlShows(object, 7n).metadata).toMatchObject({ resourceVersion: "7" });
    expect(toJsonText(object)).toBe(before);
  });
});

describe("what cannot be decoded is refused", () => {
  it("an encrypted Secret: provider and key are named, the value is not", () => {
    const secrets = storedKeys("encrypted").filter(
      ({ value }) => classify(value).kind === "encrypted",
    );
    expect(secrets).toHaveLength(8);
    const { reason, message } = failure(
      find(secrets, "/registry/secrets/shop/db-credentials").value,
    );
    expect(reason).toBe("encrypted");
    expect(message).toContain("secretbox v1 with key 'key2'");
  });

  it("a kind of another project: the kind is named", () => {
    const value = Buffer.concat([
      Buffer.from("k8s\0\n\x1b\n\x12route.openshift.io\x12\x05Route\x12\x02\n\0", "latin1"),
    ]);
    const { reason, message } = failure(value);
    expect(reason).toBe("unknown-kind");
    expect(message).toContain("route.openshift.io Route");
    expect(message).toContain(fieldsVersion);
  });

  it.each([
    ["text", "424"],
    ["binary", "\x01\x02"],
    ["binary", "k8s" + "\x01"],
    ["JSON but no Kubernetes object", '{"a": 1}'],
    ["JSON but no Kubernetes object", "{}"],
    ["names no kind", "k8s\0"],
    ["names no kind", "k8s\0\x12\x02\n\0"],
  ])("%s", (what, value) => {
    const { reason, message } = failure(Buffer.from(value, "latin1"));
    expect(reason).toBe("not-an-object");
    expect(message).toContain(what);
  });

  it("a value cut off anywhere is damaged, never an object", () => {
    const { value } = find(storedKeys("main"), "/registry/pods/kube-system/etcd-master");
    // The last fields of runtime.Unknown, contentEncoding and contentType, are empty: two bytes each.
    for (let length = 30; length < value.length - 4; length++) {
      expect(failure(value.subarray(0, length)).reason, `${length} bytes`).toBe("damaged");
    }
  });

  it("damage is told without the value", () => {
    const { value } = find(storedKeys("main"), "/registry/secrets/shop/db-credentials");
    const cut = failure(value.subarray(0, value.length - 40));
    expect(cut.message).toMatch(
      /^the value cannot be decoded: a field of \d+ bytes, where \d+ are left/,
    );
    const json = failure(Buffer.from('{"apiVersion": "v1", "secret": "hunter2'));
    expect(json.message).toBe(
      `the value cannot be decoded: no valid JSON: expected '"' at character 39 of 39`,
    );
  });
});

describe("an object that is only checked", () => {
  const values = [
    ...(["main", "events"] as const).flatMap((name) => storedKeys(name).map(({ value }) => value)),
    ...testdataObjects().map(({ value }) => value),
  ];
  const verdictOf = (read: (value: Buffer) => unknown, value: Buffer): string => {
    try {
      read(value);
      return "decodes";
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      return `${error.reason}: ${error.message}`;
    }
  };
  const outcome = (value: Buffer) => [
    verdictOf(checkObject, value),
    verdictOf(decodeObject, value),
  ];

  it("is found whole where decoding it works: every object of the stores and of Kubernetes' own test data", () => {
    expect(values.length).toBeGreaterThan(800);
    for (const value of values) {
      const [checked, decoded] = outcome(value);
      expect(checked).toBe(decoded);
    }
  });

  it("is refused where decoding it fails, and for the same reason: cut off, or with a byte turned, anywhere", () => {
    const random = createRandom("checked objects");
    const seen = new Set<string>();
    for (const value of values.filter(({ length }) => length > 20 && length < 20_000)) {
      const cut = value.subarray(0, 5 + random.below(value.length - 5));
      const turned = Buffer.from(value);
      const at = 4 + random.below(value.length - 4);
      turned[at] = (turned[at] ?? 0) ^ (1 + random.below(255));
      for (const damaged of [cut, turned]) {
        const [checked, decoded] = outcome(damaged);
        expect(checked).toBe(decoded);
        seen.add(checked?.split(":")[0] ?? "");
      }
    }
    expect([...seen].sort()).toEqual(["damaged", "decodes", "not-an-object", "unknown-kind"]);
  });
});
