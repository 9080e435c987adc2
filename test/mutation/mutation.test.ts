/** A sample of `npm run mutation`, and whether the matrix itself can fail. */
import { expect, it } from "vitest";

import { plainCrc32c } from "../support/plain-hash-kv";
import { readBase } from "./base";
import { KINDS } from "./kinds";
import { ENCRYPTED } from "./kinds/encrypted";
import { FORGED, mendingBytes } from "./kinds/forged";
import { KMS } from "./kinds/kms";
import { USE } from "./kinds/use";
import { runMatrix } from "./matrix";
import { measureBits } from "./single-bits";
import { matrixTable } from "./table";

const SEED = 5;

it("takes no single bit on which a real etcd fails: eighty at random places, the sha256 made to fit", async () => {
  const { good } = readBase();
  const amounts = { bits: 80, group: 40, alone: 1, refused: 0 };
  const result = await measureBits({ file: good.file, version: "3.6", seed: SEED, ...amounts });
  expect(result.wrong).toEqual([]);
  expect(result.taken).toBeGreaterThan(40);
  expect(result.taken).toBeLessThan(80);
}, 120_000);

it("lets no mutant of a sample of all kinds pass as good", async () => {
  const options = { kinds: KINDS, seed: SEED, places: 4, sample: 14, atOnce: 2 };
  const rows = await runMatrix(options);
  expect(rows.flatMap(({ passed }) => passed)).toEqual([]);
  const judged = rows.reduce((sum, { mutants }) => sum + mutants, 0);
  expect(judged).toBe(14);
  expect(matrixTable(rows, 1)).toContain("14 mutants, 1 s");
});

it("has at least 40 kinds of damage, and calls out what only a manifest would know", async () => {
  expect(new Set(KINDS.map(({ id }) => id)).size).toBe(KINDS.length);
  expect(KINDS.length).toBeGreaterThanOrEqual(40);

  // Foreseen for this kind; were it not, the matrix would fail.
  const unseen = KINDS.filter(({ id }) => id === "lease-remaining");
  const unforeseen = unseen.map((kind) => ({ ...kind, manifestOnly: undefined }));
  const [row] = await runMatrix({ kinds: unforeseen, seed: SEED, places: 1, atOnce: 1 });
  expect(row?.caught).toMatchObject({ sha256: 3, manifest: 3 });
  expect(row?.passed).toHaveLength(3);
  expect(matrixTable(row ? [row] : [], 1)).toContain("PASSED: lease-remaining");
});

it("reads back what HashKV does not see: a value forged so that every CRC-32C stays", async () => {
  const forged = FORGED.filter(({ id }) => id === "forged-value");
  const [row] = await runMatrix({ kinds: forged, seed: SEED, places: 1, atOnce: 1 });
  expect(row?.caught).toMatchObject({ sha256: 1, hashkv: 0, "read-back": 1 });
  expect(row?.passed).toEqual([]);
});

it("names each encrypted value that is wrong, and no other: wrong and lost keys, moved, swapped, cut, a bit", async () => {
  const rows = await runMatrix({ kinds: ENCRYPTED, seed: SEED, places: 6, atOnce: 1 });
  expect(rows.flatMap(({ passed }) => passed)).toEqual([]);
  for (const { id, mutants, caught } of rows) {
    expect([id, caught.encryption]).toEqual([id, mutants]);
    expect(mutants).toBeGreaterThan(0);
  }
}, 120_000);

it("sees what a KMS plugin that is absent, slow, another or wrong leaves unread, and what has moved", async () => {
  const rows = await runMatrix({ kinds: KMS, seed: SEED, places: 3, atOnce: 1 });
  expect(rows.flatMap(({ passed }) => passed)).toEqual([]);
  for (const { id, mutants, caught } of rows)
    expect([id, caught.encryption]).toEqual([id, mutants]);
  expect(rows).toHaveLength(5);
}, 120_000);

it("names the object where a Kubernetes store is whole to etcd and good for no cluster", async () => {
  const rows = await runMatrix({ kinds: USE, seed: SEED, places: 6, atOnce: 1 });
  expect(rows.flatMap(({ passed }) => passed)).toEqual([]);
  for (const { id, mutants, caught } of rows) {
    expect([id, caught.other]).toEqual([id, mutants]);
    expect(mutants).toBeGreaterThan(0);
  }
}, 120_000);

it("forges what a CRC-32C does not see", () => {
  const message = Buffer.from("a value that is long enough to be forged");
  const forged = Buffer.from(message);
  const delta = Buffer.from([0x40]);
  const mended = mendingBytes(delta, 7);
  forged.writeUInt8((forged[3] ?? 0) ^ 0x40, 3);
  mended.forEach((byte, i) => forged.writeUInt8((forged[11 + i] ?? 0) ^ byte, 11 + i));
  expect(forged.equals(message)).toBe(false);
  expect(plainCrc32c(forged)).toBe(plainCrc32c(message));
});
