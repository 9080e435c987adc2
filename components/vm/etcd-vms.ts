/** The VMs of a cluster: as many as it has members, on different hosts, each told the addresses of all. */
import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import type { PeerMember } from "../../machine/environment";
import { memberNames } from "../../machine/local/members";
import { ownerName } from "../owner";
import { EtcdVm, type EtcdVmArgs } from "./etcd-vm";
import type { ReadySeconds } from "./etcd-vm-server";

/** What all of them have in common, and what each has of its own. */
export type EtcdVmsArgs = Omit<EtcdVmArgs, "peers" | "serverGroupId" | "sshDirectory"> & {
  /** Folder on this computer for the files of ssh: of the first VM; beside it, with its name, that of each other. */
  readonly sshDirectory: string;
};

/**
 * Makes so many VMs: `etcd`, `etcd-2`, `etcd-3`. Several are kept on different hosts: a cloud that has too few of them refuses the server, and
 * says so, rather than that one host's end takes two members along.
 *
 * @example
 * ```ts
 * import { makeEtcdVms, Network, vmPreflight } from "etcd-restore";
 *
 * const { backup, install, needs } = await vmPreflight({
 *   ...{ snapshot: "/backups/etcd.db", labDirectory: "/var/tmp/lab" },
 *   ...{ etcdVersion: "auto", etcdInstall: "release" },
 * });
 * const cidrs = ["203.0.113.7/32"];
 * const network = new Network("lab", {
 *   ...{ sshCidrs: cidrs, clientCidrs: cidrs, externalNetwork: "public" },
 * });
 * const { networkId, subnetId, securityGroupId, floatingIpPool } = network;
 * const args = {
 *   ...{ image: "debian-12", flavor: "m1.small", install, needs, snapshotBytes: backup.bytes },
 *   ...{ networkId, subnetId, securityGroupId, floatingIpPool, sshDirectory: "/var/tmp/lab/ssh" },
 * };
 * const vms = makeEtcdVms(3, args);
 * export const endpoints = vms.map(({ clientEndpoint }) => clientEndpoint);
 * ```
 */
export function makeEtcdVms(count: number, args: EtcdVmsArgs): readonly EtcdVm[] {
  const names = memberNames(count);
  const [first] = names;
  if (names.length < 2) return names.map((name) => new EtcdVm(name, args));
  const group = new openstack.compute.ServerGroup(
    `${first}-server-group`,
    { name: ownerName("server-group"), policies: ["anti-affinity"] },
    // One that was made under another name keeps it: a new one would be a new home for every VM.
    { ignoreChanges: ["name"] },
  );
  // Each is told of all, whose addresses are known before any of them is made.
  let tellAll: (peers: pulumi.Output<PeerMember[]>) => void = () => undefined;
  const peers = pulumi.output(
    new Promise<pulumi.Output<PeerMember[]>>((resolve) => {
      tellAll = resolve;
    }),
  );
  const vms = names.map(
    (name) =>
      new EtcdVm(name, {
        ...args,
        peers,
        serverGroupId: group.id,
        sshDirectory: name === first ? args.sshDirectory : `${args.sshDirectory}-${name}`,
      }),
  );
  tellAll(pulumi.all(vms.map(({ peer }) => peer)));
  return vms;
}

/**
 * How long the slowest of them took until it began to boot, where the cloud tells, and until it was ready, in seconds.
 *
 * @example
 * ```ts
 * import { slowestOf, type EtcdVm } from "etcd-restore";
 *
 * export const installSeconds = (vms: readonly EtcdVm[]) =>
 *   slowestOf(vms).apply(({ install }) => install);
 * ```
 */
export function slowestOf(vms: readonly EtcdVm[]): pulumi.Output<ReadySeconds> {
  return pulumi.all(vms.map(({ seconds }) => seconds)).apply((all) => {
    const provisions = all.flatMap(({ provision }) => provision ?? []);
    return {
      provision: provisions.length === 0 ? undefined : Math.max(...provisions),
      install: Math.max(...all.map(({ install }) => install)),
    };
  });
}
