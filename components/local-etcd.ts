import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { LocalEtcd as Installed } from "../machine/local/local-etcd";
import type { Pki } from "../machine/pki/pki";
import { etcdctlCommand } from "./etcdctl";
import { scriptCommand } from "./script";
import type { RestoreMachine } from "./restore/snapshot-restore";

export interface LocalEtcdArgs {
  /** Folder of its own; absolute. Everything goes with it on destroy. */
  readonly directory: string;
  /** A minor version, `3.6`, or an exact one. */
  readonly etcdVersion: string;
  /** Folder with etcd, etcdctl and etcdutl. @default - found on this computer, or installed */
  readonly etcdPrograms?: string | undefined;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Size of the backup to come, in bytes: the quota follows from it. */
  readonly backupBytes: number;
  /** PEM texts. */
  readonly pki: pulumi.Input<Pki>;
  /** Changes when what was there is lost, so that it is restored anew. */
  readonly instanceId: string;
}

/**
 * An etcd of this user on this computer, installed and configured but without data: it is started by a restore.
 *
 * It listens on loopback only, wants client certificates, and survives the shell that made it.
 */
export class LocalEtcd extends pulumi.ComponentResource {
  /** Where a backup can be restored. */
  public readonly machine: RestoreMachine;
  /** `https://127.0.0.1:PORT`; nothing answers there before a restore. */
  public readonly clientEndpoint: pulumi.Output<string>;
  /** How long the installation took, in seconds. */
  public readonly installSeconds: pulumi.Output<number>;
  private readonly programs: pulumi.Output<string>;

  constructor(name: string, args: LocalEtcdArgs, opts?: pulumi.ComponentResourceOptions) {
    super("etcd-restore:index:LocalEtcd", name, {}, opts);
    const { directory } = args;

    const request = pulumi.output(args.pki).apply(({ ca, server, serverKey, peer, peerKey }) =>
      JSON.stringify({
        directory,
        etcdVersion: args.etcdVersion,
        programs: args.etcdPrograms,
        name,
        clientPort: args.clientPort,
        peerPort: args.peerPort,
        snapshotBytes: args.backupBytes,
        certificates: { ca, server, serverKey, peer, peerKey },
      }),
    );
    const installation = new command.local.Command(
      `${name}-installation`,
      {
        create: scriptCommand("steps/local-etcd", "install"),
        delete: scriptCommand("steps/local-etcd", "remove", directory),
        stdin: pulumi.secret(request),
        triggers: [directory],
        logging: "stderr",
      },
      { parent: this, deleteBeforeReplace: true }, // another folder: the old one goes first, it holds the ports
    );
    const installed = installation.stdout.apply(parseInstalled);

    this.clientEndpoint = installed.endpoint;
    this.installSeconds = installed.seconds;
    this.programs = installed.programs;
    this.machine = {
      instanceId: args.instanceId,
      environmentFile: installed.environmentFile,
      programs: installed.programs,
      service: installed.service,
    };
    this.registerOutputs({ clientEndpoint: this.clientEndpoint });
  }

  /** A command line, ready to paste, that asks this etcd; the files of the client lie in the folder given. */
  public etcdctl(clientDirectory: pulumi.Input<string>): pulumi.Output<string> {
    return etcdctlCommand(
      pulumi.interpolate`${this.programs}/etcdctl`,
      this.clientEndpoint,
      clientDirectory,
    );
  }
}

/** Reads what `scripts/steps/local-etcd.ts install` printed. */
function parseInstalled(stdout: string): Installed & { readonly seconds: number } {
  return JSON.parse(stdout) as Installed & { readonly seconds: number };
}
