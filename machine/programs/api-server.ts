/** The program kube-apiserver: found where it is, or installed, as the etcd programs are (`programs.ts`). */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { buildApiServer } from "./api-server-build";
import pinned from "./envtest-checksums.json";
import { EtcdProgramsError, toolsDirOf, type FailedWay, type ProgramsOrigin } from "./find";
import { LIMITS, type InstallContext, type InstallLimits } from "./limits";
import { placeDirectory, withLock } from "./place";
import { askVersion, which } from "./probe";
import { pinnedRelease, unpackPinned, WrongChecksumError, type Checksums } from "./release";
import { describe, fits, KUBERNETES, newestFirst, parseWanted, platform } from "./version";
import type { WantedVersion } from "./version";

/** A kube-apiserver that has said its version itself. */
export interface ApiServerProgram {
  /** `1.35.4` */
  readonly version: string;
  /** Absolute path. */
  readonly file: string;
  readonly origin: ProgramsOrigin;
}

/** No way led to a kube-apiserver that fits; the message names every way and what to do. */
export class ApiServerError extends EtcdProgramsError {}

export interface ApiServerOptions {
  /** The program itself: the user's setting. One of another version is an error. Default: `ETCD_RESTORE_KUBE_APISERVER`. */
  readonly file?: string | undefined;
  /** Folder of the cache. Default: `ETCD_RESTORE_TOOLS`, else `.tools` of this project. */
  readonly toolsDir?: string;
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Where envtest archives are downloaded from. Default: `ETCD_RESTORE_ENVTEST_MIRROR`, else GitHub. */
  readonly mirror?: string;
  /** sha512 of the archives. Default: those pinned in `envtest-checksums.json`. */
  readonly checksums?: Checksums;
  /** Told one line at a time what is being installed. Default: nobody is. */
  readonly log?: (line: string) => void;
  /** Ends an installation: its children are stopped, what it began is removed. */
  readonly signal?: AbortSignal;
  /** In seconds. */
  readonly limits?: Partial<InstallLimits>;
}

/** envtest archives: kube-apiserver, kubectl and etcd for tests of controllers, made by Kubernetes' own project. */
const ARCHIVES = "https://github.com/kubernetes-sigs/controller-tools/releases/download";
const PROGRAM = "kube-apiserver";
/** Some 800 packages of Go: ten minutes on two idle cores, and an hour on busy ones. */
const BUILD_LIMIT = 5400;
const QUESTION = {
  ...{ argument: "--version", answer: /^Kubernetes v(\d+\.\d+\.\d+\S*)$/m },
  // It is 100 MB, perhaps on a cold disk.
  ...{ wanted: "version of Kubernetes", limitSeconds: 30 },
};
const WAYS: Readonly<Record<ProgramsOrigin, string>> = {
  setting: "the program that is set",
  PATH: "PATH",
  cache: "the cache",
  release: "the envtest archive",
  built: "go build",
};

