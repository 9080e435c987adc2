/** The three etcd programs that a backup needs: found where they are, or installed. */
import { rm } from "node:fs/promises";
import path from "node:path";
import { buildPrograms } from "./build";
import pinned from "./checksums.json";
import {
  EtcdProgramsError,
  findEtcd,
  judge,
  toolsDirOf,
  type EtcdPrograms,
  type FailedWay,
  type FindOptions,
  type ProgramsOrigin,
} from "./find";
import { LIMITS, type InstallContext, type InstallLimits } from "./limits";
import { placeDirectory, withLock } from "./place";
import { inDirectory, probe } from "./probe";
import { RELEASES, WrongChecksumError, unpackRelease, type Checksums } from "./release";
import { describe, parseWanted, platform, type WantedVersion } from "./version";

export {
  EtcdProgramsError,
  findEtcd,
  type EtcdPrograms,
  type FailedWay,
  type FindOptions,
  type Found,
  type ProgramsOrigin,
} from "./find";

export interface EnsureOptions extends FindOptions {
  /** Where releases are downloaded from; `/v3.6.14/etcd-v3.6.14-linux-amd64.tar.gz` is added. Default: `ETCD_RESTORE_MIRROR`, else GitHub. */
  readonly mirror?: string;
  /** Told one line at a time what is being installed. Default: nobody is. */
  readonly log?: (line: string) => void;
  /** Ends an installation: its children are stopped, what it began is removed. */
  readonly signal?: AbortSignal;
  /** In seconds. */
  readonly limits?: Partial<InstallLimits>;
  /** sha256 of the releases. Default: those pinned in `programs/checksums.json`. */
  readonly checksums?: Checksums;
  /** Folder with a `go-MINOR` (go.mod, go.sum) each. Default: `programs`. */
  readonly modulesDir?: string;
}

const WAYS: Readonly<Record<ProgramsOrigin, string>> = {
  setting: "a folder that is set",
  PATH: "PATH",
  cache: "the cache",
  release: "the official release",
  built: "go build",
};

function nothingWorked(wanted: WantedVersion, failed: readonly FailedWay[]): EtcdProgramsError {
  const ways = failed.map(({ way, reason }, index) => `  ${index + 1}. ${WAYS[way]}: ${reason}`);
  return new EtcdProgramsError(
    `no etcd programs of version ${describe(wanted)}; every way was tried:\n${ways.join("\n")}\n` +
      `One of these mends it: put etcd, etcdctl and etcdutl ${describe(wanted)} on PATH; set ETCD_RESTORE_MIRROR to a ` +
      "server that has the releases; install Go 1.26 or newer (it must reach a module proxy)",
    failed,
  );
}

/** Fills the cache by the release or, if that cannot be had, by a build. Call it under the lock. */
async function install(
  wanted: WantedVersion,
  toolsDir: string,
  options: EnsureOptions,
  context: InstallContext,
  before: readonly FailedWay[],
): Promise<EtcdPrograms> {
  const checksums = options.checksums ?? pinned.sha256;
  const set = options.mirror ?? context.env.ETCD_RESTORE_MIRROR;
  const mirror = set === undefined || set === "" ? RELEASES : set;
  const modulesDir = options.modulesDir ?? __dirname;
  const ways = {
    release: (directory: string) => unpackRelease(wanted, checksums, mirror, directory, context),
    built: (directory: string) => buildPrograms(wanted, modulesDir, directory, context),
  };
  const failed = [...before];
  for (const way of ["release", "built"] as const) {
    try {
      const directory = await placeDirectory(toolsDir, `etcd-${wanted.minor}`, async (partial) => {
        const version = await ways[way](partial);
        const made = judge(
          await probe(inDirectory(partial), context.env),
          parseWanted(version),
          way,
        );
        if (typeof made === "string") throw new Error(made);
        return `etcd-${version}-${platform()}`;
      });
      const programs = judge(await probe(inDirectory(directory), context.env), wanted, way);
      if (typeof programs !== "string") {
        context.log(`etcd ${programs.version} is in ${directory}`);
        return programs;
      }
      // Answered a moment ago and does not any more: not a thing to keep.
      await rm(directory, { recursive: true, force: true });
      failed.push({ way, reason: programs });
    } catch (error) {
      context.signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      failed.push({ way, reason });
      if (error instanceof WrongChecksumError) throw new EtcdProgramsError(reason, failed);
      if (way === "release") context.log(`no release: ${reason}; building instead`);
    }
  }
  throw nothingWorked(wanted, failed);
}

/**
 * Etcd programs of the wanted version: those that are there, else installed into the cache.
 *
 * The order: the setting, PATH, the cache, the official release (sha256 pinned here), `go build` of the published
 * modules (go.mod and go.sum pinned here). Several processes at once install once. Throws an `EtcdProgramsError`
 * that names all five ways when none works, and at once when the setting or a release's sha256 is wrong.
 * @param wanted a minor version (`3.6`, any patch will do) or an exact one (`3.6.16`)
 */
export async function ensureEtcd(
  wanted: string,
  options: EnsureOptions = {},
): Promise<EtcdPrograms> {
  const found = await findEtcd(wanted, options);
  if (found.programs) return found.programs;
  const version = parseWanted(wanted);
  const toolsDir = toolsDirOf(options);
  const context: InstallContext = {
    limits: { ...LIMITS, ...options.limits },
    env: options.env ?? process.env,
    log: options.log ?? (() => undefined),
    signal: options.signal,
  };
  const lockFile = path.join(toolsDir, `etcd-${version.minor}.lock`);
  return withLock(lockFile, `etcd ${describe(version)}`, context, async () => {
    const meanwhile = await findEtcd(wanted, options);
    return meanwhile.programs ?? install(version, toolsDir, options, context, meanwhile.failed);
  });
}
