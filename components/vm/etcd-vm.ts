import * as command from "@pulumi/command";
import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import {
  cloudInit,
  programsDirectory,
  VM,
  WAIT_READY,
  type EtcdInstall,
} from "../../machine/vm/cloud-init";
import type { Pki } from "../../machine/pki/pki";
import type { EtcdPrograms } from "../../machine/programs/programs";
import { withoutComment } from "../../machine/ssh/ssh-keys";
import { findFlavor, findImage } from "./cloud-lookups";
import { SSH_PORT, sshConnections, type Bastion, type SshConnection } from "./etcd-vm-connection";
import { makeAddress } from "./etcd-vm-address";
import { makeKeys, writeSshFiles } from "./etcd-vm-keys";
import {
  checkedSettings,
  refuseSmallFlavor,
  vmEnvironment,
  type SizeNeeds,
} from "./etcd-vm-settings";
import { clientUrl, etcdctlCommand } from "../etcdctl";
import { ownerDescription, ownerMetadata, ownerTags } from "../owner";
import { commandLine, scriptCommand } from "../script";
import type { RestoreMachine } from "../restore/snapshot-restore";

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
  /** @default 2379 */
  readonly clientPort?: number | undefined;
  /** Only this machine itself reaches it. @default 2380 */
  readonly peerPort?: number | undefined;
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
  /** Path on it of etcd's environment file; known once that is fit for the backup. */
  public readonly environmentFile: pulumi.Output<string>;
  /** Folder on it with the etcd programs. */
  public readonly programs: string;
  /** Seconds from the server's creation until its system began to boot, where the cloud tells, and until it was ready. */
  public readonly seconds: pulumi.Output<{ provision: number | undefined; install: number }>;

  constructor(name: string, args: EtcdVmArgs, opts?: pulumi.ComponentResourceOptions) {
    const settings = checkedSettings(name, args);
    super("etcd-restore:index:EtcdVm", name, {}, opts);
    this.programs = programsDirectory(args.install.kind);
    const child = { parent: this };

    const keys = makeKeys(name, child);
    const { portId, address, addresses, ready: reachable } = makeAddress(name, args, child);
    this.address = address;
    this.addresses = addresses;
    this.clientEndpoint = address.apply((host) => clientUrl(host, settings.clientPort));

    const volume =
      args.dataVolumeGiB === undefined
        ? undefined
        : new openstack.blockstorage.Volume(
            `${name}-data`,
            {
              size: args.dataVolumeGiB,
              description: ownerDescription("etcd's data"),
              metadata: ownerMetadata(),
            },
            child,
          );
    // Over SSH, later, what follows from the backup: another backup must not make another VM.
    const environment = (snapshotBytes: number) =>
      address.apply((clientAddress) => vmEnvironment(settings, clientAddress, snapshotBytes));
    const userData = pulumi
      .all([keys, environment(0), volume?.id])
      .apply(([{ login, host }, environmentText, dataVolumeId]) =>
        cloudInit({
          hostname: settings.hostname,
          loginKey: login.publicKey,
          hostKey: host,
          install: args.install,
          environment: environmentText,
          ...(dataVolumeId === undefined ? {} : { dataVolumeId }),
        }),
      );

    const keyPair = new openstack.compute.Keypair(
      `${name}-key-pair`,
      { publicKey: pulumi.unsecret(keys.apply(({ login }) => login.publicKey)) },
      child,
    );
    const server = new openstack.compute.Instance(
      `${name}-server`,
      {
        imageId: findImage(args.image),
        flavorId: findFlavor(args.flavor).then((flavor) => {
          refuseSmallFlavor(flavor, args.needs);
          return flavor.id;
        }),
        keyPair: keyPair.name,
        networks: [{ port: portId }],
        configDrive: true, // works where there is no metadata service, and is there at boot
        userData: pulumi.secret(userData),
        metadata: ownerMetadata(),
        tags: ownerTags(),
      },
      {
        parent: this,
        deleteBeforeReplace: true, // two servers cannot share the port
        dependsOn: [...reachable],
        customTimeouts: { create: "15m", delete: "10m" },
      },
    );
    const attachment =
      volume === undefined
        ? undefined
        : new openstack.compute.VolumeAttach(
            `${name}-data-attachment`,
            { instanceId: server.id, volumeId: volume.id },
            { parent: this, deleteBeforeReplace: true },
          );

    // Said early and clearly here; later, every wrong key is tried again and again. Through a bastion it cannot be seen.
    const shown =
      args.bastion === undefined
        ? new command.local.Command(
            `${name}-host-key`,
            {
              create: pulumi
                .all([address, pulumi.unsecret(keys.apply(({ host }) => host.publicKey))])
                .apply(([host, key]) => waitForSshCommand(host, key, settings.sshWithinSeconds)),
              triggers: [server.id],
            },
            child,
          )
        : undefined;
    const { connection, booting } = sshConnections(address, keys, args.bastion);
    this.connection = connection;
    const ready = new command.remote.Command(
      `${name}-ready`,
      {
        connection: booting,
        create: server.created.apply((created) =>
          commandLine(
            ...["sudo", "bash", "-s", "--", settings.readyWithinSeconds, VM.readyMarker],
            ...(created ? [created] : []),
          ),
        ),
        stdin: WAIT_READY,
        triggers: [server.id],
        addPreviousOutputInEnv: false, // sshd takes no environment
      },
      {
        parent: this,
        deletedWith: server,
        dependsOn: [attachment, shown].filter((resource) => resource !== undefined),
      },
    );
    this.seconds = ready.stdout.apply(parseSeconds);
    this.instanceId = pulumi.all([server.id, ready.id]).apply(([id]) => id);
    const configured = new command.remote.Command(
      `${name}-environment`,
      {
        connection,
        create: commandLine("sudo", VM.writeEnvironment),
        stdin: environment(args.snapshotBytes),
        triggers: [this.instanceId],
        addPreviousOutputInEnv: false,
      },
      { parent: this, deletedWith: server },
    );
    this.environmentFile = configured.id.apply(() => VM.environmentFile);
    this.sshCommand = writeSshFiles(name, args, address, keys, child);

    this.registerOutputs({
      address: this.address,
      instanceId: this.instanceId,
      sshCommand: this.sshCommand,
    });
  }

  /** A command line, ready to paste, that asks this etcd; the files of the client lie in the folder given. */
  public etcdctl(clientDirectory: pulumi.Input<string>): pulumi.Output<string> {
    return etcdctlCommand("etcdctl", this.clientEndpoint, clientDirectory);
  }

  /** Where a backup can be restored, with these certificates; `upload` where the programs come over SSH. */
  public machine(certificates: pulumi.Input<Pki>, upload?: EtcdPrograms): RestoreMachine {
    const { instanceId, environmentFile, programs, connection } = this;
    const ssh = { connection, certificates, upload };
    return { instanceId, environmentFile, programs, service: VM.service, ssh };
  }
}

/** The command line that waits until the VM answers, with the key that was made for it. */
function waitForSshCommand(host: string, publicKey: string, seconds: number): string {
  const [, key = ""] = withoutComment(publicKey).split(" ");
  return scriptCommand("steps/wait-for-ssh", host, SSH_PORT, seconds, key);
}

/** Reads what `wait-ready.sh` printed. */
function parseSeconds(stdout: string): { provision: number | undefined; install: number } {
  const { provision, install } = JSON.parse(stdout) as { provision?: number; install: number };
  return { provision, install };
}
