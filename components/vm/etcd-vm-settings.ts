/** What is asked of an etcd VM before anything of it is made. */
import * as pulumi from "@pulumi/pulumi";
import { VM } from "../../machine/vm/cloud-init";
import { environmentFile, type MemberSettings } from "../../machine/environment";
import type { FoundFlavor } from "./cloud-lookups";

/** What a VM needs for its backup. */
export interface SizeNeeds {
  readonly ramMiB: number;
  /** On the root disk. */
  readonly diskGiB: number;
}

/** The plain arguments that can be wrong. */
interface PlainArgs {
  readonly bastion?: { readonly hostKey: string; readonly port?: number | undefined } | undefined;
  readonly dataVolumeGiB?: number | undefined;
  readonly snapshotBytes: number;
  readonly clientPort?: number | undefined;
  readonly peerPort?: number | undefined;
  readonly sshWithinSeconds?: number | undefined;
  readonly readyWithinSeconds?: number | undefined;
}

/** Arguments with their defaults. */
export interface VmSettings {
  readonly hostname: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly sshWithinSeconds: number;
  readonly readyWithinSeconds: number;
}

/** Fills in defaults; throws one RunError with everything that is wrong. */
export function checkedSettings(name: string, args: PlainArgs): VmSettings {
  const settings = {
    hostname: name.toLowerCase(),
    clientPort: args.clientPort ?? 2379,
    peerPort: args.peerPort ?? 2380,
    sshWithinSeconds: args.sshWithinSeconds ?? 480,
    readyWithinSeconds: args.readyWithinSeconds ?? 900,
  };
  const problems: string[] = [];
  const wholeNumber = (what: string, given: number, least: number, most: number) => {
    if (Number.isSafeInteger(given) && given >= least && given <= most) return;
    problems.push(`${what} is ${given}; a whole number from ${least} to ${most} is needed`);
  };
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(settings.hostname)) {
    problems.push(
      `the name "${name}" becomes the VM's host name; up to 63 letters, digits and '-' are allowed`,
    );
  }
  wholeNumber("snapshotBytes", args.snapshotBytes, 0, Number.MAX_SAFE_INTEGER);
  wholeNumber("clientPort", settings.clientPort, 1, 65535);
  wholeNumber("peerPort", settings.peerPort, 1, 65535);
  wholeNumber("sshWithinSeconds", settings.sshWithinSeconds, 1, 7200);
  wholeNumber("readyWithinSeconds", settings.readyWithinSeconds, 1, 7200);
  if (args.dataVolumeGiB !== undefined) wholeNumber("dataVolumeGiB", args.dataVolumeGiB, 1, 65536);
  if (settings.clientPort === settings.peerPort) {
    problems.push(`clientPort and peerPort are both ${settings.clientPort}; they must differ`);
  }
  if (args.bastion?.port !== undefined) wholeNumber("bastion.port", args.bastion.port, 1, 65535);
  if (args.bastion !== undefined && !/^ssh-ed25519 [A-Za-z0-9+/=]+/.test(args.bastion.hostKey)) {
    problems.push(
      "bastion.hostKey must be its ed25519 key, `ssh-ed25519 AAAA…`; `ssh-keyscan -t ed25519 HOST` shows it, compare it with what its owner says",
    );
  }
  if (problems.length > 0) throw new pulumi.RunError(`cannot make ${name}: ${problems.join("; ")}`);
  return settings;
}

/** Refuses a flavor on which the backup would not fit, before a server of it is made. */
export function refuseSmallFlavor(flavor: FoundFlavor, needs: SizeNeeds | undefined): void {
  if (needs === undefined) return;
  const problems: string[] = [];
  if (flavor.ramMiB < needs.ramMiB) {
    problems.push(`it has ${flavor.ramMiB} MiB of memory, the backup needs ${needs.ramMiB}`);
  }
  if (flavor.diskGiB !== 0 && flavor.diskGiB < needs.diskGiB) {
    problems.push(`it has ${flavor.diskGiB} GiB of disk, the backup needs ${needs.diskGiB}`);
  }
  if (problems.length > 0) {
    throw new pulumi.RunError(
      `flavor "${flavor.name}" is too small: ${problems.join("; ")}; \`openstack flavor list\` shows larger ones`,
    );
  }
}

/** The environment file of the VM for a backup of this size, and of the v2 store where it is one. */
export function vmEnvironment(
  settings: VmSettings,
  clientAddress: string,
  { snapshotBytes, members, v2 }: Pick<MemberSettings, "snapshotBytes" | "members" | "v2">,
): string {
  return environmentFile({
    name: settings.hostname,
    dataDirectory: VM.dataDirectory,
    certificateDirectory: VM.certificateDirectory,
    clientAddress,
    listenAddresses: ["0.0.0.0"],
    clientPort: settings.clientPort,
    peerPort: settings.peerPort,
    members,
    snapshotBytes,
    v2,
  });
}
