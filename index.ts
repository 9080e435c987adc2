/** The Pulumi program: settings in, an etcd restored from a backup and proved, outputs out. */
import { program } from "./components/program";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { makeEtcdVms, slowestOf } from "./components/vm/etcd-vms";
import { LocalEtcd } from "./components/local-etcd";
import { Network } from "./components/network";
import { Pki } from "./components/pki";
import { preflight } from "./components/preflight";
import { SnapshotRestore } from "./components/restore/snapshot-restore";
import { Verification, type VerificationArgs } from "./components/verification";
import { lookUpAll } from "./components/vm/cloud-lookups";
import { vmPreflight } from "./components/vm/vm-preflight";
import { loadSettings, type LocalSettings, type OpenStackSettings } from "./config";

export = program(async () => {
  const settings = loadSettings();

  const made = await (settings.target === "local"
    ? onThisComputer(settings)
    : onOpenStack(settings));
  const { backup, pki, machines } = made;
  const endpoints = pulumi.all(made.endpoints);

  const services = pulumi.all(
    machines.map(({ site }) => pulumi.output(site).apply(({ service }) => service)),
  );

  const restore = new SnapshotRestore("restore", { backup, machines });

  const proof: VerificationArgs = {
    backup,
    level: settings.verification,
    expectedKeys: settings.expectedKeys,
    kubernetes: settings.kubernetes,
    kubernetesOn: made.kubernetesOn,
    etcdPrograms: settings.etcdPrograms,
    expectedCluster: settings.expectedCluster,
    encryptionConfig: settings.encryptionConfig,
    credentials: settings.credentials,
    root: { certificate: pki.files.root, key: pki.files.rootKey },
    etcdVersion: made.etcdVersion,
    endpoints,
    clientDirectory: pki.clientDirectory,
    restored: restore.result,
    // What is restored once more is restarted then.
    ...(backup.bumped === undefined && { services, reboot: made.reboot }),
    inUse: restore.adopted,
    restoredAt: restore.restoredAt,
    ssh: made.ssh[0],
    otherSsh: made.ssh.slice(1),
    phases: {
      ...made.phases,
      copy: restore.seconds.copy,
      restore: restore.seconds.restore,
      start: restore.seconds.start,
    },
    reportDirectory: settings.labDirectory,
  };
  let { restoredAt } = restore;
  let verification = new Verification("verification", proof);

  // Proof first, bump after: what is proved is restored once more, and what survives a bump is proved again.
  if (backup.bumped !== undefined) {
    const again = {
      backup: backup.bumped,
      machines: machines.map((machine) => ({ ...machine, instanceId: restore.result })),
    };
    const bump = new SnapshotRestore("bump", again, { dependsOn: verification });
    ({ restoredAt } = bump);
    verification = new Verification("bump-verification", {
      ...proof,
      kubernetes: "off",
      backup: backup.bumped,
      services,
      reboot: made.reboot,
      restoredAt,
      restored: bump.result,
      inUse: bump.adopted,
      ownsReport: false,
    });
  }

  return {
    clientEndpoint: endpoints[0],
    endpoints,
    caCertificate: pki.caCertificate,
    clientCertificate: pki.clientCertificate,
    clientKey: pki.clientKey,
    ...made.outputs,
    snapshot: {
      file: backup.file,
      sha256: backup.sha256,
      revision: backup.revision,
      keys: backup.keys,
      hashKv: backup.hashKv,
      etcdVersion: backup.etcdVersion,
      ...(backup.v2 && { v2: backup.v2 }),
    },
    restored: verification.restored,
    restoredAt,
    verdict: verification.verdict,
    report: verification.reportFile,
  };
});

/** An etcd as a process of this user, on loopback. */
async function onThisComputer(settings: LocalSettings) {
  const { labDirectory } = settings;
  // Before anything is made, and in preview too: a backup or a computer that will not do stops here.
  const { backup, members } = await preflight(settings);

  const pki = new Pki("pki", {
    addresses: ["127.0.0.1"],
    dnsNames: ["localhost"],
    clientDirectory: path.join(labDirectory, "client"),
  });

  const etcds = members.map(
    ({ name, ...member }) =>
      new LocalEtcd(name, {
        ...member,
        etcdVersion: backup.servedBy,
        etcdPrograms: settings.etcdPrograms,
        backupBytes: backup.bytes,
        v2: backup.v2 !== undefined,
        pki: pki.files,
      }),
  );
  const endpoints = etcds.map(({ clientEndpoint }) => clientEndpoint);
  const [etcd] = etcds;
  return {
    backup,
    pki,
    machines: etcds.map(({ machine }) => machine),
    endpoints,
    etcdVersion: backup.servedBy,
    ssh: [],
    kubernetesOn: "here" as const,
    reboot: false,
    phases: { install: etcd?.installSeconds },
    outputs: { etcdctl: etcd?.etcdctl(pki.clientDirectory, pulumi.all(endpoints).apply(String)) },
  };
}

/** An etcd on a fresh VM in a network of its own. */
async function onOpenStack(settings: OpenStackSettings) {
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
