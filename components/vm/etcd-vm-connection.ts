/** How an etcd VM is reached over SSH: the one place where a connection is put together. */
import * as pulumi from "@pulumi/pulumi";
import { VM } from "../../machine/vm/cloud-init";
import { withoutComment, type MachineKeys } from "../../machine/ssh/ssh-keys";
import type { SshConnection } from "../machine";
import { shellLine } from "../../machine/shell/quote";

/** A machine between this computer and the VM. */
export interface Bastion {
  readonly host: string;
  readonly user: string;
  /** @default 22 */
  readonly port?: number | undefined;
  /** OpenSSH or PEM text, not encrypted. */
  readonly privateKey: pulumi.Input<string>;
  /** `ssh-ed25519 AAAA…`, as in `known_hosts`: the bastion is not trusted by its address alone. */
  readonly hostKey: string;
}

export const SSH_PORT = 22;

/** Rides out a reboot. */
const DIAL_ERROR_LIMIT = 20;
/** Waits for a VM that boots, where nothing else can: behind a bastion. */
const BOOT_DIAL_ERROR_LIMIT = 100;

/** The connection to a VM, and the same with the patience that a boot needs; secret as a whole, always. */
export function sshConnections(
  host: pulumi.Input<string>,
  keys: pulumi.Input<MachineKeys>,
  bastion: Bastion | undefined,
): { connection: pulumi.Output<SshConnection>; booting: pulumi.Output<SshConnection> } {
  const parts = pulumi.secret(pulumi.all([host, keys, bastion?.privateKey]));
  const withLimit = (dialErrorLimit: number) =>
    parts.apply(([address, { login, host: own }, bastionKey]): SshConnection => {
      const hop = { dialErrorLimit, perDialTimeout: 15 };
      const vm = {
        ...hop,
        host: address,
        port: SSH_PORT,
        user: VM.user,
        privateKey: login.privateKey,
        hostKey: withoutComment(own.publicKey),
      };
      if (bastion === undefined || bastionKey === undefined) return vm;
      const { host: bastionHost, user, port = SSH_PORT, hostKey } = bastion;
      const proxy = {
        ...hop,
        dialErrorLimit: DIAL_ERROR_LIMIT, // it is there already
        host: bastionHost,
        port,
        user,
        privateKey: bastionKey,
        hostKey: withoutComment(hostKey),
      };
      return { ...vm, proxy };
    });
  return { connection: withLimit(DIAL_ERROR_LIMIT), booting: withLimit(BOOT_DIAL_ERROR_LIMIT) };
}

/** A command line that logs in with the files of `make-ssh-keys write`; through a bastion with your own key for it. */
export function sshCommand(host: string, sshDirectory: string, bastion?: Bastion): string {
  const jump =
    bastion === undefined
      ? []
      : ["-J", `${bastion.user}@${bastion.host}:${bastion.port ?? SSH_PORT}`];
  return shellLine(
    ...["ssh", "-i", `${sshDirectory}/ssh-key`, "-o", "IdentitiesOnly=yes"],
    ...["-o", `UserKnownHostsFile=${sshDirectory}/known_hosts`, "-o", "StrictHostKeyChecking=yes"],
    ...jump,
    `${VM.user}@${host}`,
  );
}
