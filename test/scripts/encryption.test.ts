/** The commands with the API server's keys: what they say, and what never leaves them. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { buildDatabase, etcdBuckets } from "../support/bbolt-builder";
import {
  sealBox,
  sealCbc,
  sealKmsV1,
  secretObject,
  sodiumReady,
} from "../support/encrypted-values";
import { startKmsPlugin, type KmsPlugin } from "../support/kms-plugin";
import { createWorkspace, snapshotBytes } from "../support/kubernetes-fixtures";
import { beginCommand, PROJECT, type Ended } from "../support/lab";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });
const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});
const real = workspace.write("real.db", snapshotBytes("kubernetes-1.35-encrypted.db"));
const CONFIG = join(__dirname, "../fixtures/kubernetes-1.35-encrypted.encryption-config.json");
const SECRET = "/registry/secrets/shop/db-credentials";
const run = (...args: readonly string[]): Promise<Ended> => beginCommand(args).ended;

describe("with the configuration of the cluster", () => {
  it("inspect opens every value and says by which key, and whose backup it is", async () => {
    const { code, stdout } = await run("inspect", real, "--encryption-config", CONFIG);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^encryption 8 of 8 open \(4 by secretbox 'key2', 4 by aescbc 'key1'\)$/m,
    );
    expect(stdout).toMatch(/^note {7}4 values not by the first key of the configuration/m);
    expect(stdout).toMatch(/^cluster {4}UID [0-9a-f-]{36}/m);
    expect(stdout).toMatch(/as of 2026-11-22 19:28:23 UTC, .* ago; 3 nodes: master, node-1/m);
  });

  it("get shows a Secret, which it does not without, and its bytes with -o raw all the same", async () => {
    const shown = await run("get", SECRET, real, "--encryption-config", CONFIG);
    expect(shown.code).toBe(0);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      kind: "Secret",
      metadata: { namespace: "shop" },
    });
    const without = await run("get", SECRET, real);
    expect([without.code, without.stdout]).toEqual([1, ""]);
    const raw = await run("get", SECRET, real, "-o", "raw", "--encryption-config", CONFIG);
    expect(raw.stdout).toMatch(/^k8s:enc:/);
  });

  it("inspect fails another cluster's backup, and a configuration that does not open it", async () => {
    const other = await run("inspect", real, "--expect-cluster", "00000000-1111", "--json");
    expect(other.code).toBe(1);
    expect(other.stdout).toContain("it is a backup of another cluster");
    const { cluster } = JSON.parse(other.stdout) as { cluster: { uid: string } };
    expect((await run("inspect", real, "--expect-cluster", cluster.uid)).code).toBe(0);
    const text = readFileSync(CONFIG, "utf8").replace(/og9BPoegHfW5/, "AAAAAAAAAAAA");
    const wrong = workspace.write("wrong.json", Buffer.from(text));
    const failed = await run("inspect", real, "--encryption-config", wrong);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain("4 values cannot be read with the encryption");
    expect(failed.stdout + failed.stderr).not.toMatch(/AAAAAAAAAAAA|4r1zb1mj4y3oHKOGQH/);
  });

  it("is refused with a reason when it is none, before anything is read", async () => {
    const none = await run("inspect", real, "--encryption-config", "/nowhere/config.yaml");
    expect([none.code, none.stdout]).toEqual([2, ""]);
    expect(none.stderr).toContain("/nowhere/config.yaml there is no such file");
    const bad = workspace.write("bad.yaml", Buffer.from("kind: Pod\n"));
    expect((await run("get", SECRET, real, "--encryption-config", bad)).code).toBe(2);
  });
});

describe("keys and plain texts", () => {
  const canary = randomBytes(24).toString("hex");
  const key = randomBytes(32);
  const VALUES = 3000;
  const kms = { keyId: "k", key: randomBytes(32) };
  let backup = "";
  let config = "";
  let waiting = "";
  let plugin: KmsPlugin | undefined;
  afterAll(() => plugin?.stop());
  beforeAll(async () => {
    await sodiumReady;
    // It never answers in time: a command is in the midst of its work when it is asked.
    plugin = await startKmsPlugin(workspace.path("kms.sock"), { kms, slowByMs: 120_000 });
    const versions = Array.from({ length: VALUES }, (_, i) => {
      const name = `s${String(i).padStart(5, "0")}`;
      const plain = secretObject("shop", name, `${canary}-${"x".repeat(3000)}`);
      // One of them is another's: it opens, and must not be shown in what is said of it.
      const content = i === 7 ? secretObject("shop", "other", canary) : plain;
      const value = i % 2 === 0 ? sealCbc("k", key, content) : sealBox("k", key, content);
      return {
        main: i + 2,
        key: Buffer.from(`/registry/secrets/shop/${name}`),
        value,
        create: i + 2,
      };
    });
    const last = "/registry/secrets/shop/z";
    versions.push({
      ...{ main: VALUES + 2, create: VALUES + 2, key: Buffer.from(last) },
      value: sealKmsV1("slow", kms, secretObject("shop", "z", canary), last),
    });
    backup = workspace.write("canary.db", buildDatabase({ buckets: etcdBuckets(versions) }).bytes);
    const providers = ["aescbc", "secretbox"].map((kind) => ({
      [kind]: { keys: [{ name: "k", secret: key.toString("base64") }] },
    }));
    const { endpoint } = plugin;
    const slow = { kms: { apiVersion: "v1", name: "slow", endpoint, timeout: "2m" } };
    const write = (name: string, list: readonly object[]) =>
      workspace.write(
        name,
        Buffer.from(
          JSON.stringify({
            ...{ kind: "EncryptionConfiguration", apiVersion: "apiserver.config.k8s.io/v1" },
            resources: [{ resources: ["secrets"], providers: list }],
          }),
        ),
      );
    config = write("canary.json", providers);
    waiting = write("waiting.json", [...providers, slow]);
  });

  const needles = () => [
    Buffer.from(canary),
    Buffer.from(Buffer.from(canary).toString("base64").slice(0, 40)),
    key,
    Buffer.from(key.toString("base64")),
    Buffer.from(key.toString("hex")),
  ];

  /** Names of the files below a folder, and of the streams, in which a needle lies. */
  function found(folder: string, streams: Readonly<Record<string, string>>): readonly string[] {
    const holds = (bytes: Buffer) => needles().some((needle) => bytes.includes(needle));
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile() && holds(readFileSync(path)));
    const said = Object.entries(streams).filter(([, text]) => holds(Buffer.from(text)));
    return [...files, ...said.map(([name]) => name)];
  }

  /** Runs a program with its folders in one place and core dumps allowed, and ends it by a signal once it waits for the plugin, everything else decrypted. */
  async function runIn(folder: string, args: readonly string[], signal?: NodeJS.Signals) {
    mkdirSync(folder);
    const child = spawn(
      "bash",
      ["-c", 'ulimit -c unlimited; exec "$0" "$@"', process.execPath, ...args],
      {
        cwd: folder,
        env: { ...process.env, TMPDIR: folder, HOME: folder, NODE_OPTIONS: "" },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (bytes: Buffer) => (stdout += bytes.toString()));
    child.stderr.on("data", (bytes: Buffer) => {
      stderr += bytes.toString();
    });
    const asked = plugin?.asked.get("Decrypt") ?? 0;
    const timer = setInterval(() => {
      if (signal !== undefined && (plugin?.asked.get("Decrypt") ?? 0) !== asked) child.kill(signal);
    }, 20);
    const [code, ended] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    clearInterval(timer);
    return { code, ended, stdout, stderr };
  }
  const PROGRAM = join(PROJECT, "scripts", "etcd-restore.cjs");

  it("are in nothing that is written or said: not by inspect, also with --json and --debug, nor in a refusal", async () => {
    for (const [i, more] of [[], ["--json"], ["--debug"]].entries()) {
      const folder = workspace.path(`said-${i}`);
      const { code, stdout, stderr } = await runIn(folder, [
        PROGRAM,
        "inspect",
        backup,
        "--encryption-config",
        config,
        ...more,
      ]);
      expect([code, stderr.includes("error")]).toEqual([1, false]);
      expect(stdout).toContain("/registry/secrets/shop/s00007");
      expect(found(folder, { stdout, stderr })).toEqual([]);
    }
  });

  it("are in no core dump and no file after SIGKILL and SIGABRT in the midst of it, where a dump would hold them", async () => {
    const control = workspace.path("control");
    const holds = `globalThis.a = Buffer.from("${canary}".repeat(100)); process.abort()`;
    await runIn(control, ["-e", holds]);
    const isTelling = found(control, {}).length > 0;
    for (const signal of ["SIGKILL", "SIGABRT"] as const) {
      const folder = workspace.path(`killed-${signal}`);
      const { ended, stdout, stderr } = await runIn(
        folder,
        [PROGRAM, "inspect", backup, "--encryption-config", waiting],
        signal,
      );
      expect(ended).toBe(signal);
      expect(found(folder, { stdout, stderr })).toEqual([]);
    }
    // Where the system writes no dumps into the folder, the filter itself is looked at.
    if (!isTelling) console.warn("no core dump is written here: only the filter was looked at");
  });

  it("are kept out of dumps from the moment at which the configuration is read", async () => {
    const script = `
      require(${JSON.stringify(join(PROJECT, "engine/typescript.cjs"))});
      const { readEncryptionConfig } = require(${JSON.stringify(join(PROJECT, "etcd/encryption/read-configuration.ts"))});
      readEncryptionConfig(${JSON.stringify(config)});
      const fs = require("node:fs");
      console.log(fs.readFileSync("/proc/self/coredump_filter", "utf8").trim(), /Max core file size +(\\S+)/.exec(fs.readFileSync("/proc/self/limits", "utf8"))[1]);`;
    const { stdout } = await runIn(workspace.path("filter"), ["-e", script]);
    expect(stdout.trim()).toBe("00000000 1");
  });
});
