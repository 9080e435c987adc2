/** What a proof of use is asked for. */
import type { Snapshot } from "../etcd/snapshot/types";
import type { SshRoute } from "../machine/ssh/ssh-files";
import type { LifeUser } from "./life";
import type { Decrypt } from "./objects";

/** A backup that was read. */
export interface BootStore {
  readonly snapshot: Snapshot;
  /** The plain file that it was read from. */
  readonly path: string;
}

export interface BootRequest {
  readonly main: BootStore;
  /** The backup of the events' own etcd. */
  readonly events?: BootStore | undefined;
  /** `off`: no API server. `auto`, `next`, or a version. */
  readonly kubernetes: string;
  readonly life: boolean;
  /** Content of an EncryptionConfiguration. */
  readonly encryptionConfig?: string | undefined;
  /** Reads encrypted values, to compare their uid. Default: names and revisions alone are compared. */
  readonly decrypt?: Decrypt | undefined;
  /** Folder with the etcd programs, and the kube-apiserver. Default: found or installed. */
  readonly etcdPrograms?: string | undefined;
  readonly kubeApiServer?: string | undefined;
  /** Folder for the clone. Default: one of this user in /var/tmp. */
  readonly base?: string | undefined;
  /** The way to the machine that the clone is made on. Default: this computer. */
  readonly machine?: SshRoute | undefined;
  /** Whom the life is led as. Default: root, by a certificate. */
  readonly user?: LifeUser | undefined;
  /** Told what begins. */
  readonly say: (line: string) => void;
  /** Told what is done, several times a second. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}
