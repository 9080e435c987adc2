import type { PeerMember } from "../machine/environment";
import { localInstance } from "../machine/local/local-etcd";
import { localMembers, localPeers, type LocalMember } from "../machine/local/members";
import { memberPortProblems } from "../machine/ports";
import { EtcdProgramsError, findEtcd } from "../machine/programs/programs";
import { readWanted, type Backup, type BackupArgs } from "./backup";
import { NotReadyError } from "./not-ready";

export interface PreflightArgs extends BackupArgs {
  /** Folder with etcd, etcdctl and etcdutl. @default - found on this computer, or installed */
  readonly etcdPrograms?: string | undefined;
  /** How many members there are to be; their ports are those of the first, and the ones that follow. @default 1 */
  readonly members?: number | undefined;
  readonly clientPort: number;
  readonly peerPort: number;
}

/** What is made on this computer. */
export interface LocalPlan {
  readonly backup: Backup;
  readonly members: readonly PlannedMember[];
}

/** A member of a cluster, or one that is alone. */
export interface PlannedMember extends LocalMember {
  /** Which etcd of it there is now: another text when that one is lost. */
  readonly instanceId: string;
  /** All of its cluster. @default it is alone */
  readonly members?: readonly PeerMember[];
}

/**
 * Everything that must hold before the first resource is registered, also in preview: the backup can be restored,
 * the ports can be had, the programs that were named fit.
 *
 * @example
 * ```ts
 * import { LocalEtcd, Pki, preflight, SnapshotRestore } from "etcd-restore";
 *
 * const { backup, members } = await preflight({
 *   snapshot: "/backups/etcd-2026-11-22.db",
 *   labDirectory: "/var/tmp/lab",
 *   etcdVersion: "auto",
 *   clientPort: 22379,
 *   peerPort: 22380,
 * });
 * const pki = new Pki("pki", { addresses: ["127.0.0.1"], clientDirectory: "/var/tmp/lab/client" });
 * const etcds = members.map(
 *   ({ name, ...member }) =>
 *     new LocalEtcd(name, {
 *       ...member,
 *       etcdVersion: backup.servedBy,
 *       backupBytes: backup.bytes,
 *       pki: pki.files,
 *     }),
 * );
 * const machines = etcds.map(({ machine }) => machine);
 * export const restore = new SnapshotRestore("restore", { backup, machines });
 * ```
 *
 * @throws BackupError, NotReadyError
 */
export async function preflight(args: PreflightArgs): Promise<LocalPlan> {
  const backup = await readWanted(args);
  const members = localMembers(args.members ?? 1, args);
  const taken = await Promise.all(members.map(memberPortProblems));
  const problems = [
    ...taken.flat(),
    ...(await programProblems(backup.servedBy, args.etcdPrograms)),
  ];
  if (problems.length > 0) throw new NotReadyError(problems);
  const instances = members.map(async (member) => ({
    ...member,
    instanceId: await localInstance(member.directory),
    ...(members.length > 1 && { members: localPeers(members) }),
  }));
  return { backup, members: await Promise.all(instances) };
}

/** What is wrong with the folder of programs that was named; what is missing elsewhere will be installed. */
async function programProblems(
  version: string,
  directory: string | undefined,
): Promise<readonly string[]> {
  if (directory === undefined) return [];
  try {
    await findEtcd(version, { directory });
    return [];
  } catch (error) {
    if (error instanceof EtcdProgramsError) return [error.message];
    throw error;
  }
}
