/** The settings of a stack as they are used: checked, with their defaults, and paths absolute. */
import type { VerificationLevel } from "../etcd/report/report";
import type { WordOf } from "./settings";

/** Settings of one stack; settings.ts says what each means. A `Secret` is what holds a text that nobody may see. */
export type Settings<Secret> = LocalSettings<Secret> | OpenStackSettings<Secret>;

/** What both targets know. */
export interface CommonSettings<Secret> {
  readonly snapshot: string;
  readonly verification: VerificationLevel;
  readonly expectedKeys: readonly string[];
  /** `auto`, X.Y or X.Y.Z. */
  readonly etcdVersion: string;
  readonly etcdPrograms: string | undefined;
  /** Absolute path of the public key that must have signed the backup's manifest. */
  readonly trustedKey: string | undefined;
  /** `off`, `auto`, `next`, or a version: which kube-apiserver must come up on a clone. */
  readonly kubernetes: string;
  /** UID of the namespace kube-system of the cluster that the backup must be of. */
  readonly expectedCluster: string | undefined;
  /** Kubernetes' EncryptionConfiguration, as text; it has been read, so an API server would take it. */
  readonly encryptionConfig: Secret | undefined;
  /** How many members the cluster has. */
  readonly members: number;
  /** Of the first member; on this computer those of the others follow from them. */
  readonly clientPort: number;
  readonly peerPort: number;
  readonly labDirectory: string;
  readonly credentials: Credentials<Secret> | undefined;
  readonly bumpRevision: number | undefined;
}

export interface LocalSettings<Secret> extends CommonSettings<Secret> {
  readonly target: "local";
}

export interface OpenStackSettings<Secret> extends CommonSettings<Secret> {
  readonly target: "openstack";
  readonly image: string;
  readonly flavor: string;
  readonly externalNetwork: string | undefined;
  readonly network: string | undefined;
  readonly floatingIp: boolean;
  readonly bastion: BastionSettings<Secret> | undefined;
  readonly sshCidrs: readonly string[];
  readonly clientCidrs: readonly string[];
  readonly allowPublicAccess: boolean;
  readonly dataVolumeGiB: number | undefined;
  /** Where the clone for a kube-apiserver is made. */
  readonly kubernetesOn: WordOf<"kubernetesOn">;
  /** Whether each VM is rebooted after its proof. */
  readonly reboot: boolean;
  readonly etcdInstall: WordOf<"etcdInstall">;
  readonly etcdMirror: string | undefined;
}

/** Of a user of the restored store's own authentication. */
export interface Credentials<Secret> {
  readonly username: string;
  readonly password: Secret;
}

/** A machine between this computer and the VM. */
export interface BastionSettings<Secret> {
  readonly host: string;
  readonly user: string;
  readonly port: number;
  readonly privateKey: Secret;
  readonly hostKey: string;
}
