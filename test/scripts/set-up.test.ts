import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, readFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { which } from "../../machine/programs/probe";
import { temporaryDirectory } from "../support/temporary";

const SCRIPTS = join(__dirname, "../../scripts");

/** What the copy's `etcd-restore` is: it says what it was called with and ends with 7. */
const COMMAND = `
require("tiny");
console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), INIT_CWD: process.env.INIT_CWD }));
process.exitCode = 7;
`;

interface Project {
  readonly root: string;
  /** Times that npm was called. */
  readonly npmCalls: () => Promise<number>;
  /** Replaces npm on PATH by a shell script; `npm` in it is the real one. */
  readonly setNpm: (script: string) => Promise<void>;
  readonly writeLock: (version: string) => Promise<void>;
  readonly start: (args: readonly string[], env?: NodeJS.ProcessEnv, cwd?: string) => Run;
}

interface Run {
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly pid: number;
  readonly stderr: () => string;
  readonly ended: Promise<{ code: unknown; stdout: string; stderr: string }>;
}

/** A bare clone in small: the real set-up, one local package, and no `node_modules`. */
async function project(command = COMMAND): Promise<Project> {
  const root = await temporaryDirectory();
  const bin = join(root, "bin");
  const calls = join(root, "npm-calls");
  const realNpm = await which("npm", process.env.PATH);
  for (const folder of ["bin", join("scripts", "tools"), "tiny"])
    await mkdir(join(root, folder), { recursive: true });
  await cp(join(SCRIPTS, "tools", "set-up.mjs"), join(root, "scripts", "tools", "set-up.mjs"));
  await cp(join(SCRIPTS, "tools", "set-up"), join(root, "scripts", "tools", "set-up"), {
    recursive: true,
  });
  await writeFile(join(root, "scripts", "etcd-restore.cjs"), command);
  await writeFile(join(root, "tiny", "index.js"), "");

  const writeLock = async (version: string): Promise<void> => {
    const self = { name: "small", version: "1.0.0", dependencies: { tiny: "file:tiny" } };
    const packages = {
      "": self,
      "node_modules/tiny": { resolved: "tiny", link: true },
      tiny: { version },
    };
    const lock = { ...self, dependencies: undefined, lockfileVersion: 3, requires: true, packages };
    await writeFile(
      join(root, "package.json"),
      JSON.stringify({ ...self, engines: { node: ">=20.19" } }),
    );
    await writeFile(join(root, "package-lock.json"), JSON.stringify(lock));
    await writeFile(join(root, "tiny", "package.json"), JSON.stringify({ name: "tiny", version }));
  };
  const setNpm = async (script: string): Promise<void> => {
    const counted = `#!/bin/sh\necho call >> ${calls}\nnpm() { ${realNpm ?? "npm"} "$@"; }\n${script}\n`;
    await writeFile(join(bin, "npm"), counted);
    await chmod(join(bin, "npm"), 0o755);
  };
  await writeLock("1.0.0");
  await setNpm('npm "$@"');

  return {
    root,
    setNpm,
    writeLock,
    npmCalls: async () => (await readFile(calls, "utf8").catch(() => "")).split("\n").length - 1,
    start: (args, env = {}, cwd = root) => {
      const ours = { ...process.env, INIT_CWD: undefined, npm_lifecycle_script: undefined };
      const child = spawn(
        process.execPath,
        [join(root, "scripts", "tools", "set-up.mjs"), ...args],
        {
          cwd,
          env: { ...ours, PATH: `${bin}:${process.env.PATH ?? ""}`, ...env },
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      onTestFinished(() => {
        child.kill("SIGKILL");
      });
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      return {
        pid: child.pid ?? 0,
        kill: (signal) => child.kill(signal),
        stderr: () => stderr,
        ended: once(child, "close").then(([code]: unknown[]) => ({ code, stdout, stderr })),
      };
    },
  };
}

/** Waits until something is so; limit one minute. */
async function until(what: string, so: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (await so()) return;
    await sleep(50);
  }
  throw new Error(`${what}: not within a minute`);
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

describe("from a bare clone", () => {
  it("installs the packages, says so on stderr, and hands arguments and exit code over", async () => {
    const { root, start, npmCalls } = await project();
    const { code, stdout, stderr } = await start(["start", "--keep", "a b"]).ended;
    expect(stderr).toMatch(/node packages: installing .*node packages: installed in \d+ s\n$/s);
    expect(JSON.parse(stdout)).toEqual({ args: ["start", "--keep", "a b"], cwd: root });
    expect(code).toBe(7);
    expect(await npmCalls()).toBe(1);
    expect(await readdir(join(root, ".tools"))).toEqual([]);
  });

  it("ends with 3 and npm's own words when npm fails, and the command does not run", async () => {
    const { start, setNpm } = await project();
    await setNpm("echo 'npm error network: no way' >&2; exit 1");
    const { code, stdout, stderr } = await start(["start"]).ended;
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(
      /cannot be installed: npm ci ended with 1\nnpm error network: no way\n$/,
    );
  });

  it("ends with 3 when there is no npm", async () => {
    const { root, start } = await project();
    const { code, stderr } = await start(["start"], { PATH: join(root, "tiny") }).ended;
    expect(code).toBe(3);
    expect(stderr).toContain("npm cannot be started");
  });
});

describe("packages that are there", () => {
  it("are kept in silence, without asking npm", async () => {
    const { start, setNpm } = await project();
    await start(["start"]).ended;
    await setNpm("exit 1");
    expect(await start(["stop"]).ended).toMatchObject({ code: 7, stderr: "" });
  });

  it("are kept when the user installed them", async () => {
    const { root, start, setNpm } = await project();
    const npm = spawn("npm", ["ci", "--no-audit"], { cwd: root, stdio: "ignore" });
    expect(await once(npm, "exit")).toEqual([0, null]);
    await setNpm("exit 1");
    expect(await start(["start"]).ended).toMatchObject({ code: 7, stderr: "" });
  });

  it("are installed again when the lock file has changed", async () => {
    const { start, npmCalls, writeLock } = await project();
    await start(["start"]).ended;
    await writeLock("1.0.1");
    expect((await start(["start"]).ended).stderr).toContain("installed in");
    expect(await npmCalls()).toBe(2);
  });

  it("are installed again after an installation that was interrupted", async () => {
    const { root, start, setNpm, npmCalls } = await project();
    await start(["start"]).ended;
    // As npm does: what is there goes first.
    const ready = join(root, "ready");
    await rm(join(root, "node_modules", ".etcd-restore-set-up"));
    await setNpm(
      `trap 'echo INT >> ${root}/signals; exit 1' INT
       touch ${ready}; while :; do sleep 0.1; done`,
    );
    await rm(join(root, "node_modules", ".package-lock.json"));
    const run = start(["start"]);
    await until("npm runs", () => exists(ready));
    run.kill("SIGINT");
    run.kill("SIGINT");
    expect(await run.ended).toMatchObject({ code: 130, stdout: "" });
    expect(await readFile(join(root, "signals"), "utf8")).toBe("INT\n");
    expect(await readdir(join(root, ".tools"))).toEqual([]);

    await setNpm('npm "$@"');
    expect((await start(["start"]).ended).code).toBe(7);
    expect(await npmCalls()).toBe(3);
  });
});

describe("two at once", () => {
  it("install once; the second waits and says so", async () => {
    const { start, setNpm, npmCalls } = await project();
    await setNpm('sleep 1; npm "$@"');
    const ended = await Promise.all([start(["start"]).ended, start(["stop"]).ended]);
    expect(ended.map(({ code }) => code)).toEqual([7, 7]);
    expect(ended.map(({ stderr }) => stderr).join("")).toContain(
      "node packages: waiting for another process that is at it",
    );
    expect(await npmCalls()).toBe(1);
  });

  it("do not wait for one that was killed", async () => {
    const { root, start } = await project();
    const lock = join(root, ".tools", "set-up.lock");
    await mkdir(lock, { recursive: true });
    const before = new Date(Date.now() - 60_000);
    await utimes(lock, before, before);
    expect((await start(["start"]).ended).code).toBe(7);
  });

  it("one that waits can be interrupted, and leaves the other's lock alone", async () => {
    const { root, start } = await project();
    const lock = join(root, ".tools", "set-up.lock");
    await mkdir(lock, { recursive: true });
    const run = start(["start"]);
    await until("it waits", () => run.stderr().includes("waiting"));
    run.kill("SIGTERM");
    expect((await run.ended).code).toBe(143);
    expect(await exists(lock)).toBe(true);
  });
});

describe("the command", () => {
  it("runs where the user stands when npm calls, and where it is called otherwise", async () => {
    const { root, start } = await project();
    const elsewhere = await temporaryDirectory();
    const npm = {
      INIT_CWD: elsewhere,
      npm_lifecycle_script: "node scripts/tools/set-up.mjs start",
    };
    const cwdOf = ({ stdout }: { stdout: string }): unknown => JSON.parse(stdout);
    expect(cwdOf(await start(["start", "f"], npm).ended)).toEqual({
      args: ["start", "f"],
      cwd: elsewhere,
    });
    expect(cwdOf(await start([], {}, elsewhere).ended)).toEqual({ args: [], cwd: elsewhere });
    const other = { INIT_CWD: elsewhere, npm_lifecycle_script: "vitest" };
    expect(cwdOf(await start([], other).ended)).toEqual({ args: [], cwd: root });
  });

  it("gets a signal itself, once, and its clean-up and exit code are waited for", async () => {
    const { start } = await project(`
      let times = 0;
      process.on("SIGINT", () => {
        times += 1;
        setTimeout(() => { console.log("cleaned up after " + times); process.exit(5); }, 300);
      });
      console.error("up", process.pid);
      setInterval(() => undefined, 1000);
    `);
    const run = start(["start"]);
    await until("the command runs", () => run.stderr().includes("up"));
    expect(run.stderr()).toContain(`up ${run.pid}\n`);
    run.kill("SIGINT");
    expect(await run.ended).toMatchObject({ code: 5, stdout: "cleaned up after 1\n" });
  });
});
