/** The official release: a tarball whose sha256 is pinned in this repository. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { InstallContext } from "./limits";
import { PROGRAMS } from "./probe";
import { describe, fits, newestFirst, platform, type WantedVersion } from "./version";

export const RELEASES = "https://github.com/etcd-io/etcd/releases/download";

/** sha256 of release tarballs, by platform (`linux-amd64`) and version. */
export type Checksums = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A release that can be checked: where it is and what it must be. */
export interface PinnedRelease {
  readonly version: string;
  readonly sha256: string;
  readonly url: string;
}

/** The file is not the one that was pinned: no reason to try something else in silence. */
export class WrongChecksumError extends Error {}

/** Newest release of the wanted version whose sum is pinned for a platform, by default this one; undefined when there is none. */
export function pinnedRelease(
  wanted: WantedVersion,
  checksums: Checksums,
  mirror: string,
  on = platform(),
): PinnedRelease | undefined {
  const sums = checksums[on] ?? {};
  const version = Object.keys(sums)
    .filter((candidate) => fits(candidate, wanted))
    .sort(newestFirst)[0];
  const sha256 = version === undefined ? undefined : sums[version];
  if (version === undefined || sha256 === undefined) return undefined;
  const base = mirror.replace(/\/+$/, "");
  return { version, sha256, url: `${base}/v${version}/etcd-v${version}-${on}.tar.gz` };
}

/** The cause of a failed request in a few words: `cannot be reached (ENOTFOUND)`. */
function requestFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  if (cause instanceof Error) {
    const code = "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
    return `cannot be reached (${code})`;
  }
  return error.message;
}

/** Downloads to `file` and returns the digest of what came, in hex. */
async function download(
  url: string,
  file: string,
  algorithm: Algorithm,
  context: InstallContext,
): Promise<string> {
  const { limits, log, signal } = context;
  const gaveUp = new AbortController();
  const expire = (seconds: number, what: string): NodeJS.Timeout =>
    setTimeout(() => {
      gaveUp.abort(new Error(`${what} within ${seconds} s`));
    }, seconds * 1000);
  const whole = expire(limits.download, "not complete");
  let waiting = expire(limits.connect, "no answer");
  const signals = [gaveUp.signal, ...(signal ? [signal] : [])];
  const digest = createHash(algorithm);
  try {
    const response = await fetch(url, { signal: AbortSignal.any(signals) });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Error(`the server answers ${response.status} ${response.statusText}`);
    }
    const total = Number(response.headers.get("content-length") ?? 0);
    let bytes = 0;
    let reported = Date.now();
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        clearTimeout(waiting);
        waiting = expire(limits.stall, "nothing more");
        digest.update(chunk);
        bytes += chunk.length;
        if (Date.now() - reported > 2000) {
          reported = Date.now();
          const of = total > 0 ? ` of ${(total / 1e6).toFixed(1)}` : "";
          log(`  ${(bytes / 1e6).toFixed(1)}${of} MB`);
        }
        done(null, chunk);
      },
    });
    const combined = { signal: AbortSignal.any(signals) };
    await pipeline(Readable.fromWeb(response.body), measure, createWriteStream(file), combined);
    return digest.digest("hex");
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(requestFailure(gaveUp.signal.aborted ? gaveUp.signal.reason : error));
  } finally {
    clearTimeout(whole);
    clearTimeout(waiting);
  }
}

/** Which files of a tarball are wanted, and how many folders stand before their names. */
export interface Members {
  readonly paths: readonly string[];
  readonly depth: number;
}

/** Unpacks some files of a tarball into `directory`, owned by whoever runs this. */
async function unpack(tarball: string, directory: string, members: Members): Promise<void> {
  const args = ["-xof", "-", "-C", directory, `--strip-components=${members.depth}`];
  const tar = spawn("tar", [...args, ...members.paths], { stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  tar.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<void>((resolve, reject) => {
    tar.on("error", reject);
    tar.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(said.trim() || `tar ended with ${String(code)}`));
    });
  });
  // tar's exit code alone says how it went: content was checked by its sum, and tar may well close its end before the
  // padding at the end of the archive has been written to it.
  const fed = pipeline(createReadStream(tarball), createGunzip(), tar.stdin);
  const [result] = await Promise.allSettled([ended, fed]);
  if (result.status === "rejected") {
    throw new Error(`the tarball cannot be unpacked: ${String(result.reason)}`);
  }
  for (const member of members.paths) await chmod(join(directory, basename(member)), 0o755);
}

/** What an archive must be before anything of it is used. */
export interface PinnedArchive {
  readonly url: string;
  readonly algorithm: Algorithm;
  /** In hex. */
  readonly digest: string;
}
export type Algorithm = "sha256" | "sha512";

/**
 * Downloads a tarball, checks its digest, and unpacks some of its files into `directory`.
 *
 * Rejects with the reason in words; with `WrongChecksumError` when the file is not what was pinned.
 */
export async function unpackPinned(
  { url, algorithm, digest }: PinnedArchive,
  members: Members,
  directory: string,
  context: InstallContext,
): Promise<void> {
  const tarball = join(directory, "release.tar.gz");
  const found = await download(url, tarball, algorithm, context).catch((error: unknown) => {
    context.signal?.throwIfAborted();
    throw new Error(`${url}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (found !== digest) {
    throw new WrongChecksumError(
      `${url} is not the release that is pinned here: ${algorithm} expected ${digest}, found ${found}. ` +
        "Nothing of it was unpacked. Look at what the mirror serves, or give a directory with programs of your own",
    );
  }
  await unpack(tarball, directory, members);
  await rm(tarball);
}

/**
 * Downloads the pinned release, checks it, and unpacks etcd, etcdctl and etcdutl into `directory`.
 *
 * Of the platform `on`, by default this one (`linux-amd64`).
 * Rejects with the reason in words; with `WrongChecksumError` when the file is not what was pinned.
 * @returns the version
 */
export async function unpackRelease(
  wanted: WantedVersion,
  checksums: Checksums,
  mirror: string,
  directory: string,
  context: InstallContext,
  on = platform(),
): Promise<string> {
  const release = pinnedRelease(wanted, checksums, mirror, on);
  if (release === undefined) {
    throw new Error(`no sha256 of ${describe(wanted)} for ${on} is pinned here`);
  }
  context.log(`etcd ${release.version}: downloading ${release.url}`);
  const { url, sha256: digest } = release;
  const top = `etcd-v${release.version}-${on}`;
  const members = { paths: PROGRAMS.map((program) => `${top}/${program}`), depth: 1 };
  await unpackPinned({ url, algorithm: "sha256", digest }, members, directory, context);
  return release.version;
}
