/** "Exactly" means the bytes: a forged value fails although every CRC fits, and another encoding of the same is no difference. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, it } from "vitest";

import { encodeMessage } from "../../../etcd/wire/protobuf";
import {
  buildDatabase,
  etcdBuckets,
  storedEntry,
  type StoredRecord,
  type StoredVersion,
} from "../../support/bbolt-builder";
import { withCrc } from "../../support/forge";
import { plainCrc32c } from "../../support/plain-hash-kv";
import { temporaryDirectory } from "../../support/temporary";
import { check, findings, openSnapshot, prove, server } from "./stores";

const CLUSTER = [{ key: Buffer.from("clusterVersion"), value: Buffer.from("3.6.0") }];

/** A snapshot file with these records, and the server that was restored from it. */
async function stored(records: readonly StoredRecord[]) {
  const file = join(await temporaryDirectory(), "made.db");
  const { bytes } = buildDatabase({ buckets: etcdBuckets(records, { cluster: CLUSTER }) });
  await writeFile(file, bytes);
  return { snapshot: await openSnapshot(file), restored: await server({ snapshot: file }) };
}

it("finds a value that was forged so that its CRC, and with it HashKV, stays", async () => {
  const key = Buffer.from("/registry/secrets/shop/token");
  const record = { main: 2, key, value: Buffer.from("the real value of this key") };
  const genuine = storedEntry(record).value;
  // The value is the last field: the record's last four bytes are the value's.
  const start = genuine.length - record.value.length;
  const wrong = Buffer.concat([genuine.subarray(0, start), Buffer.from("another one, wholly fo")]);
  const forged = withCrc(wrong, plainCrc32c(genuine));
  expect(forged.length).toBe(genuine.length);

  const { snapshot } = await stored([record]);
  const { restored } = await stored([{ ...record, value: forged.subarray(start) }]);
  const report = await prove(snapshot, restored);
  expect(check(report, "hashkv").verdict).toBe("pass");
  expect(findings(report)).toEqual({ "read-back": "fail", "second-reader": "fail" });
  expect(report.differences.details).toEqual([
    { key: key.toString(), difference: "changed", fields: ["value"] },
  ]);
});

it("takes records that no etcd encodes like this for what they say", async () => {
  const plain = (main: number): StoredVersion => ({
    main,
    key: Buffer.from(`/k${main}`),
    value: Buffer.from(`value ${main}`),
  });
  const fields = ({ main, key, value = key }: StoredVersion) =>
    ({
      key: [1, key],
      create: [2, main],
      mod: [3, main],
      version: [4, 1],
      value: [5, value],
    }) as const;
  const reordered = ({ value, version, mod, create, key }: ReturnType<typeof fields>) =>
    encodeMessage([value, version, mod, create, key]);
  const explicitZero = (record: StoredVersion) =>
    Buffer.concat([storedEntry(record).value, Buffer.from([0x30, 0x00])]);
  const records = [
    { ...plain(2), stored: reordered(fields(plain(2))) },
    { ...plain(3), stored: explicitZero(plain(3)) },
    plain(4),
  ];
  const { snapshot, restored } = await stored(records);
  for (const level of ["standard", "full"] as const) {
    expect(findings(await prove(snapshot, restored, { level }))).toEqual({});
  }
  // And what is not the same is found all the same.
  const { restored: other } = await stored([
    {
      ...records[0],
      main: 2,
      key: Buffer.from("/k2"),
      stored: reordered(fields({ ...plain(2), value: Buffer.from("valuE 2") })),
    },
    ...records.slice(1),
  ]);
  const report = await prove(snapshot, other);
  expect(findings(report)).toEqual({
    hashkv: "fail",
    "read-back": "fail",
    "second-reader": "fail",
  });
  expect(report.differences.details).toEqual([
    { key: "/k2", difference: "changed", fields: ["value"] },
  ]);
});
