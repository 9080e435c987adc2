/** A restore on a machine that is reached over SSH: everything that it needs goes there over one pinned connection. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { certificateText } from "../../machine/pki/certificate-text";
import { VM } from "../../machine/vm/cloud-init";
import type { Pki } from "../../machine/pki/pki";
import type { EtcdPrograms } from "../../machine/programs/programs";
import type { Backup } from "../backup";
import type { SshConnection } from "../vm/etcd-vm-connection";
import { bumpToCome, restoreFlags } from "./restore-flags";
import { commandLine, projectPath } from "../script";

/** A machine that cloud-init has made ready for a restore. */
export interface SshMachine {
  readonly connection: pulumi.Input<SshConnection>;
  /** PEM texts for its etcd. */
  readonly certificates: pulumi.Input<Pki>;
  /** Programs on this computer that it has not got. @default they are there */
  readonly upload?: EtcdPrograms | undefined;
}

/** What the restore stands on, there. */
interface Site {
  readonly instanceId: pulumi.Input<string>;
  readonly environmentFile: pulumi.Input<string>;
  readonly programs: pulumi.Input<string>;
  readonly service: pulumi.Input<string>;
}

const PROGRAMS = ["etcd", "etcdctl", "etcdutl"] as const;
const MIB = 2 ** 20;

/**
 * Copies certificates, programs, script and backup to a machine and restores the backup there; gives what the restore
 * script printed, and how long the copies took in seconds.
 *
 * Everything is done anew on another machine, for another backup, and with another version of the script. Nothing
 * has a `delete`: all of it goes with the machine. The upload is removed once it is restored.
 */
export function restoreOverSsh(
  name: string,
  { backup, site, ssh }: { backup: Backup; site: Site; ssh: SshMachine },
  parent: pulumi.Resource,
): { readonly result: pulumi.Output<string>; readonly copySeconds: pulumi.Output<number> } {
  const scriptFile = projectPath("machine", "restore", "restore.sh");
  const scriptSha256 = sha256(fs.readFileSync(scriptFile));
  const { connection } = ssh;
  const triggers = [site.instanceId, backup.sha256, scriptSha256];
  const common = { connection, addPreviousOutputInEnv: false }; // sshd takes no environment
  const uploaded = (file: string) => path.posix.join(VM.uploadDirectory, file);
  const copy = (part: string, file: string, to: string, dependsOn: pulumi.Resource[]) =>
    new command.remote.CopyToRemote(
      `${name}-${part}`,
      { connection, source: new pulumi.asset.FileAsset(file), remotePath: to, triggers },
      { parent, dependsOn },
    );

  const certificates = pulumi.secret(ssh.certificates);
  const caSha256 = pulumi.unsecret(certificates.apply(({ ca }) => sha256(ca)));
  const certified = new command.remote.Command(
    `${name}-certificates`,
    {
      ...common,
      create: commandLine("sudo", VM.writeCertificates),
      stdin: certificates.apply(certificateText),
      triggers: [...triggers, caSha256],
      logging: "none",
    },
    { parent, additionalSecretOutputs: ["stdout", "stderr"] },
  );
  const space = new command.remote.Command(
    `${name}-space`,
    {
      ...common,
      create: pulumi.output(site.programs).apply((directory) =>
        commandLine(
          ...["sudo", "bash", "-s", "--", VM.uploadDirectory, VM.stateDirectory],
          ...[backup.bytes, backup.bytes],
          // Of a file that does not tell what wrote it, the proof by HashKV decides.
          ...(ssh.upload === undefined && backup.etcdVersion !== "unknown"
            ? [directory, backup.etcdVersion]
            : []),
        ),
      ),
      stdin: fs.readFileSync(
        path.join(__dirname, "..", "..", "machine", "restore", "check-space.sh"),
        "utf8",
      ),
      triggers,
    },
    { parent },
  );
  // Their names hold what they are: a copy that was cut off is never taken for another file.
  const script = uploaded(`restore-${scriptSha256}.sh`);
  const snapshot = uploaded(`${backup.sha256}.db`);
  const files = [
    copy("script", scriptFile, script, [space]),
    copy("backup", backup.plainFile, snapshot, [space]),
  ];
  const { upload } = ssh;
  const programs = upload === undefined ? [] : [installPrograms(upload)];

  const began = uploaded(".copy-began"); // of check-space.sh; by the machine's own clock
  const copied = new command.remote.Command(
    `${name}-copied`,
    {
      ...common,
      create: `echo "$(date +%s.%N) $(stat -c %.9Y -- ${began})" | awk '{ printf "%.2f", $1 - $2 }'`,
      triggers,
    },
    { parent, dependsOn: [...files, ...programs] },
  );

  const restored = new command.remote.Command(
    `${name}-snapshot`,
    {
      ...common,
      create: pulumi
        .all([site.environmentFile, site.programs, site.service])
        .apply(([environmentFile, directory, service]) => {
          const flags = restoreFlags(backup, snapshot, environmentFile, directory, service);
          // A unit of its own: the restore ends well also when this connection is cut.
          const unit = [
            ...["sudo", "systemd-run", "--quiet", "--pipe", "--wait", "--collect"],
            ...["--property", `RuntimeMaxSec=${limitSeconds(backup.bytes)}`],
          ];
          const restore = commandLine(...unit, "bash", script, ...flags, "--owner", "etcd");
          return `${restore} && ${commandLine("rm", "-f", "--", snapshot)}`;
        }),
      // etcd reads its CA when it starts: with another one the script finds that it does not serve.
      triggers: [...triggers, caSha256, bumpToCome(backup)],
      logging: "stderr",
    },
    { parent, dependsOn: [certified, copied] },
  );
  return { result: restored.stdout, copySeconds: copied.stdout.apply(Number) };

  function installPrograms({ version, ...local }: EtcdPrograms): pulumi.Resource {
    const there = (program: string) => uploaded(`${program}-${version}`);
    const copies = PROGRAMS.map((program) =>
      copy(program, local[program], there(program), [space]),
    );
    return new command.remote.Command(
      `${name}-programs`,
      {
        ...common,
        create: pulumi.output(site.programs).apply((directory) => {
          const install = ["sudo", "install", "-m", "0755", "--"];
          return PROGRAMS.map((program) =>
            commandLine(...install, there(program), `${directory}/${program}`),
          ).join(" && ");
        }),
        triggers: [...triggers, version],
      },
      { parent, dependsOn: copies },
    );
  }
}

/** Until the restore is given up: a slow disk takes the backup at 2 MiB a second, three times. */
function limitSeconds(bytes: number): number {
  return 900 + Math.ceil((3 * bytes) / (2 * MIB));
}

function sha256(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
}
