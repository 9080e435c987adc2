/** The Debian packages that the lab consists of. */
import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { EXIT, UserError } from "../../scripts/outcome";

const LIST = path.join(__dirname, "packages.txt");
/** Asked by every package before it starts its service: 101 forbids it. */
const POLICY = "/usr/sbin/policy-rc.d";

/** Refuses a computer on which the lab cannot run, with what to do. */
export function refuseForeignComputer(): void {
  const release = fs.existsSync("/etc/os-release")
    ? fs.readFileSync("/etc/os-release", "utf8")
    : "";
  if (!/^ID=debian$/m.test(release) || !/^VERSION_ID="?12"?$/m.test(release)) {
    const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? process.platform;
    throw new UserError(
      EXIT.environment,
      `the lab is made of Debian 12's packages, and this is ${name}; use a Debian 12 computer or VM (4 GiB of memory free, 6 GiB of disk)`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new UserError(
      EXIT.environment,
      "the lab needs root, for its namespaces and packages; run it with sudo, or as root in a VM",
    );
  }
}

/** Names of the packages that are not installed. */
export function missingPackages(): readonly string[] {
  const wanted = fs.readFileSync(LIST, "utf8").split("\n").filter(Boolean);
  const query = ["-W", "--showformat=${Package} ${db:Status-Status}\\n"];
  const installed = new Set(
    execFileSync("dpkg-query", query, { encoding: "utf8", maxBuffer: 2 ** 24 })
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return wanted.filter((name) => !installed.has(name));
}

/** Installs packages, without letting one of them start a service; shows how far it is. */
export async function installPackages(
  names: readonly string[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const forbids = !fs.existsSync(POLICY);
  if (forbids) fs.writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await apt(["update"], say, signal);
    await apt(["--yes", "--no-install-recommends", "install", ...names], say, signal);
  } finally {
    if (forbids) fs.rmSync(POLICY, { force: true });
  }
}

function apt(
  words: readonly string[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const options = [
    ...["-q", "-o", "DPkg::Lock::Timeout=600", "-o", "APT::Status-Fd=3"],
    ...["-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-unsafe-io"],
  ];
  return new Promise((resolve, reject) => {
    const child = spawn("apt-get", [...options, ...words], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      signal,
    });
    let last = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (last = (last + text).slice(-2000)));
    }
    // `pmstatus:PACKAGE:PERCENT:TEXT`, `dlstatus:NUMBER:PERCENT:TEXT` (README.progress-reporting of apt)
    let shown = -10;
    const status = child.stdio[3];
    if (status !== null && status !== undefined && "read" in status) {
      createInterface({ input: status }).on("line", (line) => {
        const [kind, , percent] = line.split(":");
        if (Number(percent) < shown + 10 && Number(percent) >= shown) return;
        shown = Number(percent);
        say(
          `${kind === "dlstatus" ? "downloading" : "installing"} packages: ${Math.floor(shown)} %`,
        );
      });
    }
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else
        reject(
          new UserError(
            EXIT.environment,
            `apt-get ${words[0] ?? ""} ended with ${code ?? "a signal"}:\n${last.trim()}`,
          ),
        );
    });
  });
}
