/** A machine as the components that make one, restore on one and prove one know it. */
import type * as pulumi from "@pulumi/pulumi";
import type { Pki } from "../machine/pki/pki-texts";
import type { EtcdPrograms } from "../machine/programs/programs";

/** One hop of an SSH connection. The provider prints a connection whole when it meets a field that it does not know. */
export interface Hop {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…`; the provider checks no key without it. */
  readonly hostKey: string;
  /** Attempts until the provider gives up; they come ever slower: 20 take about a minute, 100 about eight. */
  readonly dialErrorLimit: number;
  /** Seconds for one TCP connect. */
  readonly perDialTimeout: number;
}

/** What `remote.Command` takes as its connection; our own steps take the part of it that they know. */
export interface SshConnection extends Hop {
  readonly proxy?: Hop;
}

/** Where things are on a machine; what `restore.sh` is told of it. */
export interface RestoreSite {
  /** The environment file: the one source of name, URLs, data directory and certificates. */
  readonly environmentFile: string;
  /** Folder with the `etcd`, `etcdctl` and `etcdutl` that the service runs. */
  readonly programs: string;
  /** What is to come in the place of that file with the restore. */
  readonly nextEnvironmentFile: string;
  /** What is to come in the place of those programs. @default they stay */
  readonly nextPrograms?: string | undefined;
  /** Folder with the certificates of etcd, and with that of root, which proves a store with authentication on. */
  readonly certificateDirectory: string;
  /** Command that takes `start`, `stop`, `status` or `log` as its last word. */
  readonly service: string;
}

/** A machine that is reached over SSH, and that cloud-init has made ready for a restore. */
export interface SshMachine {
  readonly connection: pulumi.Input<SshConnection>;
  /** PEM texts for its etcd. */
  readonly certificates: pulumi.Input<Pki>;
  /** Programs on this computer that go there. @default they are there */
  readonly upload?: EtcdPrograms | undefined;
}

/** A machine with etcd installed and configured, but without data: where a backup can be restored. */
export interface RestoreMachine {
  /** Name of its member. */
  readonly name: string;
  /** Changes when the machine is another one, so that everything on it is done anew. */
  readonly instanceId: pulumi.Input<string>;
  /** Changes when etcd is to run by other settings or programs, so that it is started anew. */
  readonly settings: pulumi.Input<string>;
  readonly site: pulumi.Input<RestoreSite>;
  /** How it is reached. @default it is this computer */
  readonly ssh?: SshMachine;
}
