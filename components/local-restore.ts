/** The whole story on this computer as one component: for stacks that want the result, and for every language of Pulumi. */
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { VerificationLevel } from "../etcd/report/report";
import { isPlainPath, PLAIN_PATH } from "../machine/environment";
import { SETTINGS } from "../settings/settings";
import { isRemote } from "../sources/address";
import { LocalEtcd } from "./local-etcd";
import { Pki } from "./pki";
import { preflight } from "./preflight";
import { SnapshotRestore } from "./restore/snapshot-restore";
import { Verification } from "./verification";

/** Plain types only, as the SDK's analyzer makes a schema of them. */
export interface LocalRestoreArgs {
  /** The backup: a path, `https://…`, `s3://BUCKET/PREFIX` or `swift://CONTAINER/PREFIX`. */
  snapshot: string;
  /** Folder of its own on this computer, for etcd, its data, the client's certificates and the report. */
  labDirectory: string;
  /** What is compared: `quick`, `standard` or `full`. Default: `full`. */
  verification?: string;
  /** Keys that must be there; one that ends in `/` is a prefix under which at least one key must be. */
  expectedKeys?: string[];
  /** Version of the etcd that serves it: `auto` (that of the backup), X.Y or X.Y.Z. Default: `auto`. */
  etcdVersion?: string;
  /** Folder with `etcd`, `etcdctl` and `etcdutl`. Default: found on this computer, or installed. */
  etcdPrograms?: string;
  /** UID of the namespace kube-system of the cluster that the backup must be of. Default: any. */
  expectedCluster?: string;
  /** File with the public key that must have signed the backup's manifest. Default: a manifest may be unsigned. */
  trustedKey?: string;
  /** Kubernetes' EncryptionConfiguration, its text: every encrypted value must decrypt. Default: it is not asked. */
  encryptionConfig?: pulumi.Input<string>;
  /** Port for clients, on loopback. Default: 22379. */
  clientPort?: number;
  /** Port for peers, on loopback. Default: 22380. */
  peerPort?: number;
}

/**
 * An etcd on this computer, restored from a backup and proved: `LocalEtcd`, `Pki`, `SnapshotRestore` and `Verification`
 * put together. It fails where a key is not what the backup holds, and goes with all its data when it is destroyed.
 *
 * @example
 * ```ts
 * import { LocalRestore } from "etcd-restore";
 *
 * const restored = new LocalRestore("last-night", {
 *   snapshot: "/backups/etcd-2026-11-22.db",
 *   labDirectory: "/var/tmp/last-night",
 * });
 * export const verdict = restored.verdict;
 * ```
 */
export class LocalRestore extends pulumi.ComponentResource {
  /** `https://127.0.0.1:PORT`. */
  public readonly clientEndpoint: pulumi.Output<string>;
  /** PEM, public. */
  public readonly caCertificate: pulumi.Output<string>;
  /** PEM, public. */
  public readonly clientCertificate: pulumi.Output<string>;
  /** PEM, secret. */
  public readonly clientKey: pulumi.Output<string>;
  /** A command line, ready to paste, that asks this etcd. */
  public readonly etcdctl: pulumi.Output<string>;
  /** Revision of the store that was restored. */
  public readonly revision: pulumi.Output<number>;
  /** Number of its keys. */
  public readonly keys: pulumi.Output<number>;
  /** What etcd hashes it to at that revision. */
  public readonly hashKv: pulumi.Output<number>;
  /** `pass`; anything else would have failed it. */
  public readonly verdict: pulumi.Output<string>;
  /** Path of the report on this computer. */
  public readonly report: pulumi.Output<string>;

  constructor(name: string, args: LocalRestoreArgs, opts?: pulumi.ComponentResourceOptions) {
    const level = checkedLevel(name, args);
    super("etcd-restore:index:LocalRestore", name, {}, opts);
    const made = restoreHere(name, args, level, this);
    // One by one: a secret among them would make all of an object secret.
    const output = <T>(take: (parts: Made) => pulumi.Output<T>): pulumi.Output<T> =>
      pulumi.output(made.then(take)) as pulumi.Output<T>;

    this.clientEndpoint = output(({ etcd }) => etcd.clientEndpoint);
    this.caCertificate = output(({ pki }) => pki.caCertificate);
    this.clientCertificate = output(({ pki }) => pki.clientCertificate);
    this.clientKey = output(({ pki }) => pki.clientKey);
    this.etcdctl = output(({ etcd, pki }) => etcd.etcdctl(pki.clientDirectory));
    const restored = output(({ proof }) => proof.restored);
    this.revision = restored.revision;
    this.keys = restored.keys;
    this.hashKv = restored.hashKv;
    this.verdict = output(({ proof }) => proof.verdict);
    this.report = output(({ proof }) => proof.reportFile);
    this.registerOutputs({
      clientEndpoint: this.clientEndpoint,
      verdict: this.verdict,
      report: this.report,
    });
  }
}

