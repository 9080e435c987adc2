import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";

import { createScanner } from "../../../etcd/snapshot/scanner";
import { createWorkspace } from "../../support/kubernetes-fixtures";
import { plainCrc32c } from "../../support/plain-hash-kv";

const SOURCE = join(__dirname, "../../../etcd/snapshot/wasm");
const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

it("is what its AssemblyScript source compiles to, byte for byte", () => {
  const out = workspace.path("index.wasm");
  // As a program: its types would replace some of JavaScript's own throughout this project.
  execFileSync(process.execPath, [
    join(__dirname, "../../../node_modules/assemblyscript/bin/asc.js"),
    join(SOURCE, "index.ts"),
    ...["--config", join(SOURCE, "asconfig.json"), "--target", "release"],
    ...["--baseDir", SOURCE, "--outFile", out],
  ]);
  expect(readFileSync(out).equals(readFileSync(join(SOURCE, "index.wasm")))).toBe(true);
}, 180_000);

it("computes CRC-32C as the plain definition does, in one go and in parts", () => {
  const { scanner, memory } = createScanner();
  const address = scanner.ringStart();
  scanner.makeUsable(address + 20_000);
  const bytes = new Uint8Array(memory.buffer, address, 20_000);
  bytes.forEach((_, i) => (bytes[i] = (i * 31) ^ (i >> 3)));
  for (const length of [
    0, 1, 7, 15, 16, 17, 31, 32, 33, 255, 599, 600, 601, 623, 624, 1000, 4097, 20_000,
  ]) {
    const expected = plainCrc32c(bytes.subarray(0, length));
    expect(scanner.crc32c(0, address, address + length) >>> 0).toBe(expected);
    expect(scanner.crcOfRecord(address, address + length) >>> 0).toBe(expected);
    const half = length >> 1;
    const first = scanner.crc32c(0, address, address + half);
    expect(scanner.crc32c(first, address + half, address + length) >>> 0).toBe(expected);
  }
  // The check value of the polynomial's catalogue entry (CRC-32/ISCSI).
  bytes.set(Buffer.from("123456789"));
  expect(scanner.crc32c(0, address, address + 9) >>> 0).toBe(0xe3069283);
});
