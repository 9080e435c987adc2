/** `go build` of the published etcd modules, each at the version and sum that the repository pins. */
import { execFile, spawn } from "node:child_process";
import { readFile, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { onExit } from "signal-exit";
import type { InstallContext } from "./limits";
import { inDirectory, which } from "./probe";
import { describe, fits, type WantedVersion } from "./version";

/** Seconds between two lines of progress, and from asking a child to end until it is made to. */
const PROGRESS = 10;
const GRACE = 5;

/** A committed go.mod: the folders that hold one for each minor version, and the module whose version it is. */
export interface PinnedModules {
  /** `go-` for the folders `go-3.6`. */
  readonly folder: string;
  readonly module: string;
}
const ETCD: PinnedModules = { folder: "go-", module: "go.etcd.io/etcd/server/v3" };

/** The folder `go-3.6` for 3.6 and the version that its go.mod pins; rejects when there is none or it does not fit. */
export async function pinnedModule(
  wanted: WantedVersion,
  modulesDir: string,
  { folder, module }: PinnedModules = ETCD,
): Promise<{ readonly directory: string; readonly version: string }> {
  const pinned = new RegExp(`^\\s*(?:require )?${module.replaceAll(".", "\\.")} v(\\S+)`, "m");
  const others: string[] = [];
  for (const name of (await readdir(modulesDir))
    .filter((entry) => entry.startsWith(folder))
    .sort()) {
    const directory = join(modulesDir, name);
    const text = await readFile(join(directory, "go.mod"), "utf8");
    const version = pinned.exec(text)?.[1];
    if (version === undefined) continue;
    if (fits(version, wanted)) return { directory, version };
    others.push(version);
  }
  throw new Error(
    `no go.mod for ${describe(wanted)} is pinned here (there are ${others.join(", ") || "none"})`,
  );
}

/**
 * The environment of a build: nothing that would make it one for another computer than was asked for (by default this one), or of
 * other modules.
 * @param on `linux-arm64`
 */
function buildEnvironment(env: NodeJS.ProcessEnv, on = "-"): NodeJS.ProcessEnv {
  const [GOOS, GOARCH] = on.split("-");
  return { ...env, GOOS, GOARCH, CGO_ENABLED: "0", GOWORK: "off" };
}

/** Ends a child and all that it started; no error when it has ended already. */
function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Ended already.
  }
}

/** Ends a child and all that it started, by force where that takes too long. */
function endGroup(pid: number): void {
  killGroup(pid, "SIGTERM");
  setTimeout(() => {
    killGroup(pid, "SIGKILL");
  }, GRACE * 1000).unref();
}

/** Runs go and reports its progress; rejects with what it said last. */
export function runGo(
  go: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly title: string;
    readonly context: InstallContext;
    /** `linux-arm64`. @default this computer */
    readonly on?: string | undefined;
  },
): Promise<void> {
  const { cwd, title, context, on } = options;
  return new Promise((resolve, reject) => {
    // A process group of its own: go's compilers must end with it, whoever asks for that.
    const child = spawn(go, args, {
      cwd,
      env: buildEnvironment(context.env, on),
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const started = Date.now();
    const elapsed = (): number => Math.round((Date.now() - started) / 1000);
    let stopped: Error | undefined;
    const stop = (reason: Error): void => {
      stopped ??= reason;
      if (child.pid !== undefined) endGroup(child.pid);
    };
    const interrupted = (): void => {
      stop(new Error("interrupted"));
    };
    const forget = onExit(() => {
      if (child.pid !== undefined) killGroup(child.pid, "SIGKILL");
    });
    context.signal?.addEventListener("abort", interrupted, { once: true });
    const limit = setTimeout(() => {
      stop(new Error(`not done within ${context.limits.build} s`));
    }, context.limits.build * 1000);
    const words = listenTo(child.stderr);
    const progress = setInterval(() => {
      context.log(`  ${title}: ${elapsed()} s${words.done()}`);
    }, PROGRESS * 1000);
    const settle = (failure?: Error): void => {
      clearTimeout(limit);
      clearInterval(progress);
      context.signal?.removeEventListener("abort", interrupted);
      forget();
      if (failure) reject(failure);
      else resolve();
    };
    child.on("error", settle);
    child.on("close", (code) => {
      if (stopped) settle(stopped);
      else if (code === 0) settle();
      else settle(new Error(words.last() || `go ended with ${String(code)}`));
    });
    if (context.signal?.aborted) interrupted();
  });
}

/** What go says while it builds: how far it is, and its words. */
function listenTo(stderr: Readable) {
  let packages = 0;
  let downloads = 0;
  const said: string[] = [];
  let rest = "";
  stderr.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      // With -v, go prints the path of each package that it compiles, and nothing else, on a line.
      if (/^[\w.~/-]+$/.test(line)) packages += 1;
      else if (line.startsWith("go: downloading ")) downloads += 1;
      else if (line.trim() !== "") said.push(line.trim());
    }
  });
  return {
    done(): string {
      if (packages > 0) return `, ${packages} packages compiled`;
      return downloads > 0 ? `, ${downloads} modules downloaded` : "";
    },
    last: () =>
      [...said, rest.trim()]
        .filter((line) => line !== "")
        .slice(-8)
        .join("; "),
  };
}

/** The `go` of PATH and what it calls itself. */
export async function findGo(
  modulesDir: string,
  context: InstallContext,
): Promise<{ readonly go: string; readonly version: string }> {
  const go = await which("go", context.env.PATH);
  if (go === undefined) throw new Error("there is no `go` on PATH");
  const { stdout } = await promisify(execFile)(go, ["env", "GOVERSION"], {
    cwd: modulesDir,
    env: { ...context.env, GOTOOLCHAIN: "local" },
    timeout: 30_000,
  });
  return { go, version: stdout.trim() };
}

/**
 * Builds etcd, etcdctl and etcdutl of the pinned version into `directory`, for this computer or for the platform `on`.
 *
 * Takes minutes when go's cache is cold. Rejects with the reason in words.
 * @returns the version
 */
export async function buildPrograms(
  wanted: WantedVersion,
  modulesDir: string,
  directory: string,
  context: InstallContext,
  on?: string,
): Promise<string> {
  const module = await pinnedModule(wanted, modulesDir);
  const { go, version } = await findGo(modulesDir, context);
  const title = `building etcd ${module.version}${on === undefined ? "" : ` for ${on}`}`;
  context.log(`${title} with ${version}: seconds when built before, else some minutes`);
  const build = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-v"];
  const args = [...build, "-o", `${directory}/`, "tool"];
  await runGo(go, args, { cwd: module.directory, title, context, on });
  // go names a program by its module's folder.
  await rename(join(directory, "server"), inDirectory(directory).etcd);
  return module.version;
}
