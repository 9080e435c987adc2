import * as path from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { RestoreResult } from "../../machine/restore/result";
import type { Backup } from "../backup";
import type { RestoreMachine } from "../machine";
import { printedBy } from "../printed";
import { shellLine } from "../../machine/shell/quote";
import { projectPath } from "../script";
import { restoreCluster } from "./cluster-restore";
import { restoreOverSsh } from "./remote-restore";
import { bumpToCome, restoreFlags } from "./restore-flags";

export interface RestoreSeconds {
  readonly copy: number | undefined;
  readonly restore: number;
  readonly start: number;
}

export interface SnapshotRestoreArgs {
  readonly backup: Backup;
  /** One, or all members of a cluster: restored in step, so that all serve the backup or each what it had before. */
  readonly machines: readonly RestoreMachine[];
}

/**
 * A backup, restored into the etcd of a machine, or of each machine of a cluster, and serving by the settings that were wished for.
 *
 * Restored beside the data that is there, proved by HashKV before anything serves it, then swapped; the old data
 * is kept aside. Again with the same backup: nothing is touched, or etcd is started anew where its settings have
 * changed. A failure leaves the old etcd serving.
 *
 * @example
 * ```ts
 * import { LocalEtcd, Pki, preflight, SnapshotRestore } from "etcd-restore";
 *
 * const { backup, members } = await preflight({
 *   ...{ snapshot: "/backups/etcd.db", labDirectory: "/var/tmp/lab", etcdVersion: "auto" },
 *   ...{ clientPort: 22379, peerPort: 22380 },
 * });
 * const pki = new Pki("pki", { addresses: ["127.0.0.1"], clientDirectory: "/var/tmp/lab/client" });
 * const etcds = members.map(({ name, ...member }) => {
 *   const of = { etcdVersion: backup.servedBy, backupBytes: backup.bytes };
 *   return new LocalEtcd(name, { ...member, ...of, pki: pki.files });
 * });
 * const machines = etcds.map(({ machine }) => machine);
 * export const { result } = new SnapshotRestore("restore", { backup, machines });
 * ```
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
    const { backup, machines } = args;
    const [machine, ...others] = machines;
    if (machine === undefined) throw new TypeError("there is no machine to restore on");
    const { ssh } = machine;

    if (backup.unpackedIn !== undefined) keepUnpacked(name, backup.plainFile, this);
    const { result, programSeconds } =
      others.length > 0
        ? restoreCluster(name, backup, machines, this)
        : ssh === undefined
          ? { result: restoreHere(name, backup, machine, this), programSeconds: undefined }
          : restoreOverSsh(name, { backup, machine, ssh }, this);
    this.result = result;
    const printed = result.apply((text) => printedBy("restore.sh", RestoreResult, text));
    this.adopted = printed.apply(({ restored }) => !restored);
    this.restoredAt = printed.apply(({ restoredAt }) => restoredAt);
    this.seconds = pulumi.all([printed, programSeconds]).apply(secondsOf);

    this.registerOutputs({ result: this.result });
  }
}

/** Owns the file that the preflight has unpacked: it goes with another backup, and with the stack. */
function keepUnpacked(name: string, file: string, parent: pulumi.Resource): void {
  const folder = path.dirname(file);
  new command.local.Command(
    `${name}-unpacked`,
    {
      create: shellLine("test", "-f", file),
      delete: `${shellLine("rm", "-rf", "--", folder)} && (${shellLine("rmdir", "--", path.dirname(folder))} 2>/dev/null || true)`,
      triggers: [file],
    },
    { parent },
  );
}

/** Restores on this computer; gives what the restore script printed. */
function restoreHere(
  name: string,
  backup: Backup,
  { instanceId, settings, site }: RestoreMachine,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const script = projectPath("machine", "restore", "restore.sh");
  const restored = new command.local.Command(
    `${name}-snapshot`,
    {
      create: pulumi
        .output(site)
        .apply((there) =>
          shellLine("bash", script, ...restoreFlags(backup, backup.plainFile, there)),
        ),
      triggers: [backup.sha256, instanceId, settings, bumpToCome(backup)],
      logging: "stderr",
    },
    { parent },
  );
  return restored.stdout;
}

function secondsOf([{ seconds }, programs]: [RestoreResult, number | undefined]): RestoreSeconds {
  const { copy, check, restore, prove, start } = seconds;
  return {
    copy: copy === undefined && !programs ? undefined : (copy ?? 0) + (programs ?? 0),
    restore: check + restore + prove,
    start,
  };
}
