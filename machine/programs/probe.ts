/** Asks etcd programs for their versions: a file's name proves nothing, and an exit code alone very little. */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { hasEtcdutl } from "./version";

export const PROGRAMS = ["etcd", "etcdctl", "etcdutl"] as const;
export type Program = (typeof PROGRAMS)[number];

/** Where the three programs lie; absolute paths. */
export type ProgramPaths = Readonly<Record<Program, string>>;

/** What the three say of themselves, or the one reason why they cannot be used. */
export type Probe =
  | { readonly paths: ProgramPaths; readonly versions: Readonly<Record<Program, string>> }
  | { readonly reason: string };

/** Seconds that a program has to print its version. */
const PROBE_LIMIT = 10;

/** The programs in one directory. */
export function inDirectory(directory: string): ProgramPaths {
  return {
    etcd: join(directory, "etcd"),
    etcdctl: join(directory, "etcdctl"),
    etcdutl: join(directory, "etcdutl"),
  };
}

/** First executable file of that name in the folders of `searchPath`; relative folders are passed over. */
export async function which(
  name: string,
  searchPath: string | undefined,
): Promise<string | undefined> {
  for (const directory of (searchPath ?? "").split(delimiter).filter((part) => isAbsolute(part))) {
    const file = join(directory, name);
    try {
      await access(file, constants.X_OK);
      if ((await stat(file)).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** The environment without etcd's own settings, which would change what its programs do. */
function withoutEtcdSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^ETCD(CTL|UTL)?_/.test(name)));
}

/** How a program is asked for its version. */
export interface VersionQuestion {
  readonly argument: string;
  /** Its first group is the version. */
  readonly answer: RegExp;
  /** What it would have to print, for the message. */
  readonly wanted: string;
  readonly limitSeconds: number;
}

/** Runs a program and reads the version that it prints; rejects with the reason in words. */
export function askVersion(
  file: string,
  { argument, answer, wanted, limitSeconds }: VersionQuestion,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const options = { env, timeout: limitSeconds * 1000, killSignal: "SIGKILL" as const };
  return new Promise((resolve, reject) => {
    execFile(file, [argument], options, (error, stdout) => {
      const said = answer.exec(stdout)?.[1];
      if (said !== undefined && error === null) {
        resolve(said);
        return;
      }
      let why = `it prints no ${wanted}`;
      if (error?.code === "ENOENT") why = "there is no such file";
      else if (error?.code === "EACCES") why = "it cannot be executed";
      else if (error?.killed === true) why = `no answer within ${limitSeconds} s`;
      else if (error) why = `it fails: ${error.message.split("\n")[0] ?? ""}`;
      reject(new Error(`${file}: ${why}`));
    });
  });
}

function versionOf(program: Program, file: string, env: NodeJS.ProcessEnv): Promise<string> {
  const question = {
    argument: program === "etcd" ? "--version" : "version",
    answer: /^etcd(?:ctl|utl)? version: (\d+\.\d+\.\d+\S*)$/im,
    ...{ wanted: "version", limitSeconds: PROBE_LIMIT },
  };
  return askVersion(file, question, withoutEtcdSettings(env));
}

/**
 * Asks all three for their version; `reason` names the first that cannot be used. An etcd that is older than etcdutl is
 * not asked for it.
 */
export async function probe(paths: ProgramPaths, env: NodeJS.ProcessEnv): Promise<Probe> {
  try {
    const [etcd, etcdctl] = await Promise.all([
      versionOf("etcd", paths.etcd, env),
      versionOf("etcdctl", paths.etcdctl, env),
    ]);
    const etcdutl = hasEtcdutl(etcd) ? await versionOf("etcdutl", paths.etcdutl, env) : etcd;
    return { paths, versions: { etcd, etcdctl, etcdutl } };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
