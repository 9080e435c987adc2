/** Backups in a real S3 store (versitygw): the traps, what is refused, cuts, and what must not be told. */
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { S3Client } from "@aws-sdk/client-s3";
import { chooseBackup } from "../../sources/choose";
import { fetchBackup } from "../../sources/fetch";
import { listBackups } from "../../sources/listing";
import { openS3 } from "../../sources/s3";
import { startCuttingProxy } from "../support/cutting-proxy";
import { writeLargeSnapshot } from "../support/large-snapshot";
import { temporaryDirectory } from "../support/temporary";
import {
  canHaveVersitygw,
  ensureVersitygw,
  startVersitygw,
  type S3Server,
} from "../support/versitygw";
import { expectChoice } from "./expect-choice";
import { DB, NOTED, TRAPS } from "./traps";

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
const run = promisify(execFile);
const BUCKET = "backups";
const NOW = new Date("2026-11-23T12:00:00Z");
const CHILD = path.join(__dirname, "..", "support", "fetch-child.cjs");
const CLI = path.join(__dirname, "..", "..", "scripts", "etcd-restore.cjs");

let server: S3Server | undefined;
let client: S3Client | undefined;
let put: (
  key: string,
  body: Buffer | fs.ReadStream,
  notes?: Record<string, string>,
) => Promise<void>;
let folder: string | undefined;
const before: Record<string, string | undefined> = {};

beforeAll(async () => {
  if (!canHaveVersitygw()) return;
  const program = await ensureVersitygw();
  folder = fs.mkdtempSync(path.join(tmpdir(), "etcd-restore-s3-"));
  server = await startVersitygw(program, folder);
  for (const [name, value] of Object.entries(server.environment)) {
    before[name] = process.env[name];
    process.env[name] = value;
  }
  const sdk = await import("@aws-sdk/client-s3");
  client = new sdk.S3Client({ forcePathStyle: true, requestChecksumCalculation: "WHEN_REQUIRED" });
  const made = client;
  await made.send(new sdk.CreateBucketCommand({ Bucket: BUCKET }));
  put = async (key, body, notes = {}) => {
    const length = Buffer.isBuffer(body) ? body.length : fs.statSync(body.path).size;
    await made.send(
      new sdk.PutObjectCommand({
        ...{ Bucket: BUCKET, Key: key, Body: body, ContentLength: length, Metadata: notes },
      }),
    );
  };
}, 1_800_000);

afterAll(async () => {
  client?.destroy();
  await server?.stop();
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
  if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
});

/** The command line in a process of its own, against the store. */
async function cli(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const options = { env: { ...process.env, NO_COLOR: "1", ...env } };
  const ended = (stdout: string, stderr: string, code: number) => ({ stdout, stderr, code });
  return run(process.execPath, [CLI, ...args], options).then(
    ({ stdout, stderr }) => ended(stdout, stderr, 0),
    (error: unknown) => {
      const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
      return ended(stdout, stderr, code);
    },
  );
}

