/** The server of an etcd VM, and what it is made from: each step of the component, in the order in which they come to be. */
import { createHash } from "node:crypto";
import * as command from "@pulumi/command";
import * as openstack from "@pulumi/openstack";
import * as pulumi from "@pulumi/pulumi";
import * as z from "zod";
import { cloudInit, VM, WAIT_READY, type EtcdInstall } from "../../machine/vm/cloud-init";
import { withoutComment, type MachineKeys } from "../../machine/ssh/ssh-keys";
import type { SshConnection } from "../machine";
import { ownerDescription, ownerMetadata, ownerTags } from "../owner";
import { printedBy } from "../printed";
import { shellLine } from "../../machine/shell/quote";
import { scriptCommand } from "../script";
import { findFlavor, findImage } from "./cloud-lookups";
import type { VmAddress } from "./etcd-vm-address";
import { SSH_PORT } from "./etcd-vm-connection";
import {
  refuseSmallFlavor,
  vmEnvironment,
  type SizeNeeds,
  type VmSettings,
} from "./etcd-vm-settings";

/** What `wait-ready.sh` prints. */
const Ready = z.object({ provision: z.number().optional(), install: z.number() });
export type ReadySeconds = Readonly<z.infer<typeof Ready>>;

/** A Cinder volume for the data, where one is wished for. */
export function makeVolume(
  name: string,
  sizeGiB: number | undefined,
  opts: pulumi.CustomResourceOptions,
): openstack.blockstorage.Volume | undefined {
  if (sizeGiB === undefined) return undefined;
  const metadata = ownerMetadata();
  return new openstack.blockstorage.Volume(
    `${name}-data`,
    { size: sizeGiB, description: ownerDescription("etcd's data"), metadata },
    opts,
  );
}

/** What cloud-init is told; secret, for it holds the machine's own key. */
export function userDataOf(
  settings: VmSettings,
  install: EtcdInstall,
  keys: pulumi.Output<MachineKeys>,
  address: pulumi.Output<string>,
  volumeId: pulumi.Output<string> | undefined,
): pulumi.Output<string> {
  const text = pulumi.all([keys, address, volumeId]).apply(([{ login, host }, at, dataVolumeId]) =>
    cloudInit({
      hostname: settings.hostname,
      loginKey: login.publicKey,
      hostKey: host,
      install,
      // What follows from the backup comes over SSH, later: another backup must not make another VM.
      environment: vmEnvironment(settings, at, { snapshotBytes: 0 }),
      ...(dataVolumeId === undefined ? {} : { dataVolumeId }),
    }),
  );
  return pulumi.secret(text);
}

/** Makes the server, with a key pair by which nova knows who may log in. */
export function makeServer(
  name: string,
  args: {
    readonly image: string;
    readonly flavor: string;
    readonly needs?: SizeNeeds | undefined;
    readonly serverGroupId?: pulumi.Input<string> | undefined;
  },
  at: VmAddress,
  keys: pulumi.Output<MachineKeys>,
  userData: pulumi.Output<string>,
  opts: pulumi.CustomResourceOptions,
): openstack.compute.Instance {
  const keyPair = new openstack.compute.Keypair(
    `${name}-key-pair`,
    { publicKey: pulumi.unsecret(keys.apply(({ login }) => login.publicKey)) },
    opts,
  );
  return new openstack.compute.Instance(
    `${name}-server`,
    {
      imageId: findImage(args.image),
      flavorId: findFlavor(args.flavor).then((flavor) => {
        refuseSmallFlavor(flavor, args.needs);
        return flavor.id;
      }),
      keyPair: keyPair.name,
      networks: [{ port: at.portId }],
      configDrive: true, // works where there is no metadata service, and is there at boot
      userData,
      ...(args.serverGroupId === undefined
        ? {}
        : { schedulerHints: [{ group: args.serverGroupId }] }),
      metadata: ownerMetadata(),
      tags: ownerTags(),
    },
    {
      ...opts,
      deleteBeforeReplace: true, // two servers cannot share the port
      dependsOn: [...at.ready],
      customTimeouts: { create: "15m", delete: "10m" },
    },
  );
}

/** Attaches the volume, where there is one. */
export function attachVolume(
  name: string,
  server: openstack.compute.Instance,
  volume: openstack.blockstorage.Volume | undefined,
  opts: pulumi.CustomResourceOptions,
): openstack.compute.VolumeAttach | undefined {
  if (volume === undefined) return undefined;
  return new openstack.compute.VolumeAttach(
    `${name}-data-attachment`,
    { instanceId: server.id, volumeId: volume.id },
    { ...opts, deleteBeforeReplace: true },
  );
}

/**
 * Waits until the VM shows the key that was made for it. Said early and clearly here; later, every wrong key is tried
 * again and again. Through a bastion it cannot be seen.
 */
export function seeHostKey(
  name: string,
  server: openstack.compute.Instance,
  address: pulumi.Output<string>,
  keys: pulumi.Output<MachineKeys>,
  seconds: number,
  opts: pulumi.CustomResourceOptions,
): command.local.Command {
  const publicKey = pulumi.unsecret(keys.apply(({ host }) => host.publicKey));
  const create = pulumi.all([address, publicKey]).apply(([host, shown]) => {
    const [, key = ""] = withoutComment(shown).split(" ");
    return scriptCommand("steps/wait-for-ssh", host, SSH_PORT, seconds, key);
  });
  return new command.local.Command(`${name}-host-key`, { create, triggers: [server.id] }, opts);
}

/** Waits until cloud-init has done everything; gives the machine's id once it has, and how long it took. */
export function waitReady(
  name: string,
  server: openstack.compute.Instance,
  connection: pulumi.Output<SshConnection>,
  seconds: number,
  opts: pulumi.CustomResourceOptions,
): { readonly instanceId: pulumi.Output<string>; readonly seconds: pulumi.Output<ReadySeconds> } {
  const ready = new command.remote.Command(
    `${name}-ready`,
    {
      connection,
      create: server.created.apply((created) =>
        shellLine(
          ...["sudo", "bash", "-s", "--", seconds, VM.readyMarker],
          ...(created ? [created] : []),
        ),
      ),
      stdin: WAIT_READY,
      triggers: [server.id],
      addPreviousOutputInEnv: false, // sshd takes no environment
    },
    { ...opts, deletedWith: server },
  );
  return {
    instanceId: pulumi.all([server.id, ready.id]).apply(([id]) => id),
    seconds: ready.stdout.apply((text) => printedBy("wait-ready.sh", Ready, text)),
  };
}

/** Lays down the environment file that etcd is to have with the next restore; gives what changes when that does. */
export function layEnvironment(
  name: string,
  server: openstack.compute.Instance,
  connection: pulumi.Output<SshConnection>,
  instanceId: pulumi.Output<string>,
  environment: pulumi.Output<string>,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const laid = new command.remote.Command(
    `${name}-environment`,
    {
      connection,
      create: shellLine("sudo", VM.writeEnvironment),
      stdin: environment,
      triggers: [instanceId],
      addPreviousOutputInEnv: false,
    },
    { ...opts, deletedWith: server },
  );
  return pulumi
    .all([environment, laid.id])
    .apply(([text]) => createHash("sha256").update(text).digest("hex"));
}
