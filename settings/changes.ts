/**
 * What a change of each setting does to an etcd that serves. docs/settings-changes.md is made from this, and a test
 * changes each of them.
 */

import type { SettingName } from "./settings";

/** From little to much; what stands below does what stands above it too. */
export const EFFECTS = {
  nothing: "nothing is done",
  rules: "the rules of the security group",
  proof: "the etcd is proved again",
  restart: "etcd is started again on the same data, and proved",
  restore: "the backup is restored anew, proved, and takes the place of the old data",
  machine: "another machine (or folder) is made, and the backup restored there",
  refused: "refused, with what does fit; the old etcd serves on",
} as const;
export type Effect = keyof typeof EFFECTS;

export interface Change {
  readonly local: Effect | undefined;
  readonly openstack: Effect | undefined;
  /** What decides, where it is not the same for every change. */
  readonly note?: string;
}

/** `undefined`: the target does not know the setting. */
export const CHANGES = {
  target: {
    local: "machine",
    openstack: "machine",
    note: "what was made on the other target is removed",
  },
  snapshot: { local: "restore", openstack: "restore", note: "by its content, not by its name" },
  verification: { local: "proof", openstack: "proof" },
  expectedKeys: { local: "proof", openstack: "proof" },
  trustedKey: {
    local: "nothing",
    openstack: "nothing",
    note: "a backup that this key has not signed is refused",
  },
  kubernetes: { local: "proof", openstack: "proof" },
  kubernetesOn: { local: undefined, openstack: "proof" },
  expectedCluster: {
    local: "proof",
    openstack: "proof",
    note: "a backup of another cluster is refused",
  },
  encryptionConfig: { local: "proof", openstack: "proof" },
  etcdVersion: {
    local: "restore",
    openstack: "machine",
    note:
      "another patch version is a restart on the local target; with `etcdInstall: upload` the programs are copied to " +
      "the same VM and the backup is restored anew; with `apt` a version that the package has not is refused; one " +
      "older than what wrote the backup is refused everywhere",
  },
  etcdPrograms: {
    local: "restart",
    openstack: "restart",
    note: "programs of another minor version: restored anew; of a version that does not fit: refused. On OpenStack with `etcdInstall: upload` alone",
  },
  etcdInstall: { local: undefined, openstack: "machine" },
  etcdMirror: { local: undefined, openstack: "machine" },
  image: { local: undefined, openstack: "machine" },
  flavor: { local: undefined, openstack: "machine" },
  externalNetwork: { local: undefined, openstack: "machine" },
  network: { local: undefined, openstack: "machine" },
  floatingIp: { local: undefined, openstack: "machine" },
  bastion: {
    local: undefined,
    openstack: "proof",
    note: "the etcd is asked by another way, and is found as it was",
  },
  sshCidrs: { local: undefined, openstack: "rules" },
  clientCidrs: { local: undefined, openstack: "rules" },
  allowPublicAccess: { local: undefined, openstack: "nothing", note: "it allows other CIDRs" },
  dataVolumeGiB: { local: undefined, openstack: "machine" },
  members: {
    local: "restore",
    openstack: "machine",
    note:
      "all members anew; those too many are removed. On OpenStack the first VM is another one between one member and " +
      "several, for these are in a server group",
  },
  reboot: { local: undefined, openstack: "proof" },
  clientPort: { local: "restart", openstack: "machine" },
  peerPort: {
    local: "restore",
    openstack: "machine",
    note: "the data names the member's peer URL",
  },
  labDirectory: {
    local: "machine",
    openstack: "proof",
    note:
      "the old folder is removed, as far as it is ours; of `npm start` another folder is another lab, since its state " +
      "lies there: stop the old one first, which holds the ports",
  },
  bumpRevision: { local: "restore", openstack: "restore" },
  etcdUsername: { local: "proof", openstack: "proof", note: "together with its password" },
  etcdPassword: { local: "proof", openstack: "proof" },
} as const satisfies Readonly<Record<SettingName, Change>>;