/** The program when it is of the wanted version, else the reason why not. */
async function judge(
  file: string,
  wanted: WantedVersion,
  origin: ProgramsOrigin,
  env: NodeJS.ProcessEnv,
): Promise<ApiServerProgram | string> {
  try {
    const version = await askVersion(file, QUESTION, env);
    if (fits(version, wanted)) return { version, file, origin };
    return `${file} is ${version}; needed is ${describe(wanted)}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The newest of the cache that fits; what the one-node Kubernetes of the lab was built for serves too. */
async function fromCache(
  wanted: WantedVersion,
  toolsDir: string,
  env: NodeJS.ProcessEnv,
): Promise<ApiServerProgram | string> {
  const entries = await readdir(toolsDir).catch(() => []);
  const folders = entries
    .map((name) => ({
      name,
      match: /^(?:kube-apiserver|kubernetes)-(\d+\.\d+\.\d+)-(.+)$/.exec(name),
    }))
    .flatMap(({ name, match }) =>
      match?.[1] !== undefined && match[2] === platform() ? [{ name, version: match[1] }] : [],
    )
    .filter(({ version }) => fits(version, wanted))
    .sort((a, b) => newestFirst(a.version, b.version) || a.name.localeCompare(b.name));
  let reason = `none of ${describe(wanted)} in ${toolsDir}`;
  for (const { name } of folders) {
    const program = await judge(path.join(toolsDir, name, PROGRAM), wanted, "cache", env);
    if (typeof program !== "string") return program;
    reason = program;
  }
  return reason;
}

/** Looks for the program without installing anything: the setting, PATH, the cache, in this order. */
export async function findApiServer(
  wanted: string,
  options: ApiServerOptions = {},
): Promise<{
  readonly program: ApiServerProgram | undefined;
  readonly failed: readonly FailedWay[];
}> {
  const version = parseWanted(wanted, KUBERNETES);
  const env = options.env ?? process.env;
  const set = options.file ?? env.ETCD_RESTORE_KUBE_APISERVER;
  if (set !== undefined && set !== "") {
    const program = await judge(path.resolve(set), version, "setting", env);
    if (typeof program !== "string") return { program, failed: [] };
    throw new ApiServerError(
      `the kube-apiserver that was set cannot be used: ${program}. Set one of ${describe(version)}, or set none: it is then found or installed`,
      [{ way: "setting", reason: program }],
    );
  }
  const failed: FailedWay[] = [{ way: "setting", reason: "none given" }];
  const onPath = await which(PROGRAM, env.PATH);
  const there = onPath === undefined ? "none there" : await judge(onPath, version, "PATH", env);
  if (typeof there !== "string") return { program: there, failed };
  failed.push({ way: "PATH", reason: there });
  const cached = await fromCache(version, toolsDirOf(options), env);
  if (typeof cached !== "string") return { program: cached, failed };
  failed.push({ way: "cache", reason: cached });
  return { program: undefined, failed };
}

/** Downloads the pinned envtest archive and unpacks kube-apiserver into `directory`; resolves with the version. */
async function unpackArchive(
  wanted: WantedVersion,
  directory: string,
  options: ApiServerOptions,
  context: InstallContext,
): Promise<string> {
  const set = options.mirror ?? context.env.ETCD_RESTORE_ENVTEST_MIRROR;
  const mirror = (set === undefined || set === "" ? ARCHIVES : set).replace(/\/+$/, "");
  const release = pinnedRelease(wanted, options.checksums ?? pinned.sha512, mirror);
  if (release === undefined) {
    throw new Error(`no sha512 of ${describe(wanted)} for ${platform()} is pinned here`);
  }
  const { version, sha256: digest } = release;
  const name = `envtest-v${version}`;
  const url = `${mirror}/${name}/${name}-${platform()}.tar.gz`;
  context.log(`${PROGRAM} ${version}: downloading ${url}`);
  const members = { paths: [`controller-tools/envtest/${PROGRAM}`], depth: 2 };
  await unpackPinned({ url, algorithm: "sha512", digest }, members, directory, context);
  return version;
}

/** Fills the cache by the archive or, if that cannot be had, by a build. Call it under the lock. */
async function install(
  wanted: WantedVersion,
  toolsDir: string,
  options: ApiServerOptions,
  context: InstallContext,
  before: readonly FailedWay[],
): Promise<ApiServerProgram> {
  const failed = [...before];
  const ways = {
    release: (directory: string) => unpackArchive(wanted, directory, options, context),
    built: (directory: string) => buildApiServer(wanted, __dirname, directory, context),
  };
  for (const way of ["release", "built"] as const) {
    try {
      let found: ApiServerProgram | undefined;
      const directory = await placeDirectory(
        toolsDir,
        `${PROGRAM}-${wanted.minor}`,
        async (partial) => {
          const exact = parseWanted(await ways[way](partial), KUBERNETES);
          const made = await judge(path.join(partial, PROGRAM), exact, way, context.env);
          if (typeof made === "string") throw new Error(made);
          found = made;
          return `${PROGRAM}-${made.version}-${platform()}`;
        },
      );
      if (found === undefined) continue;
      context.log(`${PROGRAM} ${found.version} is in ${directory}`);
      return { ...found, file: path.join(directory, PROGRAM) };
    } catch (error) {
      context.signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      failed.push({ way, reason });
      if (error instanceof WrongChecksumError) throw new ApiServerError(reason, failed);
      if (way === "release") context.log(`no archive: ${reason}; building instead`);
    }
  }
  const tried = failed.map(({ way, reason }, index) => `  ${index + 1}. ${WAYS[way]}: ${reason}`);
  throw new ApiServerError(
    `no ${PROGRAM} of version ${describe(wanted)}; every way was tried:\n${tried.join("\n")}\n` +
      `One of these mends it: name a ${PROGRAM} ${describe(wanted)} with --kube-apiserver or ETCD_RESTORE_KUBE_APISERVER, or put it on PATH; ` +
      "set ETCD_RESTORE_ENVTEST_MIRROR to a server that has the archives; install Go 1.26 or newer (it must reach a module proxy)",
    failed,
  );
}

/**
 * A kube-apiserver of the wanted version: one that is there, else installed into the cache.
 *
 * The order: the setting, PATH, the cache, the official envtest archive (sha512 pinned here), `go build` of the published
 * module (go.mod and go.sum pinned here). Several processes at once install once. Throws an `ApiServerError` that names
 * all five ways when none works, and at once when the setting or an archive's sha512 is wrong.
 * @param wanted a minor version (`1.35`, any patch will do) or an exact one (`1.35.4`)
 */
export async function ensureApiServer(
  wanted: string,
  options: ApiServerOptions = {},
): Promise<ApiServerProgram> {
  const found = await findApiServer(wanted, options);
  if (found.program) return found.program;
  const version = parseWanted(wanted, KUBERNETES);
  const toolsDir = toolsDirOf(options);
  const context: InstallContext = {
    limits: { ...LIMITS, build: BUILD_LIMIT, lock: BUILD_LIMIT, ...options.limits },
    env: options.env ?? process.env,
    log: options.log ?? (() => undefined),
    signal: options.signal,
  };
  const lockFile = path.join(toolsDir, `${PROGRAM}-${version.minor}.lock`);
  return withLock(lockFile, `${PROGRAM} ${describe(version)}`, context, async () => {
    const meanwhile = await findApiServer(wanted, options);
    return meanwhile.program ?? install(version, toolsDir, options, context, meanwhile.failed);
  });
}
