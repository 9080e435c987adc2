/**
 * What another Pulumi program imports as `etcd-restore`: every component with its arguments, and what has to be known
 * before the first resource is registered.
 *
 * A stack is put together in the order of this file: look at the backup, make a machine, restore on it, prove it.
 */
export { preflight, type LocalPlan, type PlannedMember, type PreflightArgs } from "./preflight";
export { vmPreflight, type VmPlan, type VmPreflightArgs } from "./vm/vm-preflight";
export { BackupError, readBackup, type Backup, type BackupArgs, type Demands } from "./backup";
export { NotReadyError } from "./not-ready";

export { Pki, type PkiArgs } from "./pki";
export type { Pki as PkiTexts } from "../machine/pki/pki-texts";

export { LocalRestore, type LocalRestoreArgs } from "./local-restore";
export { LocalEtcd, type LocalEtcdArgs } from "./local-etcd";

export { Network, type NetworkArgs } from "./network";
export { EtcdVm, type EtcdVmArgs } from "./vm/etcd-vm";
export { makeEtcdVms, slowestOf, type EtcdVmsArgs } from "./vm/etcd-vms";
export type { Bastion } from "./vm/etcd-vm-connection";
export type { ReadySeconds } from "./vm/etcd-vm-server";
export type { SizeNeeds } from "./vm/etcd-vm-settings";
export { LookupError } from "./vm/cloud-lookups";
export type { EtcdInstall } from "../machine/vm/cloud-init";
export type { EtcdPrograms } from "../machine/programs/programs";

export type { Hop, RestoreMachine, RestoreSite, SshConnection, SshMachine } from "./machine";
export {
  SnapshotRestore,
  type RestoreSeconds,
  type SnapshotRestoreArgs,
} from "./restore/snapshot-restore";

export { Verification, type VerificationArgs } from "./verification";
export type { RestoredSummary, VerificationLevel } from "../etcd/report/report";
