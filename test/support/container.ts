/** The container image, built in a store of the test's own, and real containers of it by crun: read-only, without a network. */
import {
  execFile as execFileCallback,
  spawn,
  spawnSync,
  type ChildProcess,
} from "node:child_process";
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";

const execFile = promisify(execFileCallback);
const MOST_OUTPUT = 64 * 2 ** 20;
const ROOT = path.resolve(__dirname, "..", "..");

/** Why no image can be built and run here; empty when it can. */
export function containerObstacles(): readonly string[] {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const missing = ["buildah", "crun", "unshare"].filter(
    (name) => !folders.some((folder) => fs.existsSync(path.join(folder, name))),
  );
  return [
    ...(process.getuid?.() === 0 ? [] : ["this is not root"]),
    ...missing.map((name) => `${name} not found`),
  ];
}

/** What an image's configuration says (OCI image-spec, config.md), as far as tests look at it. */
export interface ImageConfig {
  readonly architecture: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    readonly WorkingDir: string;
    readonly Volumes: Readonly<Record<string, object>>;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Healthcheck?: unknown;
  };
}

export interface BuiltImage {
  readonly archive: string;
  readonly sbom: string;
  readonly config: ImageConfig;
  /** The image's files. */
  readonly rootfs: string;
  remove(): void;
}

/**
 * Builds the image as a user does, its base out of packages where these can be had, else docker.io's; or takes the archive that
 * `IMAGE_ARCHIVE` names, made before by `npm run image`.
 */
export async function buildImage(): Promise<BuiltImage> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-image-"));
  const storage = path.join(folder, "storage.conf");
  fs.writeFileSync(
    storage,
    `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/store"\nrunroot = "${folder}/run"\n`,
  );
  const env = { ...process.env, CONTAINERS_STORAGE_CONF: storage };
  const remove = (): void => {
    spawnSync("buildah", ["rm", "--all"], { env, stdio: "ignore" });
    // The store mounts its own folder on itself while it is at work.
    spawnSync("umount", ["--quiet", `${folder}/store/overlay`], { stdio: "ignore" });
    // What is mounted in there is none of ours to walk into.
    spawnSync("rm", ["-rf", "--one-file-system", folder], { stdio: "ignore" });
  };
  try {
    const archive = process.env.IMAGE_ARCHIVE ?? (await makeArchive(path.join(folder, "out"), env));
    const buildah = async (...argv: readonly string[]): Promise<string> =>
      (await execFile("buildah", argv, { env, maxBuffer: MOST_OUTPUT })).stdout.trim();
    const container = await buildah("from", `oci-archive:${archive}`);
    const told = JSON.parse(await buildah("inspect", container)) as { readonly OCIv1: ImageConfig };
    return {
      ...{ archive, sbom: path.join(path.dirname(archive), "sbom.cdx.json"), config: told.OCIv1 },
      ...{ rootfs: await buildah("mount", container), remove },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

async function makeArchive(output: string, env: NodeJS.ProcessEnv): Promise<string> {
  const base = fs.existsSync("/usr/bin/mmdebstrap") ? "packages" : "debian";
  const args = ["run", "--silent", "image", "--", "--base", base, "--output", output];
  await execFile("npm", args, { cwd: ROOT, env, maxBuffer: MOST_OUTPUT });
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  return path.join(output, architecture, "etcd-restore.oci.tar");
}

export interface ContainerOptions {
  /** @default as the image says */
  readonly user?: number;
  /** A folder of this computer that is read at `/in`. */
  readonly input?: string;
  /** A folder of this computer at `/work`: all that is written to. */
  readonly work: string;
  /** In place of the image's own program. */
  readonly entrypoint?: readonly string[];
}

export interface Container {
  readonly child: ChildProcess;
  /** Sends a signal to process 1 of the container. */
  kill(signal: NodeJS.Signals): Promise<void>;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }>;
}

/**
 * Starts a container. In a mount namespace of its own, for crun takes no computer on which both versions of control groups are
 * mounted: there it finds version 2.
 */
export function startContainer(
  { rootfs, config: { config } }: BuiltImage,
  args: readonly string[],
  options: ContainerOptions,
): Container {
  const bundle = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-bundle-"));
  const user = options.user ?? Number(config.User.split(":")[0]);
  fs.chownSync(options.work, user, user);
  const entrypoint = options.entrypoint ?? config.Entrypoint;
  fs.writeFileSync(
    path.join(bundle, "config.json"),
    JSON.stringify(specOf(rootfs, [...entrypoint, ...args], { ...options, user }, config)),
  );
  const name = `etcd-restore-${randomUUID()}`;
  const crun = ["crun", "--root", path.join(bundle, "state"), "--cgroup-manager=disabled"];
  const inside = (...argv: readonly string[]): string[] => [
    ...["--mount", "--propagation", "slave", "sh", "-c"],
    `mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"`,
    ...["sh", ...crun, ...argv],
  ];
  const child = spawn("unshare", inside("run", "--bundle", bundle, name), {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const ended = new Promise<Awaited<Container["ended"]>>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      fs.rmSync(bundle, { recursive: true, force: true });
      resolve({ code, ...said });
    });
  });
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    await execFile("unshare", inside("kill", name, signal));
  };
  return { child, kill, ended };
}

/** A container's configuration (OCI runtime-spec): as the manifest of the fleet's Job has it. */
function specOf(
  rootfs: string,
  args: readonly string[],
  { user, work, input }: ContainerOptions & { readonly user: number },
  { Env, WorkingDir }: ImageConfig["config"],
): object {
  const bind = (destination: string, source: string, mode: string): object => ({
    ...{ destination, source, type: "bind", options: ["rbind", mode] },
  });
  return {
    ociVersion: "1.0.2",
    process: {
      ...{ terminal: false, user: { uid: user, gid: user }, cwd: WorkingDir, args, env: Env },
      ...{ noNewPrivileges: true, capabilities: {} },
    },
    root: { path: rootfs, readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      bind("/work", work, "rw"),
      ...(input === undefined ? [] : [bind("/in", input, "ro")]),
    ],
    // A network of its own, in which there is nothing but loopback.
    linux: { namespaces: ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type })) },
  };
}