const LEVELS = SETTINGS.verification.oneOf;

/** Checks what no type does, and says everything that is wrong at once. */
function checkedLevel(name: string, args: LocalRestoreArgs): VerificationLevel {
  const { verification = "full", clientPort = 22379, peerPort = 22380, labDirectory } = args;
  const level = LEVELS.find((one) => one === verification);
  const problems = [
    ...(level === undefined
      ? [`verification is ${JSON.stringify(verification)}; ${LEVELS.join(", ")} are allowed`]
      : []),
    ...Object.entries({ clientPort, peerPort }).flatMap(([setting, port]) =>
      Number.isInteger(port) && port > 0 && port < 65536
        ? []
        : [`${setting} is ${port}; 1 to 65535 are allowed`],
    ),
    ...(clientPort === peerPort ? [`clientPort and peerPort are both ${clientPort}`] : []),
    ...(isPlainPath(labDirectory)
      ? []
      : [`labDirectory is ${JSON.stringify(labDirectory)}; ${PLAIN_PATH} is wanted`]),
  ];
  if (level !== undefined && problems.length === 0) return level;
  throw new pulumi.RunError(`${name}: ${problems.join("; ")}`);
}

interface Made {
  readonly pki: Pki;
  readonly etcd: LocalEtcd;
  readonly proof: Verification;
}

async function restoreHere(
  name: string,
  args: LocalRestoreArgs,
  level: VerificationLevel,
  parent: pulumi.Resource,
): Promise<Made> {
  const { snapshot, etcdVersion = "auto", clientPort = 22379, peerPort = 22380 } = args;
  const labDirectory = path.resolve(args.labDirectory);
  const { etcdPrograms, expectedCluster, trustedKey } = args;
  const { backup, members } = await preflight({
    snapshot: isRemote(snapshot) ? snapshot : path.resolve(snapshot),
    ...{ etcdVersion, etcdPrograms, labDirectory, trustedKey, expectedCluster },
    ...{ clientPort, peerPort },
  });
  const child = { parent };
  const pki = new Pki(
    `${name}-pki`,
    {
      ...{ addresses: ["127.0.0.1"], dnsNames: ["localhost"] },
      clientDirectory: path.join(labDirectory, "client"),
    },
    child,
  );
  const [member] = members;
  if (member === undefined) throw new TypeError("a plan without a member");
  const { directory, instanceId } = member;
  const etcd = new LocalEtcd(
    `${name}-etcd`,
    {
      ...{ directory, instanceId, clientPort, peerPort, etcdPrograms },
      ...{ etcdVersion: backup.servedBy, backupBytes: backup.bytes, pki: pki.files },
      v2: backup.v2 !== undefined,
    },
    child,
  );
  const machines = [etcd.machine];
  const restore = new SnapshotRestore(`${name}-restore`, { backup, machines }, child);
  const proof = new Verification(
    `${name}-verification`,
    {
      ...{ backup, level, expectedKeys: args.expectedKeys ?? [] },
      ...{ expectedCluster, encryptionConfig: args.encryptionConfig },
      ...{ endpoints: pulumi.all([etcd.clientEndpoint]), clientDirectory: pki.clientDirectory },
      ...{ etcdVersion: backup.servedBy, reportDirectory: labDirectory },
      root: { certificate: pki.files.root, key: pki.files.rootKey },
      ...{ restored: restore.result, inUse: restore.adopted, restoredAt: restore.restoredAt },
      phases: {
        install: etcd.installSeconds,
        restore: restore.seconds.restore,
        start: restore.seconds.start,
      },
    },
    child,
  );
  return { pki, etcd, proof };
}
