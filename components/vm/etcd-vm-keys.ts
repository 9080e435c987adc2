/** The SSH keys of an etcd VM: made once, kept in the state, and written to files for people. */
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { knownHostsLine, MachineKeys } from "../../machine/ssh/ssh-keys";
import { SSH_PORT, sshCommand, type Bastion } from "./etcd-vm-connection";
import { printedBy } from "../printed";
import { scriptCommand } from "../script";

/** Makes the keys; secret. */
export function makeKeys(
  name: string,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<MachineKeys> {
  const made = new command.local.Command(
    `${name}-ssh-keys`,
    {
      create: scriptCommand("steps/make-ssh-keys", "make", "etcd-restore"),
      logging: "none", // its output is the keys, and is printed live even when it is marked secret
    },
    {
      ...opts,
      additionalSecretOutputs: ["stdout", "stderr"],
      // Other words for the same command must not make other keys, and with them another VM.
      ignoreChanges: ["create"],
    },
  );
  return pulumi.secret(made.stdout).apply((text) => printedBy("make-ssh-keys", MachineKeys, text));
}

/** Writes what ssh needs into a folder on this computer; gives the command line that uses it. */
export function writeSshFiles(
  name: string,
  args: { readonly sshDirectory: string; readonly bastion?: Bastion | undefined },
  address: pulumi.Output<string>,
  keys: pulumi.Output<MachineKeys>,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const files = new command.local.Command(
    `${name}-ssh-files`,
    {
      create: scriptCommand("steps/make-ssh-keys", "write", args.sshDirectory),
      delete: scriptCommand("steps/make-ssh-keys", "remove", args.sshDirectory),
      stdin: pulumi.jsonStringify({
        privateKey: keys.apply(({ login }) => login.privateKey),
        knownHosts: pulumi
          .all([address, keys])
          .apply(([host, { host: own }]) => knownHostsLine(host, SSH_PORT, own.publicKey)),
      }),
      triggers: [args.sshDirectory],
    },
    { ...opts, deleteBeforeReplace: true },
  );
  return pulumi
    .all([address, files.id])
    .apply(([host]) => sshCommand(host, args.sshDirectory, args.bastion));
}
