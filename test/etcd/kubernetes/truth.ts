import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const FIXTURES = join(__dirname, "../../fixtures");

/** Reads a fixture that is JSON, gzipped. */
function readGzippedJson(file: string): unknown {
  return JSON.parse(gunzipSync(readFileSync(join(FIXTURES, file))).toString()) as unknown;
}

/** A live key of a snapshot; golden/README.md says where this comes from. */
export interface StoredKey {
  readonly key: string;
  readonly modRevision: number;
  readonly value: Buffer;
  /** What `kubectl get -o json` prints; undefined for values that are no plain object. */
  readonly kubectl: string | undefined;
}

interface StoredKeyJson {
  readonly key: string;
  readonly modRevision: number;
  readonly value: string;
  readonly json?: string;
}

/** The live keys of `kubernetes-1.35-NAME.db`, with what Kubernetes' own code says of their values. */
export function storedKeys(name: "main" | "events" | "encrypted"): readonly StoredKey[] {
  const keys = readGzippedJson(`kubernetes-1.35-${name}.decoded.json.gz`) as StoredKeyJson[];
  return keys.map(({ key, modRevision, value, json }) => ({
    key: Buffer.from(key, "base64").toString(),
    modRevision,
    value: Buffer.from(value, "base64"),
    kubectl: json,
  }));
}

/** An object as the API server listed it. */
export interface ListedObject {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** What the API server listed just before the snapshot; main's list has the objects of events too. */
export function listedObjects(name: "main" | "encrypted"): readonly ListedObject[] {
  return readGzippedJson(`kubernetes-1.35-${name}.db.objects.json.gz`) as ListedObject[];
}

/** An object of Kubernetes' own test data, in both encodings. */
export interface TestdataObject {
  /** Version of Kubernetes (`HEAD` is 0.35.4) and name of the file. */
  readonly name: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly value: Buffer;
  readonly json: unknown;
}

/** Kubernetes' own test data. */
export function testdataObjects(): readonly TestdataObject[] {
  const objects = readGzippedJson("kubernetes-api.testdata.json.gz") as {
    readonly name: string;
    readonly value: string;
    readonly json: unknown;
  }[];
  return objects.map(({ name, value, json }) => {
    const [, group = "", version = "", kind = ""] =
      /\/([\w.-]+)\.(v\d\w*)\.(\w+)$/.exec(name) ?? [];
    const apiVersion = group === "core" ? version : `${group}/${version}`;
    return { name, apiVersion, kind, value: Buffer.from(value, "base64"), json };
  });
}
