import * as pulumi from "@pulumi/pulumi";
import { programsDirectory, VM, type EtcdInstall } from "../../machine/vm/cloud-init";
import type { PeerMember } from "../../machine/environment";
import type { Pki } from "../../machine/pki/pki-texts";
import type { EtcdPrograms } from "../../machine/programs/programs";
import { clientUrl, etcdctlCommand } from "../etcdctl";
import type { RestoreMachine, SshConnection } from "../machine";
import { makeAddress } from "./etcd-vm-address";
import { sshConnections, type Bastion } from "./etcd-vm-connection";
import { makeKeys, writeSshFiles } from "./etcd-vm-keys";
import {
  attachVolume,
  layEnvironment,
  makeServer,
  makeVolume,
  seeHostKey,
  userDataOf,
  waitReady,
  type ReadySeconds,
} from "./etcd-vm-server";
import { checkedSettings, vmEnvironment, type SizeNeeds } from "./etcd-vm-settings";

export interface EtcdVmArgs {
  /** Name or id of the image: Ubuntu 22.04, 24.04 or Debian 12, with cloud-init. */
  readonly image: string;
  /** Name or id of the flavor. */
  readonly flavor: string;
  /** What the flavor must have. @default nothing is asked of it */
  readonly needs?: SizeNeeds | undefined;
  /** Id of the network that the VM is on. */
  readonly networkId: pulumi.Input<string>;
  /** Id of the subnet for its address. @default OpenStack takes one */
  readonly subnetId?: pulumi.Input<string> | undefined;
  /** Id of the security group that says who may come in. */
  readonly securityGroupId: pulumi.Input<string>;
  /** Name of the network that gives the floating IP. @default none - reached by its own address, see `bastion` */
  readonly floatingIpPool?: pulumi.Input<string> | undefined;
  /** One hop for SSH. @default none */
  readonly bastion?: Bastion | undefined;
  /** How the etcd programs come to the VM. */
  readonly install: EtcdInstall;
  /** Bytes of the backup that it will hold: etcd's quota follows from it. */
  readonly snapshotBytes: number;
  /** Whether it serves etcd's old v2 keys as well. @default false */
  readonly v2?: boolean | undefined;
  /** @default 2379 */
  readonly clientPort?: number | undefined;
  /** Only the other members reach it; without such, this machine itself alone. @default 2380 */
  readonly peerPort?: number | undefined;
  /** All members of its cluster, itself among them. @default it is alone */
  readonly peers?: pulumi.Input<readonly PeerMember[]> | undefined;
  /** Id of the server group whose policy decides on which host it comes to be. @default the cloud's scheduler decides */
  readonly serverGroupId?: pulumi.Input<string> | undefined;
  /** Size of a Cinder volume for the data, which outlives a rebuilt VM. @default the data lies on the root disk */
  readonly dataVolumeGiB?: number | undefined;
  /** Folder on this computer that gets `ssh-key` (mode 0600) and `known_hosts`. */
  readonly sshDirectory: string;
  /** Seconds until it must answer over SSH; 22 to 85 were seen without hardware virtualisation. @default 480 */
  readonly sshWithinSeconds?: number | undefined;
  /** Seconds that cloud-init may take. @default 900 */
  readonly readyWithinSeconds?: number | undefined;
}

/**
 * A VM with etcd installed and configured, but without data: where a backup can be restored.
 *
 * Its addresses and its SSH host key are there before it boots, so certificates can name it and the first
 * connection is to the right machine. Other keys, programs or settings make another VM; another security group
 * does not.
 *
 * @example
 * ```ts
 * import { EtcdVm, Network, vmPreflight } from "etcd-restore";
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
 * const vm = new EtcdVm("etcd", args);
 * export const { clientEndpoint, connection } = vm;
 * ```
 */
