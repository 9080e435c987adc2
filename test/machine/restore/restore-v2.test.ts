/** restore.sh with a backup of etcd's old v2 store: what is proved on the private socket, and what is refused there. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readRestorableV2 } from "../../../etcd/backup/v2/restorable";
import { startV2Server, v2Requests } from "../../support/v2-store";
import { ensureEtcd } from "../../../machine/programs/programs";
import { makeFolder, makeLab, processesIn, removeFolder, run, type Lab, type Sample } from "../lab";

const FIXTURE = path.join(__dirname, "../../fixtures/v2-backup");

let folder: string;
let lab: Lab;

beforeEach(async () => {
  folder = makeFolder();
  lab = await labOf("3.5");
});
afterEach(() => {
  removeFolder(folder);
});

async function labOf(minor: string): Promise<Lab> {
  const programs = path.dirname((await ensureEtcd(minor)).etcd);
  return makeLab(fs.mkdtempSync(path.join(folder, "lab-")), { programs, v2: true });
}

/** What the fixture is restored from, with something done to it before it is packed again. */
async function archive(
  change: (unpacked: string) => void = () => undefined,
  backup = FIXTURE,
): Promise<Sample> {
  const found = await readRestorableV2(backup, backup);
  if (found === undefined) throw new Error("no v2 backup");
  const file = path.join(folder, "v2.tar");
  const parts: Buffer[] = [];
  for await (const part of found.archive()) parts.push(part);
  found.close();
  fs.writeFileSync(file, Buffer.concat(parts));
  const unpacked = fs.mkdtempSync(path.join(folder, "unpacked-"));
  execFileSync("tar", ["-xf", file, "-C", unpacked]);
  change(unpacked);
  execFileSync("tar", ["-cf", file, "-C", unpacked, "member", "ask", "expected"]);
  const sha256 = createHash("sha256").update(fs.readFileSync(file)).digest("hex");
  return { file, sha256, revision: 0, compactRevision: 0, hashKv: 0 };
}

/** Edits what etcd must answer. */
const expecting = (edit: (text: string) => string) => (unpacked: string) => {
  const file = path.join(unpacked, "expected");
  fs.writeFileSync(file, edit(fs.readFileSync(file, "utf8")));
};

const restore = async (sample: Sample) => run(lab.restoreArgv(sample, "--v2", "yes"));

it("restores it as a cluster of its own, proves each key, and leaves it alone the second time", async () => {
  const sample = await archive();
  const ended = await restore(sample);
  expect(ended.code, ended.stderr).toBe(0);
  expect(JSON.parse(ended.stdout)).toMatchObject({
    restored: true,
    proof: expect.stringMatching(/^proved: all \d+ keys and folders of the v2 store/) as string,
  });
  expect(lab.etcdctl("member", "list")).toMatch(
    /^[0-9a-f]+, started, lab, https:\/\/127\.0\.0\.1:/,
  );
  const again = await restore(sample);
  expect(again.code, again.stderr).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({ restored: false });
});

it.each([
  ["another value", (text: string) => text.replace('"value":"', '"value":"not '), 1, 1],
  ["another index", (text: string) => text.replace('"modifiedIndex":', '"modifiedIndex":9'), 1, 1],
  ["one key more", (text: string) => text.replace(/^.*\n/, ""), 0, 1],
  [
    "one key less",
    (text: string) => `${text}-\t{"key":"/none","value":"","modifiedIndex":1,"createdIndex":1}\n`,
    1,
    0,
  ],
])("serves nothing that has %s than the backup", async (_, edit, missing, others) => {
  const ended = await restore(await archive(expecting(edit)));
  expect(ended.code, ended.stderr).toBe(1);
  expect(ended.stderr).toContain(
    `of the v2 store ${missing} keys and folders are not as the backup holds them, and ${others} are there that it does not hold`,
  );
  expect(fs.existsSync(lab.data)).toBe(false);
  expect(lab.beside()).toEqual([expect.stringMatching(/^data\.quarantine-/)]);
  expect(processesIn(lab.folder)).toEqual([]);
});

// Such a member cannot be added to a new cluster beside the old one, which etcd adds it to before that one goes.
it.each([
  ["a snapshot and a log", 20],
  ["a log alone", 1000],
])("restores %s of a member with etcd's own default peer URL", async (_, snapshotCount) => {
  const url = "http://localhost:2380";
  const flags = ["--initial-advertise-peer-urls", url, "--initial-cluster", `test=${url}`];
  const source = path.join(folder, "source");
  const server = await startV2Server(source, snapshotCount, { flags });
  const store = v2Requests(server.url);
  for (let i = 0; i < 50; i++) await store.put(`/a/${i}`, `${i}`);
  store.close();
  await server.stop();
  const ended = await restore(await archive(undefined, source));
  expect(ended.code, ended.stderr).toBe(0);
  expect(lab.etcdctl("member", "list")).toMatch(
    /^[0-9a-f]+, started, lab, https:\/\/127\.0\.0\.1:\d+, [^\n]*\n?$/,
  );
});

it("takes a key that has run out for gone, and no other", async () => {
  const over = '1000\t{"key":"/over","value":"","modifiedIndex":1,"createdIndex":1}\n';
  const ended = await restore(await archive(expecting((text) => text + over)));
  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stderr).toMatch(/; \d+ have run out/);
  const later = over.replace("1000", "99999999999");
  const refused = await restore(await archive(expecting((text) => text + later)));
  expect(refused.code, refused.stderr).toBe(1);
});

it("takes all keys for gone where etcd lists none any more", () => {
  const part = path.join(__dirname, "../../../machine/restore/parts/v2.sh");
  const over = path.join(folder, "expected");
  fs.writeFileSync(over, '1000\t{"key":"/a"}\n2000\t{"key":"/b"}\n');
  const compare = `. "$1"; awk -v now=1500 "$compare_lines" /dev/null "$2"`;
  const counted = execFileSync("bash", ["-c", compare, "bash", part, over], { encoding: "utf8" });
  // As expected, run out, missing, others.
  expect(counted).toBe("0 1 1 0\n");
});

it("refuses an etcd that has no v2 store, before anything is started", async () => {
  lab = await labOf("3.6");
  const sample = await archive();
  fs.rmSync(sample.file); // on a machine it is not copied there before
  const ended = await run(lab.restoreArgv(sample, "--v2", "yes", "--ask-first", "yes"));
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/etcd 3\.6\.\d+ has no v2 store; 3\.5 is the newest that has/);
  expect(lab.beside()).toEqual([]);
});

it("refuses a store that etcd does not start on, and tells why", async () => {
  const ended = await restore(
    await archive((unpacked) => {
      const wal = path.join(unpacked, "member/wal/0000000000000000-0000000000000000.wal");
      const bytes = fs.readFileSync(wal);
      bytes.writeUInt8((bytes[200] ?? 0) ^ 1, 200);
      fs.writeFileSync(wal, bytes);
    }),
  );
  expect(ended.code).toBe(3);
  expect(ended.stderr).toMatch(/etcd 3\.5\.\d+ does not start on what was restored/);
  expect(fs.existsSync(lab.data)).toBe(false);
});
