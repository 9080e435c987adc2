import * as path from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as z from "zod";
import {
  REPORT_FILES,
  type Phase,
  type RestoredSummary,
  type VerificationLevel,
} from "../etcd/report/report";
import type { SshRoute } from "../machine/ssh/ssh-files";
import type { Backup } from "./backup";
import { printedBy } from "./printed";
import { shellLine } from "../machine/shell/quote";
import { scriptCommand } from "./script";

export interface VerificationArgs {
  readonly backup: Backup;
  /** `https://HOST:PORT` of the etcd to prove; of a cluster those of all members. */
  readonly endpoints: pulumi.Input<readonly string[]>;
  /** Folder on this computer with `ca.crt`, `client.crt` and `client.key`. */
  readonly clientDirectory: pulumi.Input<string>;
  readonly level: VerificationLevel;
  /** @default none */
  readonly expectedKeys?: readonly string[];
  /** Which kube-apiserver must come up on a clone of the backup: `auto`, `next`, a version. @default `off`, none */
  readonly kubernetes?: string;
  /** Whether the clone is made on the machine that `ssh` leads to. @default `here`, on this computer */
  readonly kubernetesOn?: "here" | "machine";
  /** Folder with etcd's programs for the clone. @default found or installed */
  readonly etcdPrograms?: string | undefined;
  /** UID of the cluster that the backup must be of. @default any */
  readonly expectedCluster?: string | undefined;
  /** Kubernetes' EncryptionConfiguration: every encrypted value must decrypt. @default it is not asked */
  readonly encryptionConfig?: pulumi.Input<string> | undefined;
  /** For a store with authentication on. @default `root` is shown to it, so that no password is needed */
  readonly credentials?:
    { readonly username: string; readonly password: pulumi.Input<string> } | undefined;
  /** A client certificate named root and its key, PEM. @default the client's of `clientDirectory` */
  readonly root?:
    { readonly certificate: pulumi.Input<string>; readonly key: pulumi.Input<string> } | undefined;
  /** Version that the etcd must be of, `3.6` or `3.6.16`. @default any that serves the backup */
  readonly etcdVersion?: string | undefined;
  /** SSH of its machine, for a port that is not open to this computer. @default it is asked directly */
  readonly ssh?: pulumi.Input<SshRoute> | undefined;
  /** The same of each further member's machine, in the order of `endpoints`. @default they are asked directly */
  readonly otherSsh?: readonly pulumi.Input<SshRoute>[];
  /**
   * For each of `endpoints` the shell command that starts and stops it, on its machine: at the level full each is
   * restarted once, unless the store is in use. @default none is
   */
  readonly services?: pulumi.Input<readonly string[]>;
  /** Whether each machine is rebooted once as well, when all else is proved. @default false */
  readonly reboot?: boolean;
  /** What was restored; the proof is made anew when it changes. */
  readonly restored: pulumi.Input<string>;
  /** The store was found restored already, and may have been in use since. @default false */
  readonly inUse?: pulumi.Input<boolean>;
  /** When it was restored, by the clock of its machine (ISO 8601). @default nobody knows */
  readonly restoredAt?: pulumi.Input<string | undefined>;
  /** How long earlier phases took, in seconds, for the report. @default none */
  readonly phases?: Readonly<Partial<Record<Phase["name"], pulumi.Input<number | undefined>>>>;
  /** Folder on this computer for the report, in all its forms. */
  readonly reportDirectory: string;
  /** Whether the report goes with it. False where another verification writes to the same folder. @default true */
  readonly ownsReport?: boolean;
}

/**
 * The proof that an etcd, or each member of a cluster, serves what a backup holds: HashKV, counts, and every key read
 * back.
 *
 * Made once for each restore. A difference fails the resource, and `pulumi up` with it; the report is written in
 * any case.
 *
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { LocalEtcd, Pki, preflight, SnapshotRestore, Verification } from "etcd-restore";
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
 * const machines = etcds.map(({ machine }) => machine);
 * const restore = new SnapshotRestore("restore", { backup, machines });
 * const proof = new Verification("verification", {
 *   ...{ backup, clientDirectory: pki.clientDirectory, level: "full" },
 *   endpoints: pulumi.all(etcds.map(({ clientEndpoint }) => clientEndpoint)),
 *   ...{ restored: restore.result, inUse: restore.adopted, restoredAt: restore.restoredAt },
 *   reportDirectory: "/var/tmp/lab",
 * });
 * export const { verdict } = proof;
 * ```
 */
export class Verification extends pulumi.ComponentResource {
  /** `pass`; anything else would have failed the resource. */
  public readonly verdict: pulumi.Output<string>;
  /** What the etcd says of itself. */
  public readonly restored: pulumi.Output<RestoredSummary>;
  /** Path of the report on this computer. */
  public readonly reportFile: pulumi.Output<string>;

