/** What is made where the target is `openstack`, before a backup is restored into it. */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { OpenStackSettings } from "../../settings/types";
import { Network } from "../network";
import { Pki } from "../pki";
import { lookUpAll } from "./cloud-lookups";
import { makeEtcdVms, slowestOf } from "./etcd-vms";
import { vmPreflight } from "./vm-preflight";

/** An etcd on a fresh VM in a network of its own. */
export async function onOpenStack(settings: OpenStackSettings<pulumi.Output<string>>) {
  const { labDirectory } = settings;
  const { backup, install, needs, upload } = await vmPreflight(settings);
  await lookUpAll(settings);

  const network = new Network("lab", {
    sshCidrs: settings.sshCidrs,
    clientCidrs: settings.clientCidrs,
    allowPublicAccess: settings.allowPublicAccess,
    clientPort: settings.clientPort,
    peerPort: settings.members > 1 ? settings.peerPort : undefined,
    externalNetwork: settings.externalNetwork,
    network: settings.network,
  });

  const vms = makeEtcdVms(settings.members, {
    image: settings.image,
    flavor: settings.flavor,
    install,
    needs,
    bastion: settings.bastion,
    clientPort: settings.clientPort,
    peerPort: settings.peerPort,
    dataVolumeGiB: settings.dataVolumeGiB,
    networkId: network.networkId,
    subnetId: network.subnetId,
    securityGroupId: network.securityGroupId,
    floatingIpPool: settings.floatingIp ? network.floatingIpPool : undefined,
    snapshotBytes: backup.bytes,
    v2: backup.v2 !== undefined,
    sshDirectory: path.join(labDirectory, "ssh"),
  });

  const pki = new Pki("pki", {
    addresses: pulumi.all(vms.map(({ addresses }) => addresses)).apply((all) => all.flat()),
    clientDirectory: path.join(labDirectory, "client"),
  });
  const endpoints = vms.map(({ clientEndpoint }) => clientEndpoint);
  const slowest = slowestOf(vms);
  const [first] = vms;
  return {
    backup,
    pki,
    endpoints,
    // The distribution's package is what it is, unless a version was asked for.
    etcdVersion: install.kind === "apt" ? backup.wishedVersion : backup.servedBy,
    machines: vms.map((vm) => vm.machine(pki.files, upload)),
    ssh: vms.map(({ connection }) => connection),
    kubernetesOn: settings.kubernetesOn,
    reboot: settings.reboot,
    phases: { provision: slowest.provision, install: slowest.install },
    outputs: {
      sshCommand: first?.sshCommand,
      sshCommands: pulumi.all(vms.map(({ sshCommand }) => sshCommand)),
      etcdctl: first?.etcdctl(pki.clientDirectory, pulumi.all(endpoints).apply(String)),
    },
  };
}