export class EtcdVm extends pulumi.ComponentResource {
  /** Where it is reached: the floating IP, or its own address. */
  public readonly address: pulumi.Output<string>;
  /** All that its certificate must name; known before it boots. */
  public readonly addresses: pulumi.Output<string[]>;
  /** `https://ADDRESS:PORT`; nothing answers there before a restore. */
  public readonly clientEndpoint: pulumi.Output<string>;
  /** For everything that is done on it; secret. */
  public readonly connection: pulumi.Output<SshConnection>;
  /** Changes when it is another machine. Known once it is ready for a restore. */
  public readonly instanceId: pulumi.Output<string>;
  /** A command line that logs in. */
  public readonly sshCommand: pulumi.Output<string>;
  /** Changes when etcd is to run by other settings; known once they are there. */
  public readonly settings: pulumi.Output<string>;
  /** Folder on it with the etcd programs. */
  public readonly programs: string;
  /** As the other members know it; known before it boots. */
  public readonly peer: pulumi.Output<PeerMember>;
  /** Of its member, and of the VM. */
  private readonly memberName: string;
  /** Seconds from the server's creation until its system began to boot, where the cloud tells, and until it was ready. */
  public readonly seconds: pulumi.Output<ReadySeconds>;

  constructor(name: string, args: EtcdVmArgs, opts?: pulumi.ComponentResourceOptions) {
    const settings = checkedSettings(name, args);
    super("etcd-restore:index:EtcdVm", name, {}, opts);
    const child = { parent: this };

    const keys = makeKeys(name, child);
    const at = makeAddress(name, args, child);
    const volume = makeVolume(name, args.dataVolumeGiB, child);
    const userData = userDataOf(settings, args.install, keys, at.address, volume?.id);
    const server = makeServer(name, args, at, keys, userData, child);
    const attachment = attachVolume(name, server, volume, child);
    const shown =
      args.bastion === undefined
        ? seeHostKey(name, server, at.address, keys, settings.sshWithinSeconds, child)
        : undefined;
    const { connection, booting } = sshConnections(at.address, keys, args.bastion);
    const dependsOn = [attachment, shown].filter((resource) => resource !== undefined);
    const ready = waitReady(name, server, booting, settings.readyWithinSeconds, {
      ...child,
      dependsOn,
    });
    const { instanceId } = ready;
    const environment = pulumi
      .all([at.address, args.peers])
      .apply(([address, members]) => vmEnvironment(settings, address, { ...args, members }));

    this.memberName = settings.hostname;
    this.peer = at.own.apply((peerAddress) => ({
      ...{ name: settings.hostname, peerAddress, peerPort: settings.peerPort },
    }));
    this.address = at.address;
    this.addresses = at.addresses;
    this.clientEndpoint = at.address.apply((host) => clientUrl(host, settings.clientPort));
    this.connection = connection;
    this.instanceId = instanceId;
    this.seconds = ready.seconds;
    this.settings = layEnvironment(name, server, connection, instanceId, environment, child);
    this.programs = programsDirectory(args.install.kind);
    this.sshCommand = writeSshFiles(name, args, at.address, keys, child);

    this.registerOutputs({
      address: this.address,
      instanceId: this.instanceId,
      sshCommand: this.sshCommand,
    });
  }

  /**
   * A command line, ready to paste, that asks this etcd; the files of the client lie in the folder given.
   * @param endpoints of all members, with commas between them. Default: this one's
   */
  public etcdctl(
    clientDirectory: pulumi.Input<string>,
    endpoints: pulumi.Input<string> = this.clientEndpoint,
  ): pulumi.Output<string> {
    return etcdctlCommand("etcdctl", endpoints, clientDirectory);
  }

  /** Where a backup can be restored, with these certificates; `upload` where the programs come over SSH. */
  public machine(certificates: pulumi.Input<Pki>, upload?: EtcdPrograms): RestoreMachine {
    const { instanceId, settings, programs, connection } = this;
    const site = {
      environmentFile: VM.environmentFile,
      nextEnvironmentFile: VM.nextEnvironmentFile,
      programs,
      nextPrograms: upload === undefined ? undefined : VM.nextPrograms,
      certificateDirectory: VM.certificateDirectory,
      service: VM.service,
    };
    return {
      name: this.memberName,
      instanceId,
      settings,
      site,
      ssh: { connection, certificates, upload },
    };
  }
}
