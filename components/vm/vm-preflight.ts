import * as pulumi from "@pulumi/pulumi";
import type { EtcdInstall } from "../../machine/vm/cloud-init";
import { ensureEtcd, EtcdProgramsError, type EtcdPrograms } from "../../machine/programs/programs";
import pinned from "../../machine/programs/checksums.json";
import { pinnedRelease, RELEASES } from "../../machine/programs/release";
import { parseWanted } from "../../machine/programs/version";
import { GET_SSH, sshVersion } from "../../machine/ssh/ssh-program";
import { vmNeeds } from "../../settings/vm-needs";
import { readWanted, type Backup, type BackupArgs } from "../backup";
import type { SizeNeeds } from "./etcd-vm-settings";
import { NotReadyError } from "../not-ready";

export interface VmPreflightArgs extends BackupArgs {
  readonly etcdInstall: EtcdInstall["kind"];
  /** Where releases are, instead of GitHub. @default GitHub */
  readonly etcdMirror?: string | undefined;
  /** Folder with the programs to upload. @default - found on this computer, or installed */
  readonly etcdPrograms?: string | undefined;
  /** @default the data lies on the root disk */
  readonly dataVolumeGiB?: number | undefined;
}

/** What a VM for a backup is made from. */
export interface VmPlan {
  readonly backup: Backup;
  readonly install: EtcdInstall;
  /** What its flavor must have. */
  readonly needs: SizeNeeds;
  /** Programs on this computer that are to be copied there. */
  readonly upload: EtcdPrograms | undefined;
}

/**
 * Everything that must hold before the first resource of a VM is registered, also in preview: the backup can be
 * restored, there is an `ssh`, the etcd that serves it can be had, the data volume is large enough. Asks nothing of the cloud.
 *
 * @throws BackupError, NotReadyError
 *
 * @example
 * ```ts
 * import { vmPreflight } from "etcd-restore";
 *
 * const { backup, needs } = await vmPreflight({
 *   snapshot: "/backups/etcd-2026-11-22.db",
 *   labDirectory: "/var/tmp/lab",
 *   etcdVersion: "auto",
 *   etcdInstall: "release",
 * });
 * console.log(backup.servedBy, needs.ramMiB, needs.diskGiB);
 * ```
 */
export async function vmPreflight(args: VmPreflightArgs): Promise<VmPlan> {
  const backup = await readWanted(args);
  if (sshVersion() === undefined) {
    throw new NotReadyError([`there is no program ssh on this computer; ${GET_SSH}`]);
  }
  const keys = backup.keys + (backup.v2?.keys ?? 0);
  const needs = vmNeeds({ ...backup, keys }, args.dataVolumeGiB !== undefined, args.members ?? 1);
  if (args.dataVolumeGiB !== undefined && args.dataVolumeGiB < needs.dataGiB) {
    throw new NotReadyError([
      `dataVolumeGiB is ${args.dataVolumeGiB}, the backup needs ${needs.dataGiB}`,
    ]);
  }
  return {
    backup,
    install: installOf(args, backup.servedBy),
    needs,
    upload:
      args.etcdInstall === "upload" ? await programsToUpload(args, backup.servedBy) : undefined,
  };
}

function installOf(args: VmPreflightArgs, version: string): EtcdInstall {
  if (args.etcdInstall !== "release") return { kind: args.etcdInstall };
  const wanted = parseWanted(version);
  const release = (architecture: string) =>
    pinnedRelease(wanted, pinned.sha256, args.etcdMirror ?? RELEASES, `linux-${architecture}`);
  const [amd64, arm64] = [release("amd64"), release("arm64")];
  if (amd64 === undefined && arm64 === undefined) {
    throw new NotReadyError([
      `the backup needs etcd ${version}, and no official release of it is pinned here (newest: ` +
        `${Object.keys(pinned.sha256["linux-amd64"])[0] ?? "none"}); set etcdInstall to upload, and this computer's ` +
        "programs are copied over (etcdPrograms can name their folder)",
    ]);
  }
  return { kind: "release", tarballs: { ...(amd64 && { amd64 }), ...(arm64 && { arm64 }) } };
}

async function programsToUpload(args: VmPreflightArgs, version: string): Promise<EtcdPrograms> {
  try {
    return await ensureEtcd(version, {
      ...(args.etcdPrograms === undefined ? {} : { directory: args.etcdPrograms }),
      log: (line) => void pulumi.log.info(line, undefined, undefined, true),
    });
  } catch (error) {
    throw error instanceof EtcdProgramsError ? new NotReadyError([error.message]) : error;
  }
}
