import * as path from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Backup } from "../backup";
import { restoreOverSsh, type SshMachine } from "./remote-restore";
import { bumpToCome, restoreFlags } from "./restore-flags";
import { commandLine, projectPath } from "../script";

/** A machine with etcd installed and configured, but without data: where a backup can be restored. */
export interface RestoreMachine {
  /** Changes when the machine is another one, so that everything on it is done anew. */
  readonly instanceId: pulumi.Input<string>;
  /** The environment file there: the one source of name, URLs, data directory and certificates. */
  readonly environmentFile: pulumi.Input<string>;
  /** Folder there with `etcd`, `etcdctl` and `etcdutl`. */
  readonly programs: pulumi.Input<string>;
  /** Command there that takes `start`, `stop` or `status` as its last word. */
  readonly service: pulumi.Input<string>;
  /** How it is reached. @default it is this computer */
  readonly ssh?: SshMachine;
}

export interface RestoreSeconds {
  readonly copy: number | undefined;
  readonly restore: number;
  readonly start: number;
}

export interface SnapshotRestoreArgs {
  readonly backup: Backup;
  readonly machine: RestoreMachine;
}

/**
 * A backup, restored into the etcd of a machine and serving.
 *
 * Restored beside the data that is there, proved by HashKV before anything serves it, then swapped; the old data
 * is kept aside. Again with the same backup: nothing is touched. A failure leaves the old etcd serving.
 */
export class SnapshotRestore extends pulumi.ComponentResource {
  /** What the restore script said, as JSON; changes with each restore. */
  public readonly result: pulumi.Output<string>;
  /** It was restored already and was left as it is: by a machine before this one, on a volume, or by an earlier run. */
  public readonly adopted: pulumi.Output<boolean>;
  /** When, by the machine's clock (ISO 8601, UTC); from then on the leases of the store run. */
  public readonly restoredAt: pulumi.Output<string | undefined>;
  /**
   * How long it took, in seconds: until everything lay on a machine that is not this one, until it was proved beside
   * the old data, and until it served.
   */
  public readonly seconds: pulumi.Output<RestoreSeconds>;

  constructor(name: string, args: SnapshotRestoreArgs, opts?: pulumi.ComponentResourceOptions) {
    super("etcd-restore:index:SnapshotRestore", name, {}, opts);
    const { backup, machine } = args;

    if (backup.unpackedIn !== undefined) keepUnpacked(name, backup.plainFile, this);
    const { ssh, ...site } = machine;

    const { result, copySeconds } =
      ssh === undefined
        ? { result: restoreHere(name, backup, site, this), copySeconds: undefined }
        : restoreOverSsh(name, { backup, site, ssh }, this);
    this.result = result;
    this.adopted = result.apply(isAdopted);
    this.restoredAt = result.apply(parseRestoredAt);
    this.seconds = pulumi
      .all([result, copySeconds])
      .apply(([stdout, copy]) => ({ ...parseSeconds(stdout), copy }));

    this.registerOutputs({ result: this.result });
  }
}

/** Owns the file that the preflight has unpacked: it goes with another backup, and with the stack. */
function keepUnpacked(name: string, file: string, parent: pulumi.Resource): void {
  const folder = path.dirname(file);
  new command.local.Command(
    `${name}-unpacked`,
    {
      create: commandLine("test", "-f", file),
      delete: `${commandLine("rm", "-rf", "--", folder)} && (${commandLine("rmdir", "--", path.dirname(folder))} 2>/dev/null || true)`,
      triggers: [file],
    },
    { parent },
  );
}

/** Restores on this computer; gives what the restore script printed. */
function restoreHere(
  name: string,
  backup: Backup,
  machine: RestoreMachine,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const restored = new command.local.Command(
    `${name}-snapshot`,
    {
      create: pulumi
        .all([machine.environmentFile, machine.programs, machine.service])
        .apply((there) =>
          commandLine(
            ...["bash", projectPath("machine", "restore", "restore.sh")],
            ...restoreFlags(backup, backup.plainFile, ...there),
          ),
        ),
      triggers: [backup.sha256, machine.instanceId, bumpToCome(backup)],
      logging: "stderr",
    },
    { parent },
  );
  return restored.stdout;
}

/** Reads the times out of what the restore script printed. */
function parseSeconds(stdout: string): { restore: number; start: number } {
  const { seconds } = JSON.parse(stdout) as {
    seconds: Record<"check" | "restore" | "prove" | "start", number>;
  };
  return { restore: seconds.check + seconds.restore + seconds.prove, start: seconds.start };
}

/** Undefined for what an older script printed. */
function parseRestoredAt(stdout: string): string | undefined {
  const { restoredAt } = JSON.parse(stdout) as { restoredAt?: string };
  return restoredAt === "" ? undefined : restoredAt;
}

/** Whether the restore script says that there was nothing to restore. */
function isAdopted(stdout: string): boolean {
  const { restored } = JSON.parse(stdout) as { restored: boolean };
  return !restored;
}
