import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Ajv2020 } from "ajv/dist/2020";
import { describe, expect, it } from "vitest";

import { readManifest, type ManifestContent } from "../../../etcd/backup/manifest";
import { manifestJsonSchema } from "../../../etcd/backup/manifest-form";
import { manifestProblems, manifestReasons } from "../../../etcd/backup/manifest-problems";
import { keySha256Of, sealed } from "../../../etcd/backup/seal";
import { clusterIdentity } from "../../../etcd/kubernetes/cluster-identity";
import type { Snapshot } from "../../../etcd/snapshot/types";
import { temporaryDirectory } from "../../support/temporary";
import { fixture } from "../proof/stores";

function newKey(): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  return privateKey.export({ format: "pem", type: "pkcs8" }).toString();
}

/** A manifest with every field, that fits the snapshot. */
function manifestOf(snapshot: Snapshot): ManifestContent {
  const { revision, compactRevision } = snapshot;
  const id = BigInt.asUintN(64, snapshot.members[0]?.id ?? 0n).toString(16);
  const hashKv = snapshot.hashKv();
  return {
    schemaVersion: 1,
    tool: "etcd-restore 0.1.0",
    takenAt: "2026-11-29T12:00:00Z",
    sha256: snapshot.sha256,
    bytes: snapshot.bytes,
    source: {
      endpoint: "https://10.0.0.7:2379",
      clusterId: "fbf65111d8523f6b",
      memberId: id,
      memberName: "m1",
      etcdVersion: "3.6.16",
      ...{ revision, compactRevision, hashKv, hashKvRevision: revision },
    },
    members: [{ endpoint: "https://10.0.0.7:2379", name: "m1", role: "leader", revision }],
    kubernetes: clusterIdentity(snapshot.live),
  };
}

async function readBack(content: object) {
  const file = join(await temporaryDirectory(), "backup.db");
  writeFileSync(`${file}.json`, JSON.stringify(content));
  const manifest = readManifest(file);
  if (manifest === undefined) throw new Error("no manifest");
  return manifest;
}

/** Every field, as a path. */
function fieldsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([name, below]) => fieldsOf(below, [...path, name]));
}

function altered(content: object, path: readonly string[]): object {
  const copy = structuredClone(content);
  const [last = "", ...above] = [...path].reverse();
  let at: object = copy;
  for (const name of above.reverse()) at = Reflect.get(at, name) as object;
  const value: unknown = Reflect.get(at, last);
  const other =
    typeof value === "number"
      ? value + 1
      : String(value).replace(/[0-9a-z](?=[^0-9a-z]*$)/, (end) => (end === "1" ? "2" : "1"));
  Reflect.set(at, last, other);
  return copy;
}

describe("a manifest", () => {
  it("knows its cluster by the file's own content", async () => {
    const { uid, version, cluster } = clusterIdentity((await fixture("main")).live);
    expect(uid).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect({ version, cluster }).toEqual({
      version: expect.stringMatching(/^v1\.35\./) as string,
      cluster: "main",
    });
    expect(clusterIdentity((await fixture("events")).live).cluster).toBe("events");
  });

  it("that is signed fails when any one of its fields is altered, and names what the file contradicts", async () => {
    const snapshot = await fixture("main");
    const key = newKey();
    const content = sealed(manifestOf(snapshot), key);
    const witness = { snapshot, trustedKey: keySha256Of(key) };
    expect(manifestProblems(await readBack(content), witness)).toEqual([]);

    const named = new Set<string>();
    for (const path of fieldsOf(content)) {
      let found: readonly string[];
      try {
        found = manifestProblems(await readBack(altered(content, path)), witness).map(
          ({ field }) => field,
        );
      } catch (error) {
        found = [String(error)];
      }
      expect(found.join(), path.join(".")).toMatch(
        /signature|schemaVersion|role|takenAt|cluster|algorithm/,
      );
      for (const field of found) named.add(field);
    }
    for (const field of [
      "sha256",
      "bytes",
      "source.hashKv",
      "source.hashKvRevision",
      "source.memberId",
      "kubernetes.uid",
    ]) {
      expect(named).toContain(field);
    }
  });

  it("without a signature, of another file, or signed by another key is refused by name", async () => {
    const snapshot = await fixture("main");
    const [key, other] = [newKey(), newKey()];
    const trustedKey = keySha256Of(key);
    const reasons = async (content: object) =>
      manifestReasons(await readBack(content), { snapshot, trustedKey }).join();
    expect(await reasons(sealed(manifestOf(snapshot), key))).toBe("");
    expect(await reasons(manifestOf(snapshot))).toMatch(/signature is missing/);
    expect(await reasons(sealed(manifestOf(snapshot), other))).toMatch(
      /signature is of another key/,
    );
    const events = await fixture("events");
    const swapped = await reasons(sealed(manifestOf(events), key));
    expect(swapped).toMatch(
      /its sha256 is .*its bytes is .*kubernetes\.cluster is events.*was replaced/,
    );
    expect(manifestReasons(undefined, { snapshot, trustedKey }).join()).toMatch(
      /no manifest lies beside it/,
    );
    expect(manifestReasons(undefined, { snapshot })).toEqual([]);
  });

  it("has the form that manifest.schema.json tells other programs", async () => {
    const schema: unknown = JSON.parse(readFileSync("etcd/backup/manifest.schema.json", "utf8"));
    expect(schema).toEqual(manifestJsonSchema());
    const valid = new Ajv2020({ strict: false, validateFormats: false }).compile(
      manifestJsonSchema(),
    );
    const content = manifestOf(await fixture("main"));
    expect(valid(content)).toBe(true);
    expect(valid(sealed(content, newKey()))).toBe(true);
    const source = Object.fromEntries(
      Object.entries(content.source).filter(([name]) => name !== "hashKv"),
    );
    expect(valid({ ...content, source })).toBe(false);
    expect(valid({ ...content, source: { ...source, notComparable: "it moved on" } })).toBe(true);
    await expect(readBack({ ...content, source })).rejects.toThrow(/source\.hashKv/);
  });
});
