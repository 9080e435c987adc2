/** Finds etcd programs where they are, without installing anything. */
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { PROGRAMS, inDirectory, probe, which, type Probe } from "./probe";
import {
  describe,
  fits,
  hasEtcdutl,
  newestFirst,
  parseWanted,
  platform,
  type WantedVersion,
} from "./version";

/** Where programs come from, in the order in which they are looked for. */
export type ProgramsOrigin = "setting" | "PATH" | "cache" | "release" | "built";

/** Programs of one version, each of which has said so itself. */
export interface EtcdPrograms {
  /** The server's version, `3.6.16`. */
  readonly version: string;
  /** Absolute paths. */
  readonly etcd: string;
  readonly etcdctl: string;
  /** No file before 3.5 (`hasEtcdutl`). */
  readonly etcdutl: string;
  readonly origin: ProgramsOrigin;
}

/** One way to come by the programs that led to nothing. */
export interface FailedWay {
  readonly way: ProgramsOrigin;
  readonly reason: string;
}

export interface FindOptions {
  /** Folder with etcd, etcdctl and etcdutl: the user's setting. Programs of another version there are an error. */
  readonly directory?: string;
  /** Folder of the cache. Default: `ETCD_RESTORE_TOOLS`, else `.tools` of a checkout, `~/.cache/etcd-restore` of a package. */
  readonly toolsDir?: string;
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
}

/** No way led to programs that fit; the message names every way and what to do. */
export class EtcdProgramsError extends Error {
  constructor(
    message: string,
    readonly ways: readonly FailedWay[],
  ) {
    super(message);
  }
}

/** Programs that are there, or why each place has none. */
export interface Found {
  readonly programs: EtcdPrograms | undefined;
  readonly failed: readonly FailedWay[];
}

const PROJECT_DIR = path.resolve(__dirname, "../..");

/** Whether this is compiled code, of an installed package: no place to keep programs. */
const IS_PACKAGE = path.extname(__filename) === ".js";

/**
 * The folder of the cache: what is set (relative: from the checkout; of a package from where it is run), else `.tools` of the
 * checkout; of a package the user's cache, by the XDG Base Directory Specification.
 */
export function toolsDirOf(options: Pick<FindOptions, "toolsDir" | "env">): string {
  const set = options.toolsDir ?? (options.env ?? process.env).ETCD_RESTORE_TOOLS;
  const isSet = set !== undefined && set !== "";
  if (IS_PACKAGE) return isSet ? path.resolve(set) : userCache(options.env ?? process.env);
  return path.resolve(PROJECT_DIR, isSet ? set : ".tools");
}

/** A relative XDG_CACHE_HOME is invalid, and ignored, as the specification has it. */
export function userCache({ XDG_CACHE_HOME = "" }: NodeJS.ProcessEnv): string {
  const cache = path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : path.join(homedir(), ".cache");
  return path.join(cache, "etcd-restore");
}

/** The programs of a probe when all three fit, else the reason why not. */
export function judge(
  result: Probe,
  wanted: WantedVersion,
  origin: ProgramsOrigin,
): EtcdPrograms | string {
  if ("reason" in result) return result.reason;
  const { paths, versions } = result;
  const wrong = PROGRAMS.filter((program) => !fits(versions[program], wanted));
  if (wrong.length === 0) return { version: versions.etcd, ...paths, origin };
  const found = wrong.map((program) => `${paths[program]} is ${versions[program]}`).join(", ");
  return `${found}; needed is ${describe(wanted)}`;
}

async function fromSetting(
  directory: string,
  wanted: WantedVersion,
  env: NodeJS.ProcessEnv,
): Promise<EtcdPrograms> {
  const paths = inDirectory(path.resolve(directory));
  const programs = judge(await probe(paths, env), wanted, "setting");
  if (typeof programs !== "string") return programs;
  throw new EtcdProgramsError(
    `the etcd programs that were set (${directory}) cannot be used: ${programs}. ` +
      `Set a folder with etcd, etcdctl and etcdutl ${describe(wanted)}, or set none: they are then found or installed`,
    [{ way: "setting", reason: programs }],
  );
}

async function fromPath(
  wanted: WantedVersion,
  env: NodeJS.ProcessEnv,
): Promise<EtcdPrograms | string> {
  const [etcd, etcdctl, found] = await Promise.all(
    PROGRAMS.map((program) => which(program, env.PATH)),
  );
  const isOld = etcd !== undefined && !hasEtcdutl(wanted.minor);
  const etcdutl = isOld ? path.join(path.dirname(etcd), "etcdutl") : found;
  if (etcd === undefined || etcdctl === undefined || etcdutl === undefined) {
    const missing = Object.entries({ etcd, etcdctl, etcdutl }).filter(([, file]) => !file);
    return `no ${missing.map(([program]) => program).join(", no ")} there`;
  }
  return judge(await probe({ etcd, etcdctl, etcdutl }, env), wanted, "PATH");
}

/** The newest programs of the cache that fit and answer. */
async function fromCache(
  wanted: WantedVersion,
  toolsDir: string,
  env: NodeJS.ProcessEnv,
): Promise<EtcdPrograms | string> {
  const entries = await readdir(toolsDir).catch(() => []);
  const versions = entries
    .map((entry) => /^etcd-(\d+\.\d+\.\d+)-(.+)$/.exec(entry))
    .flatMap((match) => (match?.[2] === platform() && match[1] !== undefined ? [match[1]] : []))
    .filter((version) => fits(version, wanted))
    .sort(newestFirst);
  let reason = `none of ${describe(wanted)} in ${toolsDir}`;
  for (const version of versions) {
    const paths = inDirectory(path.join(toolsDir, `etcd-${version}-${platform()}`));
    const programs = judge(await probe(paths, env), parseWanted(version), "cache");
    if (typeof programs !== "string") return programs;
    reason = programs;
  }
  return reason;
}

/**
 * Looks for etcd programs without installing anything: the setting, PATH, the cache, in this order.
 *
 * Throws an `EtcdProgramsError` when the setting names a folder that does not fit.
 * @param wanted a minor version (`3.6`, any patch will do) or an exact one (`3.6.16`)
 */
export async function findEtcd(wanted: string, options: FindOptions = {}): Promise<Found> {
  const version = parseWanted(wanted);
  const env = options.env ?? process.env;
  if (options.directory !== undefined) {
    return { programs: await fromSetting(options.directory, version, env), failed: [] };
  }
  const failed: FailedWay[] = [{ way: "setting", reason: "none given" }];
  const onPath = await fromPath(version, env);
  if (typeof onPath !== "string") return { programs: onPath, failed };
  failed.push({ way: "PATH", reason: onPath });
  const cached = await fromCache(version, toolsDirOf(options), env);
  if (typeof cached !== "string") return { programs: cached, failed };
  failed.push({ way: "cache", reason: cached });
  return { programs: undefined, failed };
}
