/** What `up` needs of this computer. */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { engines } from "../../../package.json";
import { findPulumiCli } from "../../../engine/pulumi-cli/find-cli";
import { forecast } from "../../../etcd/inspect/forecast";
import { labDirectoryProblem, nearestThere } from "../../../machine/local/lab-directory";
import { localMembers } from "../../../machine/local/members";
import { memberPortProblems } from "../../../machine/ports";
import { EtcdProgramsError, findEtcd } from "../../../machine/programs/programs";
import pinned from "../../../machine/programs/checksums.json";
import { pinnedRelease, RELEASES } from "../../../machine/programs/release";
import { parseWanted } from "../../../machine/programs/version";
import { GET_SSH, sshVersion } from "../../../machine/ssh/ssh-program";
import type { BackupFacts } from "./backup";
import { fail, notChecked, pass, unknownAmong, type Check, type Subject } from "./check";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Node, and who will run the program. */
export function runtimeChecks(target: Subject["settings"]["target"]): readonly Check[] {
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
  const unknown = unknownAmong(subject, "etcdVersion", "etcdInstall", "etcdMirror", "etcdPrograms");
  if (unknown !== undefined) return notChecked(id, title, unknown);
  const { etcdVersion } = facts;
  const { settings } = subject;
  const install = settings.target === "local" ? "upload" : settings.etcdInstall;
  if (install === "apt") return notChecked(id, title, "the VM takes its distribution's packages");
  const mirror = (settings.target === "local" ? undefined : settings.etcdMirror) ?? RELEASES;
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
  const directory = settings.etcdPrograms;
  try {
    const { programs } = await findEtcd(etcdVersion, directory === undefined ? {} : { directory });
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

/** Where what is kept of the stack is to lie. */
export function folderCheck(subject: Subject): Check {
  const [id, title] = ["folder", "Folder"] as const;
  const unknown = unknownAmong(subject, "labDirectory");
  if (unknown !== undefined) return notChecked(id, title, unknown);
  const { labDirectory } = subject.settings;
  const problem = labDirectoryProblem(labDirectory);
  if (problem === undefined) return pass(id, title, labDirectory);
  return fail(id, title, problem, "set labDirectory to a folder that this user may write into");
}

/** Ports, disk and memory for an etcd on this computer. */
export async function computerChecks(
  subject: Subject,
  facts: BackupFacts | undefined,
): Promise<readonly Check[]> {
  return [await portsCheck(subject), ...roomChecks(subject, facts)];
}

async function portsCheck(subject: Subject): Promise<Check> {
  const unknown = unknownAmong(subject, "clientPort", "peerPort", "members", "labDirectory");
  if (unknown !== undefined) return notChecked("ports", "Ports", unknown);
  const members = localMembers(subject.settings.members, subject.settings);
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
function roomChecks(subject: Subject, facts: BackupFacts | undefined): readonly Check[] {
  const unknown = unknownAmong(subject, "labDirectory", "members");
  if (unknown !== undefined) {
    return [notChecked("disk", "Disk", unknown), notChecked("memory", "Memory", unknown)];
  }
  const { labDirectory, members } = subject.settings;
  const bytes = facts?.bytes ?? 0;
  const one = forecast({ bytes, live: { count: facts?.keys ?? 0 } });
  const memoryBytes = members * one.memoryBytes;
  const diskBytes = members * (one.diskBytes + (members > 1 ? bytes : 0));
  const there = nearestThere(labDirectory);
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
