import * as path from "node:path";
import { localInstance } from "../machine/local/local-etcd";
import { portProblems } from "../machine/ports";
import { EtcdProgramsError, findEtcd } from "../machine/programs/programs";
import { readBackup, type Backup } from "./backup";
import { NotReadyError } from "./not-ready";

export interface PreflightArgs {
  /** Absolute path of the backup file. */
  readonly snapshot: string;
  readonly etcdVersion: string;
  readonly etcdPrograms: string | undefined;
  readonly labDirectory: string;
  /** @default the revision is not bumped */
  readonly bumpRevision?: number | undefined;
  /** File with the public key that must have signed the backup's manifest. @default any, or none */
  readonly trustedKey?: string | undefined;
  /** UID of the cluster that the backup must be of. @default any */
  readonly expectedCluster?: string | undefined;
  readonly clientPort: number;
  readonly peerPort: number;
}

/**
 * Everything that must hold before the first resource is registered, also in preview: the backup can be restored,
 * the ports can be had, the programs that were named fit.
 *
 * @throws BackupError, NotReadyError
 */
export async function preflight(
  args: PreflightArgs,
): Promise<{ readonly backup: Backup; readonly instanceId: string }> {
  const { snapshot, etcdVersion, labDirectory, bumpRevision } = args;
  const backup = await readBackup(snapshot, etcdVersion, labDirectory, bumpRevision, args);
  const directory = path.join(args.labDirectory, "etcd");
  const ports = [
    { address: "127.0.0.1", port: args.clientPort, setting: "clientPort" },
    { address: "127.0.0.1", port: args.peerPort, setting: "peerPort" },
  ];
  const problems = [
    ...(await portProblems(ports, directory)),
    ...(await programProblems(backup.servedBy, args.etcdPrograms)),
  ];
  if (problems.length > 0) throw new NotReadyError(problems);
  return { backup, instanceId: await localInstance(directory) };
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
