/** etcd programs for another platform than this computer's: they lie in the same cache, and cannot be asked for their version here. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { buildPrograms } from "./build";
import pinned from "./checksums.json";
import { LIMITS, type InstallContext } from "./limits";
import { placeDirectory, withLock } from "./place";
import type { EnsureOptions } from "./programs";
import { RELEASES, WrongChecksumError, unpackRelease } from "./release";
import { describe, fits, newestFirst, parseWanted } from "./version";

/** Where etcd, etcdctl and etcdutl of another platform are. */
export interface ForeignEtcd {
  readonly version: string;
  readonly directory: string;
}

/**
 * Finds them in the cache, or puts them there: the official release (sha256 pinned here), else a build of the published modules.
 * @param minor `3.6`
 * @param on `linux-arm64`
 */
export async function ensureForeignEtcd(
  minor: string,
  on: string,
  options: Required<Pick<EnsureOptions, "toolsDir" | "log" | "signal">>,
): Promise<ForeignEtcd> {
  const { toolsDir, log, signal } = options;
  const wanted = parseWanted(minor);
  const context: InstallContext = { limits: LIMITS, env: process.env, log, signal };
  const lockFile = path.join(toolsDir, `etcd-${minor}-${on}.lock`);
  return withLock(lockFile, `etcd ${describe(wanted)} for ${on}`, context, async () => {
    const name = new RegExp(`^etcd-(\\d+\\.\\d+\\.\\d+)-${on}$`);
    const [there] = (await readdir(toolsDir))
      .flatMap((entry) => name.exec(entry)?.[1] ?? [])
      .filter((version) => fits(version, wanted))
      .sort(newestFirst);
    if (there !== undefined) return { version: there, directory: inCache(toolsDir, there, on) };
    let version = "";
    const directory = await placeDirectory(toolsDir, `etcd-${minor}-${on}`, async (partial) => {
      version = await install(wanted, on, partial, context);
      return `etcd-${version}-${on}`;
    });
    return { version, directory };
  });
}

function inCache(toolsDir: string, version: string, on: string): string {
  return path.join(toolsDir, `etcd-${version}-${on}`);
}

async function install(
  wanted: ReturnType<typeof parseWanted>,
  on: string,
  directory: string,
  context: InstallContext,
): Promise<string> {
  const { ETCD_RESTORE_MIRROR: mirror } = context.env;
  const from = mirror === undefined || mirror === "" ? RELEASES : mirror;
  try {
    return await unpackRelease(wanted, pinned.sha256, from, directory, context, on);
  } catch (error) {
    context.signal?.throwIfAborted();
    if (error instanceof WrongChecksumError) throw error;
    context.log(
      `no release: ${error instanceof Error ? error.message : String(error)}; building instead`,
    );
    return buildPrograms(wanted, __dirname, directory, context, on);
  }
}
