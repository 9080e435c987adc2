/** Backups that are encrypted with age, as talos-backup writes them: opened with their identity, which is never told. */
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AGE_IDENTITY } from "../../etcd/backup/age-identity";
import { openDrills, type Drills } from "../support/drills";
import { snapshotBytes } from "../support/kubernetes-fixtures";
import { beginCommand } from "../support/lab";

const BYTES = snapshotBytes("kubernetes-1.35-main.db");
const NAME = "prod-2026-11-22T03:00:00Z.snap";
const RESTORABLE = { verdict: "restorable" };

let drills: Drills;
let folder: string;
let identity: string;
let secret: string;
let encrypt: (bytes: Buffer) => Promise<Buffer>;

beforeAll(async () => {
  drills = openDrills();
  folder = drills.path("backups");
  fs.mkdirSync(folder);
  const age = await import("age-encryption");
  secret = await age.generateIdentity();
  const recipient = await age.identityToRecipient(secret);
  identity = write("key.txt", `# created: 2026-11-22\n# public key: ${recipient}\n${secret}\n`);
  encrypt = async (bytes) => {
    const encrypter = new age.Encrypter();
    encrypter.addRecipient(recipient);
    return Buffer.from(await encrypter.encrypt(bytes));
  };
});
afterAll(() => {
  drills.close();
});

function write(name: string, content: Buffer | string): string {
  fs.writeFileSync(drills.path(name), content);
  return drills.path(name);
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const ended = await beginCommand(args, undefined, env).ended;
  expect(ended.stdout + ended.stderr).not.toMatch(/AGE-SECRET-KEY-1[A-Z0-9]|\n {4}at /);
  return ended;
}

describe("a backup that is encrypted with age", () => {
  test("is passed over without an identity, which is said, and is the newest with one", async () => {
    const file = path.join(folder, `${NAME}.age`);
    fs.writeFileSync(file, await encrypt(BYTES));
    fs.utimesSync(file, 1_700_000_000, 1_700_000_000);
    const without = await run(["list", folder]);
    expect(without).toMatchObject({ code: 1 });
    expect(without.stdout).toMatch(/encrypted with age: .*--age-identity/);
    for (const [flags, env] of [
      [["--age-identity", identity], {}],
      [[], { [AGE_IDENTITY]: identity }],
    ] as const) {
      const { code, stdout } = await run(["list", folder, ...flags, "--json"], env);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ chosen: file, backups: [{ layout: "talos" }] });
    }
  });

  test("is inspected as it lies there, or packed inside, and read by ls and get", async () => {
    const plain = write(`${NAME}.age`, await encrypt(BYTES));
    const packed = write(`${NAME}.gz.age`, await encrypt(gzipSync(BYTES)));
    for (const [file, format] of [
      [plain, "age"],
      [packed, "gzip in age"],
    ] as const) {
      const { code, stdout } = await run(["inspect", file, "--age-identity", identity, "--json"]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ ...RESTORABLE, container: { format } });
    }
    const env = { [AGE_IDENTITY]: identity };
    const listed = await run(["ls", "/registry/namespaces/", plain], env);
    expect(listed.stdout).toContain("/registry/namespaces/kube-system\n");
  });

  test("is restored and proved by a drill; its key stands in nothing that the drill leaves", async () => {
    // The engine works in another folder than the one that is typed in.
    const relative = path.relative(process.cwd(), identity);
    const from = ["--from", folder, "--age-identity", relative];
    const kept = drills.begin("drill", ...from, "--level", "quick", "--keep", "1h");
    const { code, stderr } = await kept.ended;
    expect(code, stderr).toBe(0);
    expect(kept.report()).toMatchObject({ verdict: "pass", snapshot: { keys: 337 } });
    const grep = ["-rlF", secret, drills.home, kept.reports];
    expect(spawnSync("grep", grep, { encoding: "utf8" }).stdout).toBe("");
    expect((await drills.begin("sweep", kept.name()).ended).code).toBe(0);
    expect(drills.left()).toEqual([]);
  }, 240_000);

  test.each<[string, (good: Buffer) => Buffer, RegExp]>([
    ["cut in the middle", (good) => good.subarray(0, 700_001), /damaged or cut off/],
    ["cut between two chunks", (good) => good.subarray(0, cutAt(good, 3)), /damaged or cut off/],
    ["cut in its header", (good) => good.subarray(0, 60), /end of its header is not there/],
    ["with a bit that is wrong", (good) => flipped(good, 500_000), /damaged or cut off/],
    ["with a header that was altered", (good) => flipped(good, 60), /damaged|encrypted for/],
    ["with bytes behind its end", (good) => Buffer.concat([good, BYTES]), /damaged or cut off/],
  ])("%s is refused", async (title, spoil, words) => {
    const name = `${title.replaceAll(" ", "-")}.age`;
    const file = write(name, spoil(await encrypt(BYTES)));
    const { code, stderr } = await run(["inspect", file, "--age-identity", identity]);
    expect(code).toBe(2);
    expect(stderr).toMatch(words);
  });

  test("another key is said to be none of its own", async () => {
    const file = write("other.age", await encrypt(BYTES));
    const age = await import("age-encryption");
    const other = write("other.txt", `${await age.generateIdentity()}\n`);
    const { code, stderr } = await run(["inspect", file, "--age-identity", other]);
    expect(code).toBe(2);
    expect(stderr).toContain("none of the identities is one that it was encrypted for");
  });

  test.each<[string, () => string, RegExp]>([
    ["that is not there", () => drills.path("nothing.txt"), /nothing\.txt .* cannot be read/],
    ["without a key", () => write("empty.txt", "# nothing\n"), /holds no identity/],
    [
      "with something else in it",
      () => write("else.txt", `# key\n${secret.slice(0, -3)}\n`),
      /no age identity: line 2/,
    ],
    [
      "that is itself encrypted",
      () => write("encrypted.txt", "age-encryption.org/v1\n-> scrypt"),
      /itself encrypted/,
    ],
  ])("an identity file %s is named", async (_, make, words) => {
    const file = write("named.age", await encrypt(BYTES));
    const { code, stderr } = await run(["inspect", file, "--age-identity", make()]);
    expect(code).toBe(2);
    expect(stderr).toMatch(words);
  });

  const isThere = spawnSync("age", ["--version"]).status === 0;
  test.skipIf(!isThere)("as the program age writes it (Debian's package age)", async () => {
    const key = drills.path("program.txt");
    execFileSync("age-keygen", ["-o", key], { stdio: "ignore" });
    const recipient = execFileSync("age-keygen", ["-y", key], { encoding: "utf8" }).trim();
    const file = drills.path("program.age");
    execFileSync("age", ["-r", recipient, "-o", file, drills.good]);
    const { code, stdout } = await run(["inspect", file, "--age-identity", key, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject(RESTORABLE);
  });
});

/** Where the chunk of a number ends: 64 KiB and a tag each, behind the header and a nonce (c2sp.org/age). */
function cutAt(encrypted: Buffer, chunks: number): number {
  const header = encrypted.indexOf("\n", encrypted.indexOf("\n--- ") + 1) + 1;
  return header + 16 + chunks * (65_536 + 16);
}

function flipped(bytes: Buffer, at: number): Buffer {
  const altered = Buffer.from(bytes);
  altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
  return altered;
}