describe.skipIf(!canHaveVersitygw())(
  "backups in S3 (versitygw, which it takes Go to build)",
  () => {
    const cases = [...TRAPS, ...NOTED].filter(({ onlyInFolder }) => onlyInFolder !== true);
    test.each(cases.map((trap, i) => ({ ...trap, i })))("$title", async (trap) => {
      for (const { path: name, bytes, notes } of trap.objects) {
        await put(`trap-${trap.i}/${name}`, bytes, notes);
      }
      const store = openS3(BUCKET, `trap-${trap.i}`);
      await expectChoice(store, trap, NOW);
      store.close();
    });

    test("more objects than a page of a thousand, each listed once", async () => {
      // Where the server keeps them: what it lists is the matter, and not how they came there.
      const many = path.join(folder ?? "", BUCKET, "many");
      fs.mkdirSync(many);
      for (let i = 0; i < 1_105; i++)
        fs.writeFileSync(path.join(many, `etcd-${1_700_000_000 + i}.db`), "x");
      const store = openS3(BUCKET, "many/");
      const { backups } = await listBackups(store);
      store.close();
      expect(new Set(backups.map((backup) => backup.path)).size).toBe(1_105);
      expect(backups[0]?.path).toBe("etcd-1700001104.db");
    });

    test("a prefix is a folder before it is the beginning of a name", async () => {
      await put("etcd/2026-11-21.db", DB);
      await put("etcd-events/2026-11-22.db", DB);
      const listed = async (prefix: string) => {
        const store = openS3(BUCKET, prefix);
        const { backups } = await listBackups(store);
        store.close();
        return backups.map((backup) => store.nameOf(backup.path));
      };
      expect(await listed("etcd")).toEqual(["s3://backups/etcd/2026-11-21.db"]);
      expect(await listed("etcd-ev")).toEqual(["s3://backups/etcd-events/2026-11-22.db"]);
      expect(await listed("etcd/2026-11-21.db")).toEqual(["s3://backups/etcd/2026-11-21.db"]);
    });

    test("inspect, ls, get and diff take what lies there, in its name, and leave nothing", async () => {
      const tmp = await temporaryDirectory();
      const fixtures = path.join(__dirname, "..", "fixtures");
      await put(
        "cli/etcd-2026-11-22.db.gz",
        fs.readFileSync(path.join(fixtures, "kubernetes-1.35-main.db.gz")),
      );
      const env = { TMPDIR: tmp };
      const inspected = await cli(["inspect", "s3://backups/cli", "--json"], env);
      expect(inspected.code).toBe(0);
      expect(JSON.parse(inspected.stdout)).toMatchObject({
        file: "s3://backups/cli/etcd-2026-11-22.db.gz",
        verdict: "restorable",
      });
      expect(inspected.stderr).toContain("s3://backups/cli/etcd-2026-11-22.db.gz of 2026-11-22");
      expect(inspected.stderr).not.toContain("NodeVersionSupportWarning");
      const listed = await cli(["ls", "/registry/namespaces/", "s3://backups/cli"], env);
      expect(listed.stdout).toContain("/registry/namespaces/kube-system\n");
      const key = "/registry/namespaces/default";
      const got = await cli(["get", key, "--file", "s3://backups/cli/etcd-2026-11-22.db.gz"], env);
      expect(JSON.parse(got.stdout)).toMatchObject({ kind: "Namespace" });
      const local = path.join(fixtures, "kubernetes-1.35-main.db");
      expect((await cli(["diff", local, "s3://backups/cli"], env)).code).toBe(0);
      expect(fs.readdirSync(tmp)).toEqual([]);
    });

    test("a database that is damaged early is refused before the rest is fetched", async () => {
      const directory = await temporaryDirectory();
      const file = path.join(directory, "large.db");
      const bytes = writeLargeSnapshot(file, DB, 10_000);
      for (const [name, at] of [
        ["meta", 16],
        ["page", 4096 * rootPageOf(DB) + 8],
      ] as const) {
        const damaged = fs.readFileSync(file);
        if (name === "meta") damaged.fill(0xff, 0, 8192);
        else damaged.writeUInt16LE(0x77, at);
        await put(`damaged/${name}.db`, damaged);
        const proxy = await startCuttingProxy(server?.port ?? 0, Infinity);
        process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${proxy.port}`;
        try {
          const store = openS3(BUCKET, `damaged/${name}.db`);
          const listing = await listBackups(store);
          const { chosen } = await chooseBackup(store, listing);
          const fetching = chosen === undefined ? undefined : fetchBackup(store, chosen);
          await expect(fetching).rejects.toThrow(
            name === "meta"
              ? /s3:\/\/backups\/damaged\/meta\.db: /
              : /page \d+, byte \d+: the page's flags are 0x77/,
          );
          store.close();
          expect(proxy.passed()).toBeLessThan(bytes / 4);
        } finally {
          process.env.AWS_ENDPOINT_URL = server?.environment.AWS_ENDPOINT_URL;
          await proxy.close();
        }
      }
    });

    test("400 MB over a line that is cut twenty times arrive whole, in memory that has no room for them", async () => {
      const directory = await temporaryDirectory();
      const file = path.join(directory, "large.db");
      const bytes = writeLargeSnapshot(file, DB, 100_000);
      await put("large/etcd-2026-11-22.db", fs.createReadStream(file));
      const { stdout: sums } = await run("sha256sum", [file]);
      fs.rmSync(file);
      const fetched = async (name: string, bytesOfLine: number) => {
        const proxy = await startCuttingProxy(server?.port ?? 0, bytesOfLine);
        const env = { ...process.env, AWS_ENDPOINT_URL: `http://127.0.0.1:${proxy.port}` };
        const { stdout } = await run(process.execPath, [CHILD, `s3://backups/${name}`], { env });
        await proxy.close();
        return {
          end: JSON.parse(stdout) as Record<string, number | string>,
          cuts: proxy.cuts(),
        };
      };
      // What a first run compiles is compiled, also what a cut needs: the compiler alone takes 40 MB.
      await put("small/etcd-2026-11-22.db", DB);
      expect((await fetched("small", DB.length / 1.5)).end.resumed).toBe(1);
      const { end, cuts } = await fetched("large", bytes / 20.5);
      expect(end).toMatchObject({ bytes, sha256: sums.split(" ")[0] });
      expect(cuts).toBeGreaterThanOrEqual(20);
      expect(end.resumed).toBeGreaterThanOrEqual(20);
      expect(end.peakMegabytes).toBeLessThan(120);
    }, 300_000);

    test("a line that brings nothing any more ends with where it was", async () => {
      await put("dead/etcd-2026-11-22.db", DB);
      const proxy = await startCuttingProxy(server?.port ?? 0, 150_000);
      process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${proxy.port}`;
      const store = openS3(BUCKET, "dead/etcd-2026-11-22.db");
      const [chosen] = (await listBackups(store)).backups;
      // What comes after the first cut is cut at once.
      const fetching = fetchBackup(
        { ...store, open: failingAfter(store, 1) },
        chosen ?? { path: "", object: { path: "", bytes: 0 } },
        { firstWaitMs: 1 },
      );
      await expect(fetching).rejects.toThrow(
        /the connection was cut at .* of 280 KiB, and 6 attempts/,
      );
      process.env.AWS_ENDPOINT_URL = server?.environment.AWS_ENDPOINT_URL;
      store.close();
      await proxy.close();
    });

    test("an object that is replaced while it is fetched is refused, not blended", async () => {
      await put("replaced/etcd-2026-11-22.db", DB);
      const store = openS3(BUCKET, "replaced");
      const [chosen] = (await listBackups(store)).backups;
      await put(
        "replaced/etcd-2026-11-22.db",
        Buffer.concat([DB.subarray(0, -1), Buffer.from("x")]),
      );
      await expect(chosen && fetchBackup(store, chosen)).rejects.toThrow(
        /changed since it was listed/,
      );
      store.close();
    });

    test("a kept file is used again as long as the store says that it is the same", async () => {
      const keepIn = path.join(await temporaryDirectory(), "fetched");
      const fetch = async () => {
        const store = openS3(BUCKET, "kept");
        const listing = await listBackups(store);
        const { chosen } = await chooseBackup(store, listing);
        const fetched =
          chosen === undefined ? undefined : await fetchBackup(store, chosen, { keepIn });
        store.close();
        return fetched;
      };
      await put("kept/etcd-2026-11-21.db", DB);
      const first = await fetch();
      expect(first).toMatchObject({ isKept: false });
      expect(fs.statSync(first?.file ?? "").mode & 0o777).toBe(0o600);
      expect(await fetch()).toMatchObject({ isKept: true, file: first?.file });
      // Not what was fetched any more: it is fetched again.
      fs.appendFileSync(first?.file ?? "", "x");
      expect(await fetch()).toMatchObject({ isKept: false });
      await put("kept/etcd-2026-11-22.db", DB);
      const next = await fetch();
      expect(path.basename(next?.file ?? "")).toBe("etcd-2026-11-22.db");
      expect(fs.readdirSync(keepIn)).toHaveLength(1);
    });

    test.each([
      ["no such bucket", ["list", "s3://not-there/x"], {}, 2, "there is no bucket not-there"],
      [
        "a wrong secret",
        ["list", "s3://backups/x"],
        { AWS_SECRET_ACCESS_KEY: "wrong-one" },
        2,
        "does not accept these credentials",
      ],
      [
        "no credentials",
        ["list", "s3://backups/x"],
        {
          AWS_ACCESS_KEY_ID: "",
          AWS_SECRET_ACCESS_KEY: "",
          AWS_EC2_METADATA_DISABLED: "true",
          HOME: "/nowhere",
        },
        2,
        "no credentials were found: set AWS_PROFILE",
      ],
      [
        "nobody there",
        ["list", "s3://backups/x"],
        { AWS_ENDPOINT_URL: "http://127.0.0.1:9" },
        3,
        "cannot be reached",
      ],
      ["nothing there", ["list", "s3://backups/nothing-here"], {}, 1, "0 backups, 0 complete"],
      [
        "nothing to inspect",
        ["inspect", "s3://backups/nothing-here"],
        {},
        1,
        "holds no backup: nothing lies there",
      ],
      ["no bucket in it", ["list", "s3://"], {}, 2, "names no bucket"],
      [
        "credentials in it",
        ["list", "s3://KEY:SECRET@backups/x"],
        {},
        2,
        "Credentials never stand in it",
      ],
    ])("%s is said, and never a secret", async (_, args, env, code, words) => {
      const ended = await cli(args, env);
      expect(ended).toMatchObject({ code });
      expect(ended.stderr).toContain(words);
      expect(ended.stderr + ended.stdout).not.toMatch(/SECRET@|wrong-one|not-a-secret|\n {4}at /);
    });
  },
);

/** As bbolt chooses it: the root of the meta page with the greater transaction. */
function rootPageOf(database: Buffer): number {
  const [first = 0n, second = 0n] = [16, 4096 + 16].map((at) => database.readBigUInt64LE(at + 48));
  return Number(database.readBigUInt64LE((second > first ? 4096 : 0) + 16 + 16));
}

type Open = ReturnType<typeof openS3>["open"];

function failingAfter(store: { readonly open: Open }, good: number): Open {
  let opened = 0;
  return (...args) => {
    opened += 1;
    return opened > good ? Promise.reject(new Error("read ECONNRESET")) : store.open(...args);
  };
}