  constructor(name: string, args: VerificationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("etcd-restore:index:Verification", name, {}, opts);
    const access = accessOf(args);

    const reports = REPORT_FILES.map((file) => path.join(args.reportDirectory, file));

    const proof = new command.local.Command(
      `${name}-proof`,
      {
        create: pulumi
          .output({
            ...{ endpoints: args.endpoints, clientDirectory: args.clientDirectory },
            ...{
              services: args.services,
              inUse: args.inUse,
              restoredAt: args.restoredAt,
              phases: args.phases,
            },
          })
          .apply((known) => verifyCommand(args, known)),
        ...(args.ownsReport === false ? {} : { delete: shellLine("rm", "-f", "--", ...reports) }),
        ...(access === undefined ? {} : { stdin: pulumi.secret(pulumi.jsonStringify(access)) }),
        triggers: [
          ...[args.restored, args.level, args.expectedKeys ?? [], args.etcdVersion ?? ""],
          ...(isOff(args.kubernetes) ? [] : [args.kubernetes]),
          ...(args.kubernetesOn === "machine" ? [args.kubernetesOn] : []),
        ],
        logging: "stderr", // stdout is the report itself
      },
      { parent: this, deleteBeforeReplace: true }, // or the old one's delete would take the new report away
    );
    const report = proof.stdout.apply((text) => printedBy("verify", ShownReport, text));
    this.verdict = report.verdict;
    this.restored = report.restored;
    this.reportFile = report.apply(() => path.join(args.reportDirectory, "report.json"));

    this.registerOutputs({ verdict: this.verdict, restored: this.restored });
  }
}

function isOff(kubernetes: string | undefined): kubernetes is undefined | "off" {
  return kubernetes === undefined || kubernetes === "off";
}

/** What goes by stdin, for it is secret; nothing where nothing is. */
function accessOf(args: VerificationArgs) {
  const { backup, credentials, root, ssh, otherSsh = [], encryptionConfig } = args;
  const asRoot = backup.authentication && credentials === undefined ? root : undefined;
  const parts = [credentials, asRoot, ssh, encryptionConfig];
  if (parts.every((part) => part === undefined)) return undefined;
  const others = otherSsh.length === 0 ? {} : { otherSsh };
  return { password: credentials?.password, ...asRoot, ssh, ...others, encryptionConfig };
}

/** The command line that proves an etcd against the backup. */
function verifyCommand(
  args: VerificationArgs,
  known: {
    readonly endpoints: readonly string[];
    readonly services: readonly string[] | undefined;
    readonly clientDirectory: string;
    readonly inUse: boolean | undefined;
    readonly restoredAt: string | undefined;
    readonly phases: Readonly<Record<string, number | undefined>> | undefined;
  },
): string {
  const { endpoints, services = [], clientDirectory, inUse, restoredAt, phases = {} } = known;
  return scriptCommand(
    "etcd-restore",
    ...["verify", "--json", "--file", args.backup.file, "--level", args.level],
    // What is unpacked of a v2 backup is for the restore alone.
    ...(args.backup.unpackedIn === undefined || args.backup.v2 !== undefined
      ? []
      : ["--unpacked", args.backup.unpackedIn]),
    ...["--endpoint", endpoints.join(","), "--cacert", `${clientDirectory}/ca.crt`],
    ...["--cert", `${clientDirectory}/client.crt`, "--key", `${clientDirectory}/client.key`],
    ...(args.expectedKeys ?? []).flatMap((key) => ["--expect", key]),
    ...(args.expectedCluster === undefined ? [] : ["--expect-cluster", args.expectedCluster]),
    ...(inUse === true ? ["--in-use"] : services.flatMap((word) => ["--service", word])),
    ...(args.reboot === true && inUse !== true ? ["--reboot"] : []),
    ...(restoredAt === undefined ? [] : ["--restored-at", restoredAt]),
    ...(args.backup.bumpedBy === undefined ? [] : ["--bumped", args.backup.bumpedBy]),
    ...(args.credentials === undefined ? [] : ["--user", args.credentials.username]),
    ...(accessOf(args) === undefined ? [] : ["--access-stdin"]),
    ...(args.etcdVersion === undefined ? [] : ["--etcd-version", args.etcdVersion]),
    ...(isOff(args.kubernetes) ? [] : ["--kubernetes", args.kubernetes]),
    ...(isOff(args.kubernetes) || args.kubernetesOn !== "machine"
      ? []
      : ["--kubernetes-on", args.kubernetesOn]),
    ...(isOff(args.kubernetes) || args.etcdPrograms === undefined
      ? []
      : ["--etcd-programs", args.etcdPrograms]),
    ...Object.entries(phases).flatMap(([phase, seconds]) =>
      seconds === undefined ? [] : ["--phase", `${phase}=${seconds}`],
    ),
    ...["--for-stack", pulumi.getStack(), "--report", args.reportDirectory],
  );
}

/** The parts of the report that the stack shows. */
const ShownReport = z.object({
  verdict: z.string(),
  restored: z.object({
    endpoint: z.string(),
    revision: z.number(),
    compactRevision: z.number(),
    keys: z.number(),
    hashKv: z.number(),
    etcdVersion: z.string(),
    clusterId: z.string(),
  }),
});
