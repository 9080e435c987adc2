// A stack out of single parts, as a program of somebody else writes it; on this computer and, told so, on OpenStack.
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import {
  EtcdVm,
  LocalEtcd,
  Network,
  Pki,
  preflight,
  SnapshotRestore,
  Verification,
  vmPreflight,
  type Backup,
  type LocalEtcdArgs,
  type RestoreMachine,
  type SshConnection,
  type VerificationArgs,
} from "etcd-restore";

const snapshot = path.resolve("backup.db");
const labDirectory = path.resolve("lab");

export async function onThisComputer(clientPort: number, peerPort: number) {
  const ports = { clientPort, peerPort };
  const { backup, members } = await preflight({
    ...{ snapshot, labDirectory, etcdVersion: "auto" },
    ...ports,
  });
  const clientDirectory = path.join(labDirectory, "client");
  const pki = new Pki("pki", {
    addresses: ["127.0.0.1"],
    dnsNames: ["localhost"],
    clientDirectory,
  });
  const etcds = members.map(({ name, ...member }) => {
    const args: LocalEtcdArgs = {
      ...member,
      ...{ etcdVersion: backup.servedBy, backupBytes: backup.bytes, pki: pki.files },
    };
    return new LocalEtcd(name, args);
  });
  return prove(
    backup,
    pki,
    etcds.map(({ machine }) => machine),
    etcds.map(({ clientEndpoint }) => clientEndpoint),
  );
}

export async function onOpenStack() {
  const { backup, install, needs } = await vmPreflight({
    ...{ snapshot, labDirectory, etcdVersion: "auto", etcdInstall: "release" },
  });
  const cidrs = ["192.0.2.0/24"];
  const network = new Network("lab", {
    ...{ sshCidrs: cidrs, clientCidrs: cidrs, externalNetwork: "public" },
  });
  const { networkId, subnetId, securityGroupId, floatingIpPool } = network;
  const vm = new EtcdVm("etcd", {
    ...{ image: "debian-12", flavor: "m1.small", install, needs, snapshotBytes: backup.bytes },
    ...{ networkId, subnetId, securityGroupId, floatingIpPool },
    sshDirectory: path.join(labDirectory, "ssh"),
  });
  const pki = new Pki("pki", {
    addresses: vm.addresses,
    clientDirectory: path.join(labDirectory, "client"),
  });
  const connection: pulumi.Output<SshConnection> = vm.connection;
  return prove(backup, pki, [vm.machine(pki.files)], [vm.clientEndpoint], connection);
}

function prove(
  backup: Backup,
  pki: Pki,
  machines: readonly RestoreMachine[],
  endpoints: pulumi.Output<string>[],
  ssh?: pulumi.Output<SshConnection>,
) {
  const restore = new SnapshotRestore("restore", { backup, machines });
  const args: VerificationArgs = {
    ...{
      backup,
      endpoints: pulumi.all(endpoints),
      level: "full",
      clientDirectory: pki.clientDirectory,
    },
    ...{ restored: restore.result, inUse: restore.adopted, restoredAt: restore.restoredAt },
    ...(ssh === undefined ? {} : { ssh }),
    reportDirectory: labDirectory,
  };
  const { verdict, restored } = new Verification("verification", args);
  return { verdict, keys: restored.keys, clientKey: pki.clientKey };
}
