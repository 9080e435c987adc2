/** Results in a real S3 store (versitygw): written whole, listed over several pages, read back; what is refused says so. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openBucket } from "../../sources/bucket";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { beginCommand } from "../support/lab";
import {
  canHaveVersitygw,
  ensureVersitygw,
  startVersitygw,
  type S3Server,
} from "../support/versitygw";

vi.setConfig({ testTimeout: 120_000 });

let server: S3Server | undefined;
let folder: string | undefined;

beforeAll(async () => {
  if (!canHaveVersitygw()) return;
  folder = fs.mkdtempSync(path.join(tmpdir(), "etcd-restore-bucket-"));
  fs.mkdirSync(path.join(folder, "evidence"));
  server = await startVersitygw(await ensureVersitygw(), folder);
  for (const [name, value] of Object.entries(server.environment)) vi.stubEnv(name, value);
}, 1_800_000);

afterAll(async () => {
  vi.unstubAllEnvs();
  await server?.stop();
  if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
});

const { signal } = new AbortController();

test("what was written is listed and read, by the names below the prefix alone", async (context) => {
  if (server === undefined) context.skip("there is neither versitygw nor Go to build it");
  const place = openBucket("evidence", "night/one");
  const other = openBucket("evidence", "night/one-and-a-half");
  const names = Array.from({ length: 1100 }, (_, at) => `r ${at}+é.json`);
  for (let at = 0; at < names.length; at += 20) {
    await Promise.all(names.slice(at, at + 20).map((name) => place.write(name, `of ${name}`)));
  }
  await other.write("not of it.json", "x");
  expect(await place.write("r 0+é.json", "twice")).toBe("s3://evidence/night/one/r 0+é.json");
  expect([...(await place.names(signal))].sort()).toEqual([...names].sort());
  expect(await place.read("r 0+é.json", signal)).toBe("twice");
  await expect(place.read("none.json", signal)).rejects.toThrow(/no such object/);
  await expect(openBucket("nobodys", "x").write("a", "b")).rejects.toThrow(
    expect.objectContaining({
      kind: "usage",
      message: expect.stringContaining("nobodys") as string,
    }),
  );
  place.close();
  other.close();
});

test("a list's results go there, and are known by the next run", async (context) => {
  if (server === undefined) context.skip("there is neither versitygw nor Go to build it");
  const files = createWorkspace();
  files.write("good.db", snapshotBytes("kubernetes-1.35-main.db"));
  const list = files.write(
    "fleet.csv",
    Buffer.from("name,source,level\na,good.db,file\nb,good.db,file\n"),
  );
  const flags = ["--home", files.path("home"), "--results", "s3://evidence/fleet", "--json"];
  for (const known of [0, 2]) {
    const ended = await beginCommand(["drill", "--from", list, ...flags]).ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ restorable: 2, known });
  }
  files.remove();
});
