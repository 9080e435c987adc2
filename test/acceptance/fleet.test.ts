/** Many backups by one list: each has its own result, none stops another, and nothing is done twice. */
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parseResult, type Result } from "../../scripts/fleet/result";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { beginCommand, processesOf, type Running } from "../support/lab";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

let files: ReturnType<typeof createWorkspace>;
let home: string;
let results: string;
beforeEach(() => {
  files = createWorkspace();
  home = files.path("home");
  results = files.path("results");
});
afterEach(() => {
  for (const { pid } of processesOf(home)) process.kill(pid, "SIGKILL");
  files.remove();
});

const good = (): string => files.write("good.db", snapshotBytes("kubernetes-1.35-main.db"));

function damaged(): string {
  const bytes = Buffer.from(snapshotBytes("kubernetes-1.35-main.db"));
  bytes.writeUInt8(bytes.readUInt8(70_000) ^ 1, 70_000);
  return files.write("damaged.db", bytes);
}

function list(...entries: readonly object[]): string {
  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
  return files.write("fleet.jsonl", Buffer.from(text));
}

function begin(file: string, ...flags: readonly string[]): Running {
  const where = ["--home", home, "--results", results, "--engine", "embedded"];
  return beginCommand(["drill", "--from", file, ...where, ...flags]);
}

function resultsByName(): Readonly<Record<string, Result>> {
  const all = fs.readdirSync(results).map((name) => {
    const result = parseResult(fs.readFileSync(path.join(results, name), "utf8"));
    return [result.name, result] as const;
  });
  return Object.fromEntries(all);
}

function expectNothingLeft(): void {
  expect(processesOf(home).map(({ command }) => command)).toEqual([]);
  expect(fs.existsSync(home) ? fs.readdirSync(home) : []).toEqual([]);
}

interface Summary {
  readonly backups: number;
  readonly known: number;
  readonly left: number;
  readonly rows: readonly { readonly name: string; readonly exitCode: number }[];
}

const summaryOf = ({ stdout }: { readonly stdout: string }): Summary =>
  JSON.parse(stdout) as Summary;

test("each has its result, whatever becomes of the others; the second run finds all of it known", async () => {
  const other = "00000000-0000-4000-8000-000000000000";
  fs.mkdirSync(files.path("empty"));
  const file = list(
    { name: "proved", source: good() },
    { name: "damaged", source: damaged(), level: "quick" },
    { name: "read", source: "good.db", level: "file" },
    { name: "read damaged", source: "damaged.db", level: "file" },
    { name: "of another", source: "good.db", level: "file", expectedCluster: other },
    { name: "too old", source: "good.db", level: "file", maxAge: "1s" },
    { name: "nothing there", source: "empty", level: "file" },
    { name: "no file", source: "none.db", level: "file" },
  );
  const past = Date.now() / 1000 - 60;
  fs.utimesSync(files.path("good.db"), past, past);
  const first = await begin(file, "--json").ended;
  expect(first.code, first.stderr).toBe(1);
  expectNothingLeft();
  const found = resultsByName();
  const verdicts = Object.fromEntries(
    Object.entries(found).map(([name, { verdict, exitCode }]) => [name, [verdict, exitCode]]),
  );
  expect(verdicts).toEqual({
    proved: ["pass", 0],
    damaged: ["fail", 2],
    read: ["restorable", 0],
    "read damaged": ["fail", 1],
    "of another": ["fail", 1],
    "too old": ["fail", 1],
    "nothing there": ["fail", 1],
    "no file": ["fail", 2],
  });
  expect(found.proved?.report).toMatchObject({ verdict: "pass", restored: { keys: 337 } });
  expect(found["of another"]?.reason).toContain(other);
  expect(found["too old"]?.failed).toEqual(["age"]);
  expect(found.read?.backup).toMatchObject({ keys: 337 });

  const before = fs.readdirSync(results).sort();
  const times = before.map((name) => fs.statSync(path.join(results, name)).mtimeMs);
  const again = await begin(file, "--json").ended;
  expect(again.code).toBe(1);
  // What could not be found has no content by which it would be known.
  expect(summaryOf(again)).toMatchObject({ backups: 8, known: 6, left: 0 });
  expect(fs.readdirSync(results).sort()).toEqual(before);
  const unread = ["nothing there", "no file"];
  before.forEach((name, at) => {
    const known = !unread.includes(
      parseResult(fs.readFileSync(path.join(results, name), "utf8")).name,
    );
    if (known) expect(fs.statSync(path.join(results, name)).mtimeMs, name).toBe(times[at]);
  });
  // The last of them may have its result for less than a second.
  await sleep(1_000);
  const anew = await begin(file, "--json", "--again-after", "1s").ended;
  expect(summaryOf(anew).known).toBe(0);
});

test("what the settings ask of a backup is asked at level file as well", async () => {
  const { publicKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ format: "pem", type: "spki" });
  const trustedKey = files.write("trusted.pem", Buffer.from(key));
  const source = files.write("encrypted.db", snapshotBytes("kubernetes-1.35-encrypted.db"));
  const file = list({ name: "read", source, level: "file" });
  const provider = { resources: ["secrets"], providers: [{ identity: {} }] };
  const asked = {
    expectedCluster: "00000000-0000-4000-8000-000000000000",
    trustedKey,
    encryptionConfig: JSON.stringify({
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "EncryptionConfiguration",
      resources: [provider],
    }),
  };
  const flags = Object.entries(asked).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const { code, stderr } = await begin(file, "--json", ...flags).ended;
  expect(code, stderr).toBe(1);
  const { verdict, reason } = resultsByName().read ?? {};
  expect(verdict).toBe("fail");
  expect(reason).toContain("it is a backup of another cluster");
  expect(reason).toContain("no manifest lies beside it");
  expect(reason).toContain("8 values cannot be read with the encryption configuration");
});

