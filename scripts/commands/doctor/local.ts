/** What `up` needs of this computer. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { engines } from "../../../package.json";
import { findPulumiCli } from "../../../engine/pulumi-cli/find-cli";
import { forecast } from "../../../etcd/inspect/forecast";
import { localMembers } from "../../../machine/local/members";
import { memberPortProblems } from "../../../machine/ports";
import { EtcdProgramsError, findEtcd } from "../../../machine/programs/programs";
import pinned from "../../../machine/programs/checksums.json";
import { pinnedRelease, RELEASES } from "../../../machine/programs/release";
import { parseWanted } from "../../../machine/programs/version";
import { GET_SSH, sshVersion } from "../../../machine/ssh/ssh-program";
import { PROJECT_DIR } from "../../project";
import type { BackupFacts } from "./backup";
import { fail, notChecked, pass, textSetting, type Check, type Subject } from "./check";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Node, and who will run the program. */
export function runtimeChecks({ target }: Subject): readonly Check[] {
  const cli = findPulumiCli();
  return [
    pass("node", "Node.js", `${process.versions.node} (${engines.node} is needed)`),
    cli !== undefined
      ? pass("engine", "Engine", `Pulumi CLI at ${cli}`)
      : target === "local"
        ? pass("engine", "Engine", "the embedded one; there is no Pulumi CLI on PATH")
        : fail(
            "engine",
            "Engine",
            "there is no Pulumi CLI on PATH, and the embedded engine makes no VMs",
            "install Pulumi: https://www.pulumi.com/docs/install/",
          ),
    ...(target === "local" ? [] : [sshCheck()]),
  ];
}

/** By it everything is done on a VM. */
function sshCheck(): Check {
  const version = sshVersion();
  const none = "there is no program ssh on this computer";
  return version === undefined ? fail("ssh", "SSH", none, GET_SSH) : pass("ssh", "SSH", version);
}

/** How the etcd programs come to where they are needed. */
export async function programsCheck(
  subject: Subject,
  facts: BackupFacts | undefined,
): Promise<Check> {
  const [id, title] = ["programs", "etcd programs"] as const;
  if (facts === undefined) return notChecked(id, title, "the backup tells which version is needed");
  const { etcdVersion } = facts;
  const install = subject.target === "local" ? "upload" : textSetting(subject, "etcdInstall");
  if (install === "apt") return notChecked(id, title, "the VM takes its distribution's packages");
  const mirror = textSetting(subject, "etcdMirror") ?? RELEASES;
  const release = pinnedRelease(parseWanted(etcdVersion), pinned.sha256, mirror, "linux-amd64");
  if (install === "release") {
    return release === undefined
      ? fail(
          id,
          title,
          `no release of etcd ${etcdVersion} is pinned here`,
          "set etcdInstall to upload",
        )
      : pass(id, title, `the VM fetches ${release.url}`);
  }
  const directory = textSetting(subject, "etcdPrograms");
  try {
    const { programs } = await findEtcd(
      etcdVersion,
      directory === undefined ? {} : { directory: path.resolve(PROJECT_DIR, directory) },
    );
    if (programs !== undefined) {
      return pass(id, title, `${programs.version} in ${path.dirname(programs.etcd)}`);
    }
    return notChecked(
      id,
      title,
      `none of ${etcdVersion} here yet; \`up\` will try ${release === undefined ? "" : `${release.url}, then `}\`go build\``,
    );
  } catch (error) {
    if (!(error instanceof EtcdProgramsError)) throw error;
    return fail(id, title, error.message, "set etcdPrograms to another folder, or leave it out");
  }
}

/** Ports, disk and memory for an etcd on this computer. */
export async function computerChecks(
  subject: Subject,
  facts: BackupFacts | undefined,
): Promise<readonly Check[]> {
  const directory = path.resolve(PROJECT_DIR, textSetting(subject, "labDirectory") ?? ".lab");
  return [
    await portsCheck(subject, directory),
    ...roomChecks(directory, facts, membersOf(subject)),
  ];
}

/** A number as it stands in a file of settings, in quotes or not; NaN where it does not. */
function numberOf(subject: Subject, setting: string): number {
  return Number(textSetting(subject, setting) ?? subject.setting(setting));
}

function membersOf(subject: Subject): number {
  return numberOf(subject, "members") || 1;
}

async function portsCheck(subject: Subject, directory: string): Promise<Check> {
  const members = localMembers(membersOf(subject), {
    labDirectory: directory,
    clientPort: numberOf(subject, "clientPort") || 22379,
    peerPort: numberOf(subject, "peerPort") || 22380,
  });
  const problems = (await Promise.all(members.map(memberPortProblems))).flat();
  const wanted = members.flatMap((member) => [member.clientPort, member.peerPort]).join(" and ");
  return problems.length === 0
    ? pass("ports", "Ports", `${wanted} are free, or our own etcd has them`)
    : fail(
        "ports",
        "Ports",
        problems.join("; "),
        "end who holds it, or set clientPort and peerPort",
      );
}

/** A member among others is tried alone on a copy of its store: that takes the backup's size once more. */
function roomChecks(
  directory: string,
  facts: BackupFacts | undefined,
  members: number,
): readonly Check[] {
  const bytes = facts?.bytes ?? 0;
  const one = forecast({ bytes, live: { count: facts?.keys ?? 0 } });
  const memoryBytes = members * one.memoryBytes;
  const diskBytes = members * (one.diskBytes + (members > 1 ? bytes : 0));
  const there = existing(directory);
  const { bavail, bsize } = fs.statfsSync(there);
  const disk = `${((bavail * bsize) / GIB).toFixed(1)} GiB free at ${there}, ${(diskBytes / GIB).toFixed(1)} needed`;
  const memory = `${Math.floor(os.freemem() / MIB)} MiB available, ${Math.ceil(memoryBytes / MIB)} needed`;
  return [
    bavail * bsize >= diskBytes
      ? pass("disk", "Disk", disk)
      : fail("disk", "Disk", disk, "make room, or set labDirectory to a folder on another disk"),
    os.freemem() >= memoryBytes
      ? pass("memory", "Memory", memory)
      : fail("memory", "Memory", memory, "end other programs, or use a larger computer"),
  ];
}

/** The nearest folder that is there. */
function existing(directory: string): string {
  const parent = path.dirname(directory);
  return fs.existsSync(directory) || parent === directory ? directory : existing(parent);
}
