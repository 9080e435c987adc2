/** A machine that is ready for a restore, and a file that is copied to it. */
import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { EtcdVm } from "../../../../../components/vm/etcd-vm";
import { Network } from "../../../../../components/network";
import { VM, type EtcdInstall } from "../../../../../machine/vm/cloud-init";

const config = new pulumi.Config();

const network = new Network("lab", {
  sshCidrs: ["198.51.100.0/24"],
  clientCidrs: config.requireObject<string[]>("clientCidrs"),
  externalNetwork: "public",
});

const vm = new EtcdVm("etcd", {
  image: "debian-12",
  flavor: config.require("flavor"),
  needs: { ramMiB: config.requireNumber("needsRam"), diskGiB: 1 },
  networkId: network.networkId,
  subnetId: network.subnetId,
  securityGroupId: network.securityGroupId,
  floatingIpPool: network.floatingIpPool,
  install: installOf(config.require("install")),
  snapshotBytes: 1_000_000,
  sshDirectory: config.require("sshDirectory"),
  sshWithinSeconds: config.requireNumber("sshWithinSeconds"),
  readyWithinSeconds: 120,
});

const file = config.require("file");
const copy =
  file === ""
    ? undefined
    : new remote.CopyToRemote("copy", {
        connection: vm.connection,
        source: new pulumi.asset.FileAsset(file),
        remotePath: `${VM.uploadDirectory}/file`,
        triggers: [vm.instanceId],
      });

const told = new remote.Command(
  "told",
  {
    connection: vm.connection,
    create: `cat; sha256sum ${VM.uploadDirectory}/file 2>/dev/null | cut -d ' ' -f 1`,
    stdin: "from here: ",
    triggers: [vm.instanceId, file],
    addPreviousOutputInEnv: false,
  },
  { dependsOn: copy === undefined ? [] : [copy] },
);

export const instanceId = vm.instanceId;
export const address = vm.address;
export const sshCommand = vm.sshCommand;
export const said = told.stdout;

function installOf(kind: string): EtcdInstall {
  if (kind === "upload" || kind === "apt") return { kind };
  const tarball = { url: config.require("url"), sha256: config.require("sha256") };
  return { kind: "release", tarballs: { amd64: tarball, arm64: tarball } };
}
