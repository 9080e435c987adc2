/** The root that test machines boot: built once, kept in the cache of tools. */
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

/**
 * The folder of the root in `toolsDir`, built when there is none for this build script, this release of the
 * distribution and these package sources. Removes older ones. Not safe to be called twice at the same time.
 */
export async function ensureRoot(toolsDir: string, log: (line: string) => void): Promise<string> {
  const suite = osRelease("VERSION_CODENAME") ?? "";
  const sources = await packageSources(suite);
  return ensureBuilt({
    ...{ toolsDir, name: `machine-${suite}`, family: "machine-" },
    ...{ script: BUILD, args: [suite], sources },
    onBuild: () => {
      log(`building the root of the test machines (${suite}; a minute or two, once)`);
    },
  });
}

/** This computer's own sources of the distribution's packages, as lines of a sources.list. */
export async function packageSources(suite: string): Promise<string> {
  const format = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)";
  const { stdout } = await execFile("apt-get", [
    ...["indextargets", "--format", format],
    "Created-By: Packages",
  ]);
  const wanted = new RegExp(` ${suite}(-security|-updates)? (main|universe)$`);
  const lines = [...new Set(stdout.split("\n"))].filter((line) => wanted.test(line)).sort();
  if (lines.length === 0) {
    throw new Error(`apt knows no source of packages for ${suite}; \`apt-get update\` may mend it`);
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
