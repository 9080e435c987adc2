/** An etcd of this user on this computer: everything but its data and its running. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import { CERTIFICATE_FILES, environmentFile, type PeerMember } from "../environment";
import { MachineError } from "../machine-error";
import { claimDirectory, isClaimed, readIfThere, removeOwn, writeIfChanged } from "./own-files";
import { ownProcess } from "./own-process";
import type { Pki } from "../pki/pki-texts";
import { ensureEtcd, type EtcdPrograms } from "../programs/programs";
import { hasEtcdutl } from "../programs/version";
import { LOCAL_SERVICE_SCRIPT, localService } from "./service";

export interface LocalEtcdRequest {
  /** Folder that will hold all of it; absolute. */
  readonly directory: string;
  /** A minor version (`3.6`) or an exact one. */
  readonly etcdVersion: string;
  /** Folder with etcd, etcdctl and etcdutl. @default found or installed */
  readonly programs?: string | undefined;
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** All members of its cluster, itself among them. @default it is alone */
  readonly members?: readonly PeerMember[] | undefined;
  /** Size of the backup: the quota follows from it. */
  readonly snapshotBytes: number;
  /** Whether it serves etcd's old v2 keys as well. @default false */
  readonly v2?: boolean | undefined;
  /** PEM texts; those of the client are not needed. */
  readonly certificates: Pick<Pki, keyof typeof CERTIFICATE_FILES>;
}

/** Where the parts of an installed etcd are; what `restore.sh` is given. */
export const LocalEtcd = z.object({
  /** Folder with etcd, etcdctl and etcdutl; the same path for every version. */
  programs: z.string(),
  environmentFile: z.string(),
  /** What is to come in their place with the next restore. */
  nextPrograms: z.string(),
  nextEnvironmentFile: z.string(),
  certificateDirectory: z.string(),
  /** Shell command that takes start, stop, status or log as its last word. */
  service: z.string(),
  dataDirectory: z.string(),
  /** Of the next programs: `3.6.16`. */
  version: z.string(),
  /** https URL for clients on this computer. */
  endpoint: z.string(),
  /** Another text where etcd is to run by other settings or programs. */
  settings: z.string(),
});
export type LocalEtcd = Readonly<z.infer<typeof LocalEtcd>>;

const ADDRESS = "127.0.0.1";
const NAMES = {
  programs: "bin",
  certificates: "tls",
  environment: "etcd.env",
  data: "data",
  nextPrograms: "next.bin",
  nextEnvironment: "next.env",
} as const;
const LOCK_SECONDS = 60;

/**
 * Makes everything that an etcd needs but its data: programs, certificates, environment file. Starts nothing, and
 * changes nothing of an etcd that serves: programs and environment file are laid beside those that it has, and
 * `restore.sh` puts them in place together with the data.
 *
 * Again with the same request: nothing is written.
 * @throws MachineError when the folder holds what is not ours; EtcdProgramsError when there are no programs.
 */
export async function installLocalEtcd(
  request: LocalEtcdRequest,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<LocalEtcd> {
  const { directory } = request;
  const at = (name: keyof typeof NAMES) => path.join(directory, NAMES[name]);
  const text = environmentFile({
    ...request,
    dataDirectory: at("data"),
    certificateDirectory: at("certificates"),
    clientAddress: ADDRESS,
    listenAddresses: [ADDRESS],
  });
  const programs = await ensureEtcd(request.etcdVersion, {
    log,
    ...(signal === undefined ? {} : { signal }),
    ...(request.programs === undefined ? {} : { directory: request.programs }),
  });

  await claimDirectory(directory);
  await linkPrograms(programs, at("nextPrograms"));
  await fs.mkdir(at("certificates"), { recursive: true, mode: 0o700 });
  for (const which of Object.keys(CERTIFICATE_FILES) as (keyof typeof CERTIFICATE_FILES)[]) {
    const file = path.join(at("certificates"), CERTIFICATE_FILES[which]);
    await writeIfChanged(file, request.certificates[which]);
  }
  await writeIfChanged(at("nextEnvironment"), text);

  return {
    programs: at("programs"),
    environmentFile: at("environment"),
    nextPrograms: at("nextPrograms"),
    nextEnvironmentFile: at("nextEnvironment"),
    certificateDirectory: at("certificates"),
    service: localService({
      environmentFile: at("environment"),
      programs: at("programs"),
      stateDirectory: directory,
    }),
    dataDirectory: at("data"),
    version: programs.version,
    endpoint: `https://${ADDRESS}:${request.clientPort}`,
    settings: createHash("sha256")
      .update(JSON.stringify([text, programs]))
      .digest("hex"),
  };
}

/**
 * Ends the etcd of a folder and removes all that was made there, data and what was kept aside included.
 *
 * Nothing there: nothing to do. Ends only the very process that was started for this folder.
 * @returns names in the folder that are not ours and were left.
 * @throws MachineError when the folder is not ours, a restore does not end, or etcd cannot be ended.
 */
export async function removeLocalEtcd(directory: string): Promise<readonly string[]> {
  if (!(await isClaimed(directory))) return [];
  const lock = path.join(directory, `${NAMES.data}.restore-lock`);
  const stop = ["bash", LOCAL_SERVICE_SCRIPT, "--state", directory, "stop"];
  try {
    // Under the lock of restore.sh, or it might start etcd again behind our back.
    await promisify(execFile)("flock", ["--wait", String(LOCK_SECONDS), lock, ...stop]);
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    const busy = `a restore still runs there after ${LOCK_SECONDS} s; let it end, then try again`;
    throw new MachineError(
      "environment",
      `cannot remove ${directory}: ${said === "" ? busy : said}`,
    );
  }
  return removeOwn(directory, isOurs);
}

/**
 * Names the etcd that serves from a folder, for Pulumi to notice when it is gone: the same text as long as it runs,
 * another one when it does not run any more (a reboot, a kill), so that what depends on it is done again.
 *
 * It is the number of times that a restore started it, which `restore.sh` counts, and one more when the next restore
 * will have to.
 */
export async function localInstance(directory: string): Promise<string> {
  const counted = await readIfThere(path.join(directory, `${NAMES.data}.restore-starts`));
  const running = (await ownProcess(directory)) !== undefined;
  return `${directory} start ${Number(counted ?? 0) + (running ? 0 : 1)}`;
}

/** Names that we, restore.sh and local-service.sh give to things in the folder. */
function isOurs(name: string): boolean {
  return /^(bin|tls|etcd\.(env|pid|log|lock)|data|next\.(bin|env))(\..*)?$/.test(name);
}

/** One folder with all three, wherever each was found: restore.sh and the user look in one place. */
async function linkPrograms(programs: EtcdPrograms, folder: string): Promise<void> {
  await fs.mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of ["etcd", "etcdctl", "etcdutl"] as const) {
    const link = path.join(folder, name);
    if (name === "etcdutl" && !hasEtcdutl(programs.version)) {
      await fs.rm(link, { force: true });
      continue;
    }
    const present = await fs.readlink(link).catch(() => undefined);
    if (present === programs[name]) continue;
    await fs.rm(`${link}.new`, { force: true });
    await fs.symlink(programs[name], `${link}.new`);
    await fs.rename(`${link}.new`, link);
  }
}
