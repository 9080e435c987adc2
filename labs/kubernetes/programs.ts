/** The programs of the lab: Kubernetes' own, built once of its published modules, and Debian's of a container runtime. */
import { execFile as execFileCallback } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { versionFlags } from "../../machine/programs/api-server-build";
import { runGo } from "../../machine/programs/build";
import { LIMITS, type InstallContext } from "../../machine/programs/limits";
import { placeDirectory, withLock } from "../../machine/programs/place";
import { which } from "../../machine/programs/probe";
import { platform } from "../../machine/programs/version";

const execFile = promisify(execFileCallback);

/** Pinned in programs/go.mod, and told to the programs by the linker. */
export const KUBERNETES = "1.35.4";
const NAMES = [
  ...["kubelet", "kubectl", "kubeadm"],
  ...["kube-apiserver", "kube-controller-manager", "kube-scheduler"],
];
/** Unpacked, not installed: nothing of the computer changes, and no service is started. */
const PACKAGES = ["containerd", "runc", "containernetworking-plugins", "busybox-static"];
/** Some 800 packages of Go: ten minutes on two idle cores, and an hour on busy ones. */
const BUILD_LIMIT = 5400;

/** What is told while something is installed, and what ends it. */
export interface Installing {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The folder of the built programs below a cache; whether they are there is another question. */
export function kubernetesDir(toolsDir: string): string {
  return path.join(toolsDir, `kubernetes-${KUBERNETES}-${platform()}`);
}

/** Whether everything that takes minutes is there already. */
export function isBuilt(toolsDir: string): boolean {
  return fs.existsSync(path.join(kubernetesDir(toolsDir), "kubectl"));
}

/** The folder with Kubernetes' programs, and `door` and `pause`; builds them when they are not there. */
export async function ensureKubernetes(toolsDir: string, installing: Installing): Promise<string> {
  if (isBuilt(toolsDir)) return kubernetesDir(toolsDir);
  const context = contextOf(installing);
  const lockFile = path.join(toolsDir, "kubernetes.lock");
  return withLock(lockFile, "kubernetes", context, async () => {
    if (isBuilt(toolsDir)) return kubernetesDir(toolsDir);
    const go = await which("go", process.env.PATH);
    if (go === undefined) throw new Error("there is no `go` on PATH; install Go 1.25 or newer");
    const title = `building Kubernetes ${KUBERNETES}`;
    installing.say(`${title}: ten minutes or more, once`);
    return placeDirectory(toolsDir, "kubernetes", async (partial) => {
      const args = [
        ...["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-v"],
        ...[`-ldflags=-s -w ${versionFlags(KUBERNETES)}`, "-o", `${partial}/`, "./..."],
      ];
      await runGo(go, args, { cwd: path.join(__dirname, "programs"), title, context });
      for (const name of NAMES) fs.symlinkSync("kubernetes", path.join(partial, name));
      return path.basename(kubernetesDir(toolsDir));
    });
  });
}

/** The folder that Debian's packages were unpacked in; fetches them when they are not there. */
export async function ensurePackages(toolsDir: string, installing: Installing): Promise<string> {
  const name = "containers-debian12";
  const directory = path.join(toolsDir, name);
  const context = contextOf(installing);
  return withLock(path.join(toolsDir, `${name}.lock`), name, context, async () => {
    if (fs.existsSync(directory)) return directory;
    installing.say(`fetching ${PACKAGES.join(", ")} (35 MB, once)`);
    return placeDirectory(toolsDir, name, async (partial) => {
      const { signal } = installing;
      // Without the other user that apt fetches as: it may not write here.
      const apt = ["-q", "-o", "APT::Sandbox::User=root"];
      const fetch = () =>
        execFile("apt-get", [...apt, "download", ...PACKAGES], { cwd: partial, signal });
      await fetch().catch(async () => {
        await execFile("apt-get", [...apt, "update"], { signal });
        await fetch();
      });
      for (const file of fs.readdirSync(partial).filter((entry) => entry.endsWith(".deb"))) {
        await execFile("dpkg-deb", ["--extract", file, "."], { cwd: partial, signal });
        fs.rmSync(path.join(partial, file));
      }
      return name;
    });
  });
}

function contextOf({ say, signal }: Installing): InstallContext {
  const limits = { ...LIMITS, build: BUILD_LIMIT, lock: BUILD_LIMIT };
  return { limits, env: process.env, log: say, signal };
}
