/** A restore on a machine that is reached over SSH: what it needs goes there over pinned connections. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as z from "zod";
import { certificateText } from "../../machine/pki/certificate-text";
import { restoreScript } from "../../machine/restore/restore-script";
import { VM } from "../../machine/vm/cloud-init";
import type { EtcdPrograms } from "../../machine/programs/programs";
import { hasEtcdutl } from "../../machine/programs/version";
import type { Backup } from "../backup";
import type { RestoreMachine, SshMachine } from "../machine";
import { printedBy } from "../printed";
import { shellLine } from "../../machine/shell/quote";
import { scriptCommand } from "../script";
import { bumpToCome, restoreFlags } from "./restore-flags";

const PROGRAMS = ["etcd", "etcdctl", "etcdutl"] as const;

/** A backup, and the machine that it is to be restored on. */
export interface MachineRestore {
  readonly backup: Backup;
  readonly machine: RestoreMachine;
  readonly ssh: SshMachine;
}

const Copied = z.object({ seconds: z.number() });

/**
 * Copies certificates, programs and backup to a machine and restores the backup there; gives what the restore script
 * printed, and how long the copy of the programs took, in seconds.
 *
 * Each part is sent again only when it is another one, or the machine is. Nothing has a `delete`: all of it goes with
 * the machine. The upload is removed once it is restored.
 */
export function restoreOverSsh(
  name: string,
  { backup, machine, ssh }: MachineRestore,
  parent: pulumi.Resource,
): { readonly result: pulumi.Output<string>; readonly programSeconds: pulumi.Output<number> } {
  const sent = sendParts(name, { backup, machine, ssh, storeBytes: backup.bytes }, parent);
  const restored = new command.local.Command(
    `${name}-snapshot`,
    {
      create: scriptCommand("steps/restore-on-machine"),
      stdin: pulumi.secret(pulumi.jsonStringify(sent.request)),
      triggers: [...sent.triggers, bumpToCome(backup)],
      logging: "stderr",
    },
    { parent, dependsOn: [...sent.resources] },
  );
  return { result: restored.stdout, programSeconds: sent.programSeconds };
}

/** What a restore on a machine needs: the request of its step, what must be there before, and what makes it due again. */
export interface SentParts {
  readonly request: pulumi.Output<object>;
  readonly resources: readonly pulumi.Resource[];
  readonly triggers: readonly pulumi.Input<string>[];
  readonly programSeconds: pulumi.Output<number>;
}

/** @param storeBytes what the store takes there while it is restored */
export function sendParts(
  name: string,
  { backup, machine, ssh, storeBytes }: MachineRestore & { readonly storeBytes: number },
  parent: pulumi.Resource,
): SentParts {
  const { instanceId } = machine;
  const certificates = pulumi.secret(ssh.certificates);
  const caSha256 = pulumi.unsecret(certificates.apply(({ ca }) => sha256(ca)));
  const certified = sendCertificates(name, ssh, [instanceId, caSha256], parent);
  const uploaded =
    ssh.upload === undefined ? undefined : sendPrograms(name, ssh, instanceId, ssh.upload, parent);

  const script = restoreScript();
  const request = pulumi.all([ssh.connection, machine.site]).apply(([route, site]) => ({
    route,
    script,
    uploads: VM.uploadDirectory,
    state: VM.stateDirectory,
    backup: { file: backup.plainFile, sha256: backup.sha256, bytes: backup.bytes },
    storeBytes,
    flags: [...restoreFlags(backup, uploadOf(backup), site), "--owner", "etcd"].map(String),
    ...neededVersion(backup, ssh, site.programs),
  }));
  return {
    request,
    resources: [certified, ...(uploaded === undefined ? [] : [uploaded.resource])],
    // etcd reads its CA when it starts: with another one the script finds that it does not serve.
    triggers: [
      ...[instanceId, backup.sha256, sha256(script), machine.settings],
      ...[caSha256, uploaded?.digest ?? ""],
    ],
    programSeconds: uploaded?.seconds ?? pulumi.output(0),
  };
}

/** Its name holds what it is: a copy that was cut off is never taken for another file. */
function uploadOf({ sha256: content }: Backup): string {
  return path.posix.join(VM.uploadDirectory, `${content}.db`);
}

/** Which etcd the machine must have where its programs are not ours: any that can be trusted with what the file holds. */
function neededVersion(
  backup: Backup,
  { upload }: SshMachine,
  programs: string,
): { readonly needs?: { readonly programs: string; readonly version: string } } {
  // Of a file that does not tell what wrote it, the proof by HashKV decides.
  const known = upload === undefined && backup.etcdVersion !== "unknown";
  return known ? { needs: { programs, version: backup.etcdVersion } } : {};
}

function sendCertificates(
  name: string,
  { connection, certificates }: SshMachine,
  triggers: pulumi.Input<string>[],
  parent: pulumi.Resource,
): pulumi.Resource {
  return new command.remote.Command(
    `${name}-certificates`,
    {
      connection,
      create: shellLine("sudo", VM.writeCertificates),
      stdin: pulumi.secret(certificates).apply(certificateText),
      triggers,
      logging: "none",
      addPreviousOutputInEnv: false, // sshd takes no environment
    },
    { parent, additionalSecretOutputs: ["stdout", "stderr"] },
  );
}

/** Lays programs of this computer beside those that the machine has; the restore puts them in place. */
function sendPrograms(
  name: string,
  { connection }: SshMachine,
  instanceId: pulumi.Input<string>,
  programs: EtcdPrograms,
  parent: pulumi.Resource,
) {
  const there = PROGRAMS.filter((one) => one !== "etcdutl" || hasEtcdutl(programs.version));
  const files = there.map((program) => ({
    program,
    file: programs[program],
    sha256: sha256(fs.readFileSync(programs[program])),
  }));
  const digest = sha256(files.map((file) => file.sha256).join());
  const resource = new command.local.Command(
    `${name}-programs`,
    {
      create: scriptCommand("steps/programs-on-machine"),
      stdin: pulumi.secret(
        pulumi.jsonStringify({
          route: connection,
          uploads: VM.uploadDirectory,
          directory: VM.nextPrograms,
          files,
        }),
      ),
      triggers: [instanceId, digest],
      logging: "stderr",
    },
    { parent },
  );
  const seconds = resource.stdout.apply((text) => printedBy("programs-on-machine", Copied, text));
  return { resource, digest, seconds: seconds.seconds };
}

function sha256(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
}
