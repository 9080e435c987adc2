/** A backup restored into the etcd that was made for it, and proved: the same on every target. */
import * as pulumi from "@pulumi/pulumi";
import type { CommonSettings, OpenStackSettings } from "../settings/types";
import type { Backup } from "./backup";
import type { RestoreMachine } from "./machine";
import type { Pki } from "./pki";
import { SnapshotRestore } from "./restore/snapshot-restore";
import { Verification, type VerificationArgs } from "./verification";

/** What the target has made; of a cluster one of each for each member. */
export interface MadeEtcd {
  readonly backup: Backup;
  readonly pki: Pki;
  readonly machines: readonly RestoreMachine[];
  readonly endpoints: pulumi.Output<string>[];
  /** That the etcd must be of; absent where it is of whichever version the distribution has. */
  readonly etcdVersion: string | undefined;
  /** The ways to the machines; none where they are this computer. */
  readonly ssh: readonly NonNullable<VerificationArgs["ssh"]>[];
  readonly kubernetesOn: OpenStackSettings<unknown>["kubernetesOn"];
  readonly reboot: boolean;
  readonly phases: NonNullable<VerificationArgs["phases"]>;
}

/** What was restored last, and its proof. */
export interface Proved {
  readonly verification: Verification;
  readonly restoredAt: SnapshotRestore["restoredAt"];
}

/** Proof first, bump after: what is proved is restored once more, and what survives a bump is proved again. */
export function restoreAndProve(
  settings: CommonSettings<pulumi.Output<string>>,
  made: MadeEtcd,
): Proved {
  const { backup, machines, reboot } = made;
  const services = pulumi.all(
    machines.map(({ site }) => pulumi.output(site).apply(({ service }) => service)),
  );
  const restore = new SnapshotRestore("restore", { backup, machines });
  const proof = proofOf(settings, made, restore);
  // What is restored once more is restarted then.
  if (backup.bumped === undefined) {
    const verification = new Verification("verification", { ...proof, services, reboot });
    return { verification, restoredAt: restore.restoredAt };
  }
  const dependsOn = new Verification("verification", proof);
  const again = {
    backup: backup.bumped,
    machines: machines.map((machine) => ({ ...machine, instanceId: restore.result })),
  };
  const bump = new SnapshotRestore("bump", again, { dependsOn });
  const verification = new Verification("bump-verification", {
    ...proof,
    kubernetes: "off",
    backup: backup.bumped,
    services,
    reboot,
    restoredAt: bump.restoredAt,
    restored: bump.result,
    inUse: bump.adopted,
    ownsReport: false,
  });
  return { verification, restoredAt: bump.restoredAt };
}

function proofOf(
  settings: CommonSettings<pulumi.Output<string>>,
  { backup, pki, endpoints, etcdVersion, ssh, kubernetesOn, phases }: MadeEtcd,
  restore: SnapshotRestore,
): VerificationArgs {
  return {
    backup,
    level: settings.verification,
    expectedKeys: settings.expectedKeys,
    kubernetes: settings.kubernetes,
    kubernetesOn,
    etcdPrograms: settings.etcdPrograms,
    expectedCluster: settings.expectedCluster,
    encryptionConfig: settings.encryptionConfig,
    credentials: settings.credentials,
    root: { certificate: pki.files.root, key: pki.files.rootKey },
    etcdVersion,
    endpoints: pulumi.all(endpoints),
    clientDirectory: pki.clientDirectory,
    restored: restore.result,
    inUse: restore.adopted,
    restoredAt: restore.restoredAt,
    ssh: ssh[0],
    otherSsh: ssh.slice(1),
    phases: { ...phases, ...secondsOf(restore) },
    reportDirectory: settings.labDirectory,
  };
}

function secondsOf({ seconds }: SnapshotRestore): MadeEtcd["phases"] {
  return { copy: seconds.copy, restore: seconds.restore, start: seconds.start };
}
