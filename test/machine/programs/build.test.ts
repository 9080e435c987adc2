import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  EtcdProgramsError,
  ensureEtcd,
  type EnsureOptions,
  type EtcdPrograms,
} from "../../../machine/programs/programs";
import { platform } from "../../../machine/programs/version";
import { temporaryDirectory } from "../../support/temporary";
import { TYPESCRIPT } from "../../support/typescript";

const ROOT = join(__dirname, "../../..");

let real: EtcdPrograms;

beforeAll(async () => {
  real = await ensureEtcd("3.6");
}, 1_800_000);

type Options = EnsureOptions & { toolsDir: string; env: NodeJS.ProcessEnv };

/**
 * Options under which only `go build` can help, with a `go` on PATH that does what `script` says. It is called as
 * the real one, notes that it was called, and can put the real programs in place with `deliver`.
 */
async function withGo(script: string): Promise<Options & { calls: () => Promise<string[]> }> {
  const directory = await temporaryDirectory();
  const bin = join(directory, "bin");
  const modulesDir = join(directory, "modules");
  const calls = join(directory, "calls");
  await mkdir(bin);
  await mkdir(join(modulesDir, "go-3.6"), { recursive: true });
  await writeFile(
    join(modulesDir, "go-3.6", "go.mod"),
    `module x\n\nrequire (\n\tgo.etcd.io/etcd/server/v3 v${real.version} // indirect\n)\n`,
  );
  await writeFile(
    join(bin, "go"),
    `#!/bin/sh
PATH=/usr/bin:/bin
if [ "$1" = env ]; then echo go1.26.0; exit 0; fi
echo "$PWD CGO_ENABLED=$CGO_ENABLED GOWORK=$GOWORK $*" >> ${calls}
while [ "$1" != -o ]; do shift; done
deliver() {
  cp ${real.etcd} "$1/server"; cp ${real.etcdctl} "$1/etcdctl"; cp ${real.etcdutl} "$1/etcdutl"
}
${script}
`,
  );
  await chmod(join(bin, "go"), 0o755);
  return {
    toolsDir: join(directory, "tools"),
    env: { PATH: bin },
    modulesDir,
    checksums: {},
    calls: async () => (await readFile(calls, "utf8")).trimEnd().split("\n"),
  };
}

/** Calls `ensureEtcd("3.6")` in a process of its own that has no handler of any signal. */
function inProcess(options: Options): { child: ChildProcess; output: () => string } {
  const { toolsDir, env, modulesDir } = options;
  const given = JSON.stringify({ toolsDir, env, modulesDir, checksums: {} });
  const child = spawn(
    process.execPath,
    [
      "--require",
      TYPESCRIPT,
      "--eval",
      `require(${JSON.stringify(join(ROOT, "machine/programs/programs.ts"))})
         .ensureEtcd("3.6", { ...${given}, log: console.log })
         .then((programs) => console.log("origin", programs.origin))`,
    ],
    { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] },
  );
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  return { child, output: () => output };
}

/** Waits until a file is there and gives its text; limit one minute. */
async function fileThere(file: string): Promise<string> {
  for (let tries = 0; tries < 1200; tries += 1) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (text !== "") return text;
    await sleep(50);
  }
  throw new Error(`${file} did not appear within a minute`);
}

/** Whether a process ends within a minute. */
async function ends(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 1200; tries += 1) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    // One that has ended but that nobody waits for here is still listed, as a zombie.
    const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
    if (state.includes(") Z")) return true;
    await sleep(50);
  }
  return false;
}

async function failureOf(call: Promise<unknown>): Promise<EtcdProgramsError> {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure instanceof EtcdProgramsError) return failure;
  throw new Error(`no EtcdProgramsError but ${String(failure)}`);
}

const builtReason = (failure: EtcdProgramsError): string | undefined =>
  failure.ways.find(({ way }) => way === "built")?.reason;

