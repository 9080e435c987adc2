import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as z from "zod";
import { LocalEtcd as Installed } from "../machine/local/local-etcd";
import type { PeerMember } from "../machine/environment";
import type { Pki } from "../machine/pki/pki-texts";
import { etcdctlCommand } from "./etcdctl";
import type { RestoreMachine } from "./machine";
import { printedBy } from "./printed";
import { scriptCommand } from "./script";

export interface LocalEtcdArgs {
  /** Folder of its own; absolute. Everything goes with it on destroy. */
  readonly directory: string;
  /** A minor version, `3.6`, or an exact one. */
  readonly etcdVersion: string;
  /** Folder with etcd, etcdctl and etcdutl. @default - found on this computer, or installed */
  readonly etcdPrograms?: string | undefined;
  readonly clientPort: number;
  readonly peerPort: number;
  /** All members of its cluster, itself among them, by the names of their components. @default it is alone */
  readonly members?: readonly PeerMember[];
  /** Size of the backup to come, in bytes: the quota follows from it. */
  readonly backupBytes: number;
  /** Whether it serves etcd's old v2 keys as well. @default false */
  readonly v2?: boolean | undefined;
  /** PEM texts. */
  readonly pki: pulumi.Input<Pki>;
  /** Changes when what was there is lost, so that it is restored anew. */
  readonly instanceId: string;
}

/**
 * An etcd of this user on this computer, installed and configured but without data: it is started by a restore.
 *
 * It listens on loopback only, wants client certificates, and survives the shell that made it.
 *
 * @example
 * ```ts
 * import { LocalEtcd, Pki, preflight } from "etcd-restore";
 *
 * const { backup, members } = await preflight({
 *   ...{ snapshot: "/backups/etcd.db", labDirectory: "/var/tmp/lab", etcdVersion: "auto" },
 *   ...{ clientPort: 22379, peerPort: 22380 },
 * });
 * const pki = new Pki("pki", { addresses: ["127.0.0.1"], clientDirectory: "/var/tmp/lab/client" });
 * const etcds = members.map(({ name, ...member }) => {
 *   const of = { etcdVersion: backup.servedBy, backupBytes: backup.bytes };
 *   return new LocalEtcd(name, { ...member, ...of, pki: pki.files });
 * });
 * export const etcdctl = etcds.map((etcd) => etcd.etcdctl(pki.clientDirectory));
 * ```
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

    const installation = new command.local.Command(
      `${name}-installation`,
      {
        create: scriptCommand("steps/local-etcd", "install"),
        delete: scriptCommand("steps/local-etcd", "remove", directory),
        stdin: pulumi.secret(pulumi.output(args.pki).apply((pki) => requestOf(name, args, pki))),
        triggers: [directory],
        logging: "stderr",
      },
      { parent: this, deleteBeforeReplace: true }, // another folder: the old one goes first, it holds the ports
    );
    const installed = installation.stdout.apply((text) =>
      printedBy("local-etcd install", Installation, text),
    );

    this.clientEndpoint = installed.endpoint;
    this.installSeconds = installed.seconds;
    this.programs = installed.programs;
    this.machine = {
      name,
      instanceId: args.instanceId,
      settings: installed.settings,
      site: installed,
    };
    this.registerOutputs({ clientEndpoint: this.clientEndpoint });
  }

  /**
   * A command line, ready to paste, that asks this etcd; the files of the client lie in the folder given.
   * @param endpoints of all members, with commas between them. Default: this one's
   */
  public etcdctl(
    clientDirectory: pulumi.Input<string>,
    endpoints: pulumi.Input<string> = this.clientEndpoint,
  ): pulumi.Output<string> {
    return etcdctlCommand(pulumi.interpolate`${this.programs}/etcdctl`, endpoints, clientDirectory);
  }
}

/** What `scripts/steps/local-etcd.ts install` prints. */
const Installation = Installed.extend({ seconds: z.number() });

/** What it reads. Without the client's key: that one is not for a server. */
function requestOf(name: string, args: LocalEtcdArgs, pki: Pki): string {
  const { ca, server, serverKey, peer, peerKey, root, rootKey } = pki;
  return JSON.stringify({
    directory: args.directory,
    etcdVersion: args.etcdVersion,
    programs: args.etcdPrograms,
    name,
    clientPort: args.clientPort,
    peerPort: args.peerPort,
    members: args.members,
    snapshotBytes: args.backupBytes,
    ...(args.v2 === true && { v2: true }),
    certificates: { ca, server, serverKey, peer, peerKey, root, rootKey },
  });
}
