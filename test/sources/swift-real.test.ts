/** Backups in a real Swift (Debian's packages): each layout, segmented objects, ranges, cuts, tokens that run out. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseBackup } from "../../sources/choose";
import { fetchBackup } from "../../sources/fetch";
import { listBackups } from "../../sources/listing";
import { readRange } from "../../sources/store";
import { openSwift } from "../../sources/swift";
import { startCuttingProxy } from "../support/cutting-proxy";
import { beginCommand } from "../support/lab";
import { canHaveSwift, startRealSwift, type RealSwift } from "../support/real-swift";
import { expectChoice } from "./expect-choice";
import { DB, TRAPS } from "./traps";

const NOW = new Date("2026-11-23T12:00:00Z");
const before = { ...process.env };
let swift: RealSwift;

async function put(name: string, bytes: Buffer | string, headers = {}, query = ""): Promise<void> {
  const path = name.split("/").map(encodeURIComponent).join("/");
  const answer = await swift.ask("PUT", `/${path}${query}`, bytes, headers);
  if (!answer.ok) throw new Error(`PUT ${name}: ${answer.status} ${await answer.text()}`);
}

/** Puts an object in pieces that lie in another container. */
async function putSegmented(name: string, kind: "dlo" | "slo", pieceBytes: number): Promise<void> {
  const segments: object[] = [];
  for (let at = 0; at < DB.length; at += pieceBytes) {
    const piece = DB.subarray(at, at + pieceBytes);
    const path = `segments/${kind}-${name.replaceAll("/", "-")}/${String(at).padStart(10, "0")}`;
    await put(path, piece);
    const etag = createHash("md5").update(piece).digest("hex");
    segments.push({ path: `/${path}`, etag, size_bytes: piece.length });
  }
  if (kind === "slo") await put(name, JSON.stringify(segments), {}, "?multipart-manifest=put");
  else {
    const manifest = `segments/${kind}-${name.replaceAll("/", "-")}/`;
    await put(name, "", { "x-object-manifest": manifest });
  }
}

async function fetchNewest(prefix: string) {
  const store = openSwift("backups", prefix);
  const { chosen } = await chooseBackup(store, await listBackups(store));
  if (chosen === undefined) throw new Error("nothing was chosen");
  const fetched = await fetchBackup(store, chosen, { firstWaitMs: 1 });
  const bytes = fs.readFileSync(fetched.file);
  fetched.dispose();
  return { bytes, chosen, resumed: fetched.resumed };
}

describe.skipIf(!canHaveSwift())(
  "backups in a real Swift (Debian's swift-proxy, -account, -container, -object and memcached; root)",
  () => {
    beforeAll(async () => {
      for (const name of Object.keys(process.env)) {
        if (name.startsWith("OS_")) Reflect.deleteProperty(process.env, name);
      }
      swift = await startRealSwift();
      Object.assign(process.env, swift.environment);
      for (const container of ["backups", "segments"]) await put(container, "");
    }, 300_000);

    afterAll(async () => {
      for (const name of Object.keys(swift.environment)) Reflect.deleteProperty(process.env, name);
      Object.assign(process.env, before);
      await swift.stop();
    });

    const cases = TRAPS.filter(({ onlyInFolder }) => onlyInFolder !== true);
    test.each(cases.map((trap, i) => ({ ...trap, i })))("$title", async (trap) => {
      for (const { path, bytes } of trap.objects)
        await put(`backups/t${trap.i}/one/${path}`, bytes);
      await put(`backups/t${trap.i}/other/etcd-2026-11-23.db`, DB);
      await expectChoice(openSwift("backups", `t${trap.i}/one`), trap, NOW);
    });

    test.each(["dlo", "slo"] as const)(
      "a segmented object (%s) is listed with its whole size, read whole, and in ranges across its pieces",
      async (kind) => {
        await putSegmented(`backups/${kind}/etcd-2026-11-22.db`, kind, 100_000);
        const { bytes, chosen } = await fetchNewest(kind);
        expect(chosen.bytes).toBe(DB.length);
        expect(bytes.equals(DB)).toBe(true);
        const store = openSwift("backups", kind);
        await listBackups(store);
        const range = { from: 99_990, to: 200_010 };
        const part = await readRange(store, "etcd-2026-11-22.db", range);
        expect(part.equals(DB.subarray(range.from, range.to))).toBe(true);
      },
    );

    test.each(["plain", "slo"] as const)(
      "an object (%s) over a line that is cut again and again arrives whole",
      async (kind) => {
        const name = `backups/cut-${kind}/etcd-2026-11-22.db`;
        if (kind === "plain") await put(name, DB);
        else await putSegmented(name, kind, 50_000);
        const proxy = await startCuttingProxy(swift.port, 100_000);
        swift.through(proxy.port);
        try {
          const { bytes, resumed } = await fetchNewest(`cut-${kind}`);
          expect(bytes.equals(DB)).toBe(true);
          expect(resumed).toBeGreaterThan(0);
          expect(proxy.cuts()).toBeGreaterThanOrEqual(resumed);
        } finally {
          swift.through(swift.port);
          await proxy.close();
        }
      },
    );

    test("a token that runs out between two requests is made anew", async () => {
      await put("backups/token/etcd-2026-11-22.db", DB);
      const store = openSwift("backups", "token");
      const { chosen } = await chooseBackup(store, await listBackups(store));
      await swift.forgetTokens();
      const fetched = chosen && (await fetchBackup(store, chosen));
      expect(fetched?.bytes).toBe(DB.length);
      fetched?.dispose();
    });

    test("an object that is replaced after it was listed is refused", async () => {
      await put("backups/replaced/etcd-2026-11-22.db", DB);
      const store = openSwift("backups", "replaced");
      const { chosen } = await chooseBackup(store, await listBackups(store));
      await put("backups/replaced/etcd-2026-11-22.db", DB.subarray(0, -1));
      await expect(chosen && fetchBackup(store, chosen)).rejects.toThrow(/changed since/);
    });

    test("the command line lists it, and says what is not there, never a password", async () => {
      await put("backups/cli/etcd-2026-11-22.db", DB);
      const run = (source: string, env = {}) =>
        beginCommand(["list", source], undefined, { ...swift.environment, ...env }).ended;
      expect(await run("swift://backups/cli")).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("etcd-2026-11-22.db") as string,
      });
      const missing = await run("swift://nothing/x");
      expect(missing).toMatchObject({ code: 2 });
      expect(missing.stderr).toContain("there is no");
      const wrong = await run("swift://backups/cli", { OS_PASSWORD: "wrong-one" });
      expect(wrong.code).not.toBe(0);
      expect(wrong.stderr + wrong.stdout).not.toMatch(/wrong-one|\n {4}at /);
    });
  },
);
