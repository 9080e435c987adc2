import { afterAll, expect, it } from "vitest";

import { describedStretches, storedForms } from "../../../etcd/inspect/stretches";
import { describeKey } from "../../../etcd/kubernetes/key";
import { objectType } from "../../../etcd/kubernetes/object-type";
import { classify } from "../../../etcd/kubernetes/storage";
import { encodeMessage } from "../../../etcd/wire/protobuf";
import { readSnapshot } from "../../../etcd/snapshot/snapshot";
import { buildDatabase, etcdBuckets } from "../../support/bbolt-builder";
import {
  createWorkspace,
  KUBERNETES_SNAPSHOTS,
  snapshotBytes,
} from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

/** Compares with what each key and each whole value say by themselves. */
async function expectAsEachSays(name: string, bytes: Uint8Array): Promise<void> {
  const snapshot = await readSnapshot(workspace.write(name, bytes));
  try {
    const { live } = snapshot;
    const formOf = storedForms(live);
    let next = 0;
    for (const { first, end, described } of describedStretches(live)) {
      expect(first).toBe(next);
      for (next = first; next < end; next++) {
        const key = live.key(next).toString();
        const own = describeKey(key);
        expect({ ...described, name: "" }, key).toEqual({ ...own, name: "" });
        expect(described === undefined, key).toBe(own === undefined);
        const value = live.value(next).subarray(0, 512);
        const encoding = classify(value);
        const form = formOf(next);
        const isObject = encoding.kind !== "text" && encoding.kind !== "binary";
        if (isObject) expect(form.encoding, key).toEqual(encoding);
        else expect(["text", "binary"], key).toContain(form.encoding.kind);
        expect(form.type, key).toEqual(objectType(value, encoding.kind));
      }
    }
    expect(next).toBe(live.count);
  } finally {
    snapshot.close();
  }
}

it.each(KUBERNETES_SNAPSHOTS)("counts together only what says the same: %s", (name) =>
  expectAsEachSays(name, snapshotBytes(name)),
);

const typed = (apiVersion: string, kind: string) =>
  Buffer.concat([
    Buffer.from("k8s\0"),
    encodeMessage([
      [
        1,
        encodeMessage([
          [1, Buffer.from(apiVersion)],
          [2, Buffer.from(kind)],
        ]),
      ],
      [2, Buffer.from("raw")],
    ]),
  ]);

/** Beginnings that real stores have, and some that none should. */
const VALUES = [
  typed("v1", "Pod"),
  typed("apps/v1", "Deployment"),
  typed("", ""),
  typed("v1", "K".repeat(300)),
  Buffer.concat([Buffer.from("k8s\0"), encodeMessage([[2, Buffer.from("raw before type")]])]),
  Buffer.from("k8s\0"),
  Buffer.from("k8s\0\n"),
  Buffer.from("k8s\0\n\x7fcut"),
  Buffer.from("k8s"),
  Buffer.from("k8s:enc:aescbc:v1:key1:0123456789"),
  Buffer.from("k8s:enc:aescbc:v1:key2:0123456789"),
  Buffer.from("k8s:enc:kms:v2:plugin:…"),
  Buffer.from("k8s:enc:no end of a header"),
  Buffer.from(`k8s:enc:aescbc:v1:${"n".repeat(300)}:behind a long name`),
  Buffer.from('{"apiVersion":"a.b/v1","kind":"Widget","metadata":{}}'),
  Buffer.from('{"kind":"Widget","apiVersion":"a.b/v2","metadata":{}}'),
  Buffer.from('{ "kind" : "Widget" , "apiVersion" : "a.b/v3" }'),
  Buffer.from('{"metadata":{"name":"x"},"apiVersion":"a.b/v4","kind":"Late"}'),
  Buffer.from('{"apiVersion":"a\\"b","kind":"Escaped"}'),
  Buffer.from('{"apiVersion":"a.b/v5"}'),
  Buffer.from('{"apiVersion":7,"kind":"Number","a":"b","c":"d"}'),
  Buffer.from("{}"),
  Buffer.from("{"),
  Buffer.from('{not json, with four "a" "b" "c" "d"'),
  Buffer.from([0xd9, 0xd9, 0xf7, 0xa1]),
  Buffer.from([0xd9, 0xd9]),
  Buffer.from("1234"),
  Buffer.from([0, 1, 2, 3, 4, 5]),
  Buffer.alloc(0),
];
const FOLDERS = [
  ...["/registry/pods/shop/", "/registry/pods/", "/registry/a.b/widgets/ns/"],
  ...["/registry/a.b/widgets/", "/registry/masterleases/", "/registry/ranges/"],
  ...["/registry/services/", "/registry/services/specs/ns/", "/registry/services/endpoints/"],
  ...["/registry/minions/", "/registry/pods/shop/deeper/", "/registry//x/y/", "/other/a/b/c/"],
  ...["", "/", "/registry/"],
];

it("knows every beginning of a value and every depth of a folder", async () => {
  const keys = FOLDERS.flatMap((folder) => [
    ...(folder === "" ? [] : [folder]),
    ...["endpoints", "masterleases", "specs"].map((name) => `${folder}${name}`),
    ...VALUES.map((_, i) => `${folder}object-${i}`),
  ]);
  const versions = [...new Set(keys)].map((key, i) => ({
    main: i + 2,
    key: Buffer.from(key),
    value: VALUES[i % VALUES.length] ?? Buffer.alloc(0),
  }));
  await expectAsEachSays("all.db", buildDatabase({ buckets: etcdBuckets(versions) }).bytes);
});

it("looks at the values where a store has more beginnings than it keeps", async () => {
  const versions = Array.from({ length: 3000 }, (_, i) => ({
    main: i + 2,
    key: Buffer.from(`/registry/pods/shop/pod-${i}`),
    value: typed(`group-${i}/v1`, "Pod"),
  }));
  await expectAsEachSays("many.db", buildDatabase({ buckets: etcdBuckets(versions) }).bytes);
});
