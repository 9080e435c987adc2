/** Backups in Swift: the traps, segmented objects, a token that runs out; against a server that speaks as its reference says. */
import * as fs from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chooseBackup } from "../../sources/choose";
import { fetchBackup } from "../../sources/fetch";
import { listBackups } from "../../sources/listing";
import { openSwift } from "../../sources/swift";
import { startSwift, type SwiftServer } from "../support/swift-server";
import { expectChoice } from "./expect-choice";
import { DB, TRAPS } from "./traps";

const NOW = new Date("2026-11-23T12:00:00Z");
const before = { ...process.env };
let server: SwiftServer;

beforeAll(async () => {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("OS_")) Reflect.deleteProperty(process.env, name);
  }
  server = await startSwift();
  Object.assign(process.env, server.environment);
});

afterAll(async () => {
  for (const name of Object.keys(server.environment)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, before);
  await server.close();
});

beforeEach(() => {
  server.objects.clear();
});

const put = (name: string, bytes: Buffer, kind: "plain" | "dlo" | "slo" = "plain") => {
  server.objects.set(name, { bytes, kind });
};

async function fetchNewest(prefix = "") {
  const store = openSwift("backups", prefix);
  const { chosen } = await chooseBackup(store, await listBackups(store));
  if (chosen === undefined) throw new Error("nothing was chosen");
  const fetched = await fetchBackup(store, chosen);
  const bytes = fs.readFileSync(fetched.file);
  fetched.dispose();
  return { bytes, name: fetched.name };
}

describe("backups in Swift", () => {
  test.each(TRAPS.filter(({ onlyInFolder }) => onlyInFolder !== true))("$title", async (trap) => {
    for (const { path, bytes } of trap.objects) put(`one/${path}`, bytes);
    put("other/etcd-2026-11-23.db", DB);
    await expectChoice(openSwift("backups", "one"), trap, NOW);
    expect(server.writes).toEqual([]);
  });

  test.each(["dlo", "slo"] as const)(
    "a segmented object (%s), which is listed with another size, is read whole",
    async (kind) => {
      const full = "v2/Full-00000000-00009002-1763700000";
      put(`shoot/${full}`, DB, kind);
      put(`shoot/${full}/0000000001`, DB.subarray(0, 100_000));
      put(`shoot/${full}/0000000002`, DB.subarray(100_000));
      const { bytes, name } = await fetchNewest("shoot");
      expect(bytes.equals(DB)).toBe(true);
      expect(name).toBe(`swift://backups/shoot/${full}`);
    },
  );

  test("a token that runs out between two requests is made anew", async () => {
    put("etcd-2026-11-22.db", DB);
    const store = openSwift("backups", "");
    const { chosen } = await chooseBackup(store, await listBackups(store));
    server.expireTokens();
    const fetched = chosen && (await fetchBackup(store, chosen));
    expect(fetched?.bytes).toBe(DB.length);
    fetched?.dispose();
  });

  test("more objects than a page of ten thousand", async () => {
    for (let i = 0; i < 10_050; i++) put(`etcd-${1_700_000_000 + i}.db`, Buffer.from("x"));
    const { backups } = await listBackups(openSwift("backups", ""));
    expect(backups).toHaveLength(10_050);
  });

  test("a container that is not there, and a password that is wrong", async () => {
    await expect(listBackups(openSwift("nothing", ""))).rejects.toThrow(
      "there is no container nothing in this project",
    );
  });
});
