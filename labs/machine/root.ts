/** The roots that test machines boot: built once, kept in the cache of tools. */
import { execFile as execFileCallback } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { ensureBuilt } from "../../test/support/built-folder";

const execFile = promisify(execFileCallback);
const BUILD = path.join(__dirname, "build-root.sh");

/** What is needed on this computer, and the package that has it. */
const PROGRAMS = {
  "systemd-nspawn": "systemd-container",
  mmdebstrap: "mmdebstrap",
  ip: "iproute2",
  nsenter: "util-linux",
  unshare: "util-linux",
  losetup: "mount",
  ssh: "openssh-client",
} as const;

/** Why no machine can be booted on this computer, with what to do about it; empty when it can. */
export function obstacles(): readonly string[] {
  const found: string[] = [];
  if (process.platform !== "linux" || osRelease("VERSION_CODENAME") === undefined) {
    return ["this is neither Debian nor Ubuntu"];
  }
  if (process.getuid?.() !== 0) found.push("this is not root");
  const missing = Object.entries(PROGRAMS).filter(([program]) => !isOnPath(program));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, name]) => name))].join(" ");
    found.push(
      `${missing.map(([program]) => program).join(", ")} not found (apt-get install ${packages})`,
    );
  }
  if (!fs.readFileSync("/proc/mounts", "utf8").includes(" cgroup2 ")) {
    found.push("no cgroup2 file system is mounted");
  }
  if (!fs.existsSync("/dev/loop-control")) found.push("there are no loop devices");
  return found;
}

/** A system that machines boot, by its release: `bookworm`, `trixie`. */
export interface Guest {
  readonly suite: string;
  /** Folder with its root. */
  readonly root: string;
}

/** Debian's releases that a Debian computer builds roots of, whichever of them it has itself. */
const DEBIANS = ["bookworm", "trixie"];

/**
 * The releases that this computer can build a root of, its own first: both of Debian on Debian, for their packages are
 * on one mirror; its own alone on Ubuntu.
 */
export function suitesHere(): readonly string[] {
  const own = osRelease("VERSION_CODENAME") ?? "";
  return DEBIANS.includes(own) ? [own, ...DEBIANS.filter((suite) => suite !== own)] : [own];
}

/**
 * The root of a release in `toolsDir`, built when there is none for this build script and these package sources.
 * Removes older ones. Not safe to be called twice at the same time.
 */
export async function ensureGuest(
  suite: string,
  toolsDir: string,
  log: (line: string) => void,
): Promise<Guest> {
  const sources = await packageSources(suite);
  const root = await ensureBuilt({
    ...{ toolsDir, name: `machine-${suite}`, family: `machine-${suite}-` },
    ...{ script: BUILD, args: [suite], sources },
    onBuild: () => {
      log(`building the root of the test machines (${suite}; a minute or two, once)`);
    },
  });
  return { suite, root };
}

/** Where packages of a release come from: this computer's own sources with that release's name, as lines of a sources.list. */
export async function packageSources(suite: string): Promise<string> {
  const own = osRelease("VERSION_CODENAME") ?? "";
  const format = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)";
  const { stdout } = await execFile("apt-get", [
    ...["indextargets", "--format", format],
    "Created-By: Packages",
  ]);
  const wanted = new RegExp(`(?<= )${own}((-security|-updates)? (main|universe))$`);
  const lines = [...new Set(stdout.split("\n"))]
    .filter((line) => wanted.test(line))
    .map((line) => line.replace(wanted, `${suite}$1`))
    .sort();
  if (lines.length === 0) {
    throw new Error(`apt knows no source of packages for ${own}; \`apt-get update\` may mend it`);
  }
  return `${lines.join("\n")}\n`;
}

function osRelease(key: string): string | undefined {
  if (!fs.existsSync("/etc/os-release")) return undefined;
  const lines = fs.readFileSync("/etc/os-release", "utf8").split("\n");
  const isDebian = lines.some((line) => /^ID(_LIKE)?=.*(debian|ubuntu)/.test(line));
  const line = lines.find((candidate) => candidate.startsWith(`${key}=`));
  return isDebian ? line?.slice(key.length + 1).replaceAll('"', "") : undefined;
}

function isOnPath(program: string): boolean {
  const folders = (process.env.PATH ?? "").split(":");
  return folders.some((folder) => fs.existsSync(path.join(folder, program)));
}
