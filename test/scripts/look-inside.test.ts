/** inspect, ls, get and diff as they are typed: output, exit code, and what is said when it goes wrong. */
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { startEtcdServer, type EtcdServer } from "../support/etcd-server";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { beginCommand, type Ended } from "../support/lab";
import { timeLimit } from "../support/time-limit.cjs";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});
const bytes = snapshotBytes("kubernetes-1.35-main.db");
const main = workspace.write("main.db", bytes);
const encrypted = workspace.write("encrypted.db", snapshotBytes("kubernetes-1.35-encrypted.db"));
const raw = workspace.write("raw.db", bytes.subarray(0, -32));
const packed = workspace.write("backup", gzipSync(bytes));
const cut = workspace.write("cut.db", bytes.subarray(0, -4096));

function run(...args: readonly string[]): Promise<Ended> {
  return beginCommand(args).ended;
}

/** Each test starts the command many times, and a busy machine takes seconds for each. */
const LIMIT_MS = timeLimit(240_000);
vi.setConfig({ testTimeout: LIMIT_MS });

const POD = "/registry/pods/kube-system/etcd-master";
const SECRET = "/registry/secrets/shop/db-credentials";

describe("inspect", () => {
  it("ends with 0 for a good file, 1 for one that is judged not restorable, 2 for an unreadable one", async () => {
    const good = await run("inspect", main);
    expect([good.code, good.stderr]).toEqual([0, ""]);
    expect(good.stdout).toMatch(/^file .*\nRESTORABLE {2}337 keys at revision 482/s);
    const without = await run("inspect", raw, "--json");
    expect(without.code).toBe(1);
    expect(JSON.parse(without.stdout)).toMatchObject({ verdict: "not-restorable", keys: 337 });
    const broken = await run("inspect", cut, "--json");
    expect(broken.code).toBe(2);
    expect(JSON.parse(broken.stdout)).toMatchObject({ verdict: "unreadable", file: cut });
    expect(broken.stderr).toMatch(/^error: .*cut\.db: .*\d/);
    expect(broken.stderr).not.toMatch(/^\s+at /m);
  });
});

describe("a packed backup", () => {
  it("is inspected and compared as it is, and its packing is named", async () => {
    const inspected = await run("inspect", packed);
    expect([inspected.code, inspected.stderr]).toEqual([0, ""]);
    expect(inspected.stdout).toMatch(
      /^file .*\/backup\npacked {5}gzip of 11\d KiB\nformat {5}etcd snap/,
    );
    expect((await run("diff", packed, main)).code).toBe(0);
  });

  it("of the v2 store is inspected and listed", async () => {
    const v2 = join(__dirname, "../fixtures/v2-backup");
    const inspected = await run("inspect", v2, "--json");
    expect([inspected.code, inspected.stderr]).toEqual([0, ""]);
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      file: v2,
      verdict: "restorable",
      keys: 35,
      prefixes: expect.arrayContaining([{ prefix: "/registry/pods/", keys: 28 }]) as unknown,
    });
    expect((await run("ls", "/registry", "--file", v2, "-l")).stdout).toContain(
      "28  /registry/pods/",
    );
    expect((await run("get", "/registry/pods/default/web-4", "--file", v2)).stdout).toBe(
      '{"cas":1}\n',
    );
  });
});

describe("ls and get on a file", () => {
  it("list folders with their counts, and print an object as JSON", async () => {
    const listed = await run("ls", "/registry", "--file", main, "-l");
    expect(listed.stdout).toContain("         23  /registry/pods/\n");
    const got = await run("get", POD, "--file", main);
    expect([got.code, got.stderr]).toEqual([0, ""]);
    expect(JSON.parse(got.stdout)).toMatchObject({
      kind: "Pod",
      metadata: { name: "etcd-master" },
    });
  });

  it("say that a value is encrypted, and give its bytes with -o raw", async () => {
    const got = await run("get", SECRET, "--file", encrypted);
    expect([got.code, got.stdout]).toEqual([1, ""]);
    expect(got.stderr).toMatch(/encrypted at rest by .*-o raw/);
    const bare = await run("get", SECRET, "--file", encrypted, "-o", "raw");
    expect(bare.code).toBe(0);
    expect(bare.stdout).toMatch(/^k8s:enc:/);
  });

  it("name the nearest keys of one that is not there, and refuse to guess where to look", async () => {
    const got = await run("get", `${POD}x`, "--file", main);
    expect(got.code).toBe(1);
    expect(got.stderr).toContain(POD);
    expect((await run("ls", "/none", "--file", main)).code).toBe(1);
    expect((await run("ls", "/")).code).toBe(2);
    expect((await run("get", "base64:*", "--file", main)).code).toBe(2);
  });
});

describe("diff", () => {
  it("ends with 0 for the same and 1 for different files", async () => {
    expect((await run("diff", main, main)).code).toBe(0);
    const different = await run("diff", main, encrypted, "--json", "--keys");
    expect(different.code).toBe(1);
    const found = JSON.parse(different.stdout) as { total: object; keys: readonly unknown[] };
    const counts = Object.values(found.total) as readonly number[];
    expect(found.keys).toHaveLength(counts.reduce((sum, count) => sum + count));
    expect((await run("diff", main)).code).toBe(2);
  });
});

describe("a running etcd", () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await startEtcdServer({ snapshot: main });
  });
  afterAll(() => server.stop());

  it("is looked into as its backup is, and compared with it", async () => {
    const at = ["--endpoint", server.url];
    // Not /registry itself: /registry/masterleases/ hangs on a lease of 15 s.
    for (const args of [
      ["ls", "/registry/pods", "-l"],
      ["ls", "/binary", "-r"],
      ["get", POD, "-o", "yaml", "--metadata"],
    ]) {
      const [live, file] = await Promise.all([run(...args, ...at), run(...args, "--file", main)]);
      expect(live).toEqual(file);
      expect(live.code, live.stderr).toBe(0);
    }
    const absent = await run("get", `${POD}x`, ...at);
    expect(absent.code).toBe(1);
    expect(absent.stderr).toContain(POD);
    await server.etcdctl("put", "/added", "SECRET");
    await server.etcdctl("del", POD);
    const diff = await run("diff", main, ...at, "--keys");
    expect(diff.code).toBe(1);
    expect(diff.stdout).toContain(`- ${POD}\n`);
    expect(diff.stdout).toContain("+ /added\n");
    expect(diff.stdout).toMatch(/DIFFERENT {2}1 added, [12] removed, 0 changed/);
    expect(diff.stdout).not.toContain("SECRET");
  });
});