describe("go build", () => {
  it("builds the pinned modules as pinned, and the programs are in the cache afterwards", async () => {
    const options = await withGo('deliver "$2"');
    const lines: string[] = [];
    const programs = await ensureEtcd("3.6", { ...options, log: (line) => lines.push(line) });
    expect(programs).toMatchObject({ origin: "built", version: real.version });
    expect(await options.calls()).toEqual([
      expect.stringMatching(
        /\/go-3\.6 CGO_ENABLED=0 GOWORK=off build -mod=readonly -trimpath .* -o \S+\.partial\/ tool$/,
      ),
    ]);
    expect(lines[0]).toMatch(/^no release: .*; building instead$/);
    expect(lines[1]).toContain(`building etcd ${real.version} with go1.26.0`);
    expect(await readdir(options.toolsDir)).toEqual([`etcd-${real.version}-${platform()}`]);
    expect(await ensureEtcd("3.6", options)).toMatchObject({ origin: "cache" });
  });

  it("that fails is told with go's own words and leaves nothing", async () => {
    const options = await withGo("echo 'go: missing go.sum entry for module x' >&2; exit 1");
    const failure = await failureOf(ensureEtcd("3.6", options));
    expect(builtReason(failure)).toBe("go: missing go.sum entry for module x");
    expect(await readdir(options.toolsDir)).toEqual([]);
  });

  it("that ends well without programs is not believed", async () => {
    const options = await withGo('touch "$2/server" "$2/etcdctl" "$2/etcdutl"');
    const failure = await failureOf(ensureEtcd("3.6", options));
    expect(builtReason(failure)).toMatch(/etcd(ctl|utl)?: it cannot be executed/);
    expect(await readdir(options.toolsDir)).toEqual([]);
  });

  it("is not tried for a patch that is not pinned; those that are, are named", async () => {
    const failure = await failureOf(ensureEtcd("3.6.0", await withGo("exit 1")));
    expect(builtReason(failure)).toBe(
      `no go.mod for 3.6.0 is pinned here (there are ${real.version})`,
    );
  });

  it("needs a go on PATH", async () => {
    const options = await withGo("exit 1");
    const failure = await failureOf(ensureEtcd("3.6", { ...options, env: { PATH: "" } }));
    expect(builtReason(failure)).toBe("there is no `go` on PATH");
  });

  it("ends after the limit, with all that it started", async () => {
    const options = await withGo('sleep 300 & echo $! > "$2/../compiler"; wait');
    const limits = { build: 0.5 };
    const failure = await failureOf(ensureEtcd("3.6", { ...options, limits }));
    expect(builtReason(failure)).toBe("not done within 0.5 s");
    const compiler = Number(await readFile(join(options.toolsDir, "compiler"), "utf8"));
    expect(await ends(compiler)).toBe(true);
  });

  it("ends at once when interrupted, with all that it started", async () => {
    const options = await withGo('sleep 300 & echo $! > "$2/../compiler"; wait');
    const stop = new AbortController();
    const call = ensureEtcd("3.6", { ...options, signal: stop.signal });
    const rejected = expect(call).rejects.toThrow("enough");
    const compiler = Number(await fileThere(join(options.toolsDir, "compiler")));
    stop.abort(new Error("enough"));
    await rejected;
    expect(await ends(compiler)).toBe(true);
    expect(await readdir(options.toolsDir)).toEqual(["compiler"]);
  });
});

describe("several processes", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "%s to one that builds ends it and its compilers; the lock is given back",
    async (signal) => {
      const options = await withGo('sleep 300 & echo $! > "$2/../compiler"; wait');
      const { child } = inProcess(options);
      const compiler = Number(await fileThere(join(options.toolsDir, "compiler")));
      child.kill(signal);
      expect(await once(child, "exit")).toEqual([null, signal]);
      expect(await ends(compiler)).toBe(true);
      expect(await readdir(options.toolsDir)).not.toContain("etcd-3.6.lock");
    },
  );

  it("at once build once: the second waits, says so, and takes what the first made", async () => {
    const options = await withGo('sleep 1.5; deliver "$2"');
    const both = [inProcess(options), inProcess(options)];
    await Promise.all(both.map(({ child }) => once(child, "exit")));
    const outputs = both.map(({ output }) => output());
    expect(outputs.filter((output) => output.includes("origin built"))).toHaveLength(1);
    expect(outputs.filter((output) => output.includes("origin cache"))).toHaveLength(1);
    expect(outputs.join("")).toContain("waiting for another process that is at it");
    expect(await options.calls()).toHaveLength(1);
  });

  it("a killed one is replaced by the next, and what it began is removed", async () => {
    const options = await withGo(
      'echo yes > "$2/../begun"; [ -e "$2/../again" ] || sleep 1; deliver "$2"',
    );
    const { child } = inProcess(options);
    await fileThere(join(options.toolsDir, "begun"));
    child.kill("SIGKILL");
    await once(child, "exit");
    const left = await readdir(options.toolsDir);
    expect(left).toContain("etcd-3.6.lock");
    expect(left.some((name) => name.endsWith(".partial"))).toBe(true);
    // As if the lock had not been renewed for a minute.
    const before = new Date(Date.now() - 60_000);
    await utimes(join(options.toolsDir, "etcd-3.6.lock"), before, before);
    await writeFile(join(options.toolsDir, "again"), "");
    expect(await ensureEtcd("3.6", options)).toMatchObject({ origin: "built" });
    expect((await readdir(options.toolsDir)).sort()).toEqual([
      "again",
      "begun",
      `etcd-${real.version}-${platform()}`,
    ]);
  });
});