test("a data directory and a v2 store are backups at level file as they are in a drill", async () => {
  const member = path.join(__dirname, "..", "fixtures", "v2-backup");
  const tar = files.path("v2.tar");
  execFileSync("tar", ["-cf", tar, "-C", member, "member"]);
  const snap = path.join(files.path("directory"), "member", "snap");
  fs.mkdirSync(snap, { recursive: true });
  fs.copyFileSync(good(), path.join(snap, "db"));
  const expectedCluster = "00000000-0000-4000-8000-000000000000";
  const file = list(
    { name: "v2 directory", source: member, level: "file" },
    { name: "v2 archive", source: tar, level: "file" },
    { name: "v2, of whom", source: tar, level: "file", expectedCluster },
    { name: "directory", source: "directory", level: "file" },
  );
  const { code, stderr } = await begin(file, "--json").ended;
  expect(code, stderr).toBe(1);
  const found = resultsByName();
  expect(
    Object.fromEntries(Object.entries(found).map(([name, { verdict }]) => [name, verdict])),
  ).toEqual({
    "v2 directory": "restorable",
    "v2 archive": "restorable",
    "v2, of whom": "incomplete",
    directory: "restorable",
  });
  expect(found["v2, of whom"]?.reason).toContain("expectedCluster is not asked");
  expect(found.directory?.backup?.keys).toBe(337);
});

test("two shards do all of it between them, and no backup twice", async () => {
  const source = good();
  const names = Array.from({ length: 7 }, (_, at) => `cluster-${at}`);
  const file = list(...names.map((name) => ({ name, source, level: "file" })));
  const env = { JOB_COMPLETION_INDEX: "1", JOB_COMPLETIONS: "2" };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const second = begin(file, "--json").ended;
  vi.unstubAllEnvs();
  const both = [await begin(file, "--json", "--shard", "0/2").ended, await second];
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  const shards = both.map((ended) => summaryOf(ended).rows.map(({ name }) => name));
  expect(shards.map(({ length }) => length)).toEqual([4, 3]);
  expect(shards.flat().sort()).toEqual(names);
  expect(Object.keys(resultsByName()).sort()).toEqual(names);
});

test("SIGTERM: what is done counts, what is not leaves nothing, and the next run does only that", async () => {
  const source = good();
  const quick = Array.from({ length: 3 }, (_, at) => ({
    name: `read-${at}`,
    source,
    level: "file",
  }));
  const file = list(...quick, { name: "slow-1", source }, { name: "slow-2", source });
  const run = begin(file, "--jobs", "1");
  await run.said("3/5 restorable");
  await waitFor(() => fs.existsSync(home) && fs.readdirSync(home).length > 0);
  run.process.kill("SIGTERM");
  const ended = await run.ended;
  expect(ended.code, ended.stderr).toBe(143);
  expect(ended.stdout).toMatch(/^INCOMPLETE: of 5 backups .*2 not come to/);
  expectNothingLeft();
  expect(Object.keys(resultsByName()).sort()).toEqual(["read-0", "read-1", "read-2"]);
  const again = await begin(file, "--json").ended;
  expect(again.code, again.stderr).toBe(0);
  expect(summaryOf(again)).toMatchObject({ known: 3, left: 0 });
});

test("a process that is killed fails one backup as a matter of the environment, which the next run tries again", async () => {
  const source = good();
  const file = list({ name: "one", source }, { name: "two", source, level: "file" });
  const run = begin(file, "--jobs", "1");
  await waitFor(
    () =>
      fs.existsSync(home) &&
      fs.readdirSync(home).some((name) => fs.existsSync(path.join(home, name, "lab", "etcd"))),
  );
  const [worker] = workersOf(run.process.pid ?? 0);
  if (worker === undefined) throw new Error("no process proves it");
  process.kill(worker, "SIGKILL");
  const ended = await run.ended;
  expect(ended.code, ended.stderr).toBe(3);
  expect(resultsByName()).toMatchObject({
    one: {
      verdict: "incomplete",
      exitCode: 3,
      reason: expect.stringContaining("SIGKILL") as string,
    },
    two: { verdict: "restorable" },
  });
  expectNothingLeft();
  const again = await begin(file, "--json").ended;
  expect(again.code, again.stderr).toBe(0);
  expect(summaryOf(again)).toMatchObject({ known: 1, left: 0 });
  expect(
    resultsOf("one")
      .map(({ verdict }) => verdict)
      .sort(),
  ).toEqual(["incomplete", "pass"]);
});

function resultsOf(name: string): readonly Result[] {
  return fs
    .readdirSync(results)
    .map((file) => parseResult(fs.readFileSync(path.join(results, file), "utf8")))
    .filter((result) => result.name === name);
}

/** Child processes that prove backups. */
function workersOf(parent: number): readonly number[] {
  return fs
    .readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8")
    .split(" ")
    .map(Number)
    .filter((pid) => pid > 0);
}

async function waitFor(isSo: () => boolean): Promise<void> {
  const until = Date.now() + 60_000;
  while (!isSo()) {
    if (Date.now() > until) throw new Error("it did not come to that within a minute");
    await sleep(20);
  }
}
