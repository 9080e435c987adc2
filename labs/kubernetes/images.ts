/** The lab's container images, made of static programs without a registry or a builder, and imported once. */
import { execFile as execFileCallback } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { LIMITS } from "../../machine/programs/limits";
import { placeDirectory, withLock } from "../../machine/programs/place";
import { KUBERNETES, type Installing } from "./programs";

const execFile = promisify(execFileCallback);

/** The image of a pod's sandbox that kubeadm 1.35 asks for, and that of a shell. */
export const PAUSE = "3.10.1";
export const BUSYBOX = "1.35";
/** Counted up whenever this file makes other images of the same programs. */
const RECIPE = 2;

/** Where the programs are that the images are made of. */
export interface ImageSources {
  readonly kubernetes: string;
  readonly packages: string;
  readonly etcd: { readonly version: string; readonly directory: string };
}

interface Image {
  readonly name: string;
  readonly entrypoint: string;
  /** Names of its layers. */
  readonly layers: readonly string[];
}

/** What lies in each layer: where, and the file that is copied there. */
type Layers = Readonly<Record<string, Readonly<Record<string, string>>>>;

function recipe({ kubernetes, packages, etcd }: ImageSources) {
  const layers: Layers = {
    pause: { pause: path.join(kubernetes, "pause") },
    etcd: Object.fromEntries(
      ["etcd", "etcdctl", "etcdutl"].map((name) => [
        `usr/local/bin/${name}`,
        path.join(etcd.directory, name),
      ]),
    ),
    shell: { "bin/busybox": path.join(packages, "bin/busybox") },
    kubernetes: { "usr/local/bin/kubernetes": path.join(kubernetes, "kubernetes") },
  };
  const control = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
  const bin = "/usr/local/bin";
  const images: readonly Image[] = [
    { name: `pause:${PAUSE}`, entrypoint: "/pause", layers: ["pause"] },
    { name: `busybox:${BUSYBOX}`, entrypoint: "/bin/sh", layers: ["shell"] },
    // As upstream's: the three programs, and no shell to read a file with.
    { name: `etcd:${etcd.version}-0`, entrypoint: `${bin}/etcd`, layers: ["etcd"] },
    { name: `shell/etcd:${etcd.version}-0`, entrypoint: `${bin}/etcd`, layers: ["etcd", "shell"] },
    ...control.map((name) => ({
      name: `${name}:v${KUBERNETES}`,
      entrypoint: `${bin}/${name}`,
      layers: ["kubernetes"],
    })),
  ];
  return { layers, images };
}

/** A root folder of containerd with all images in it; makes it when it is not there. */
export async function ensureImages(
  toolsDir: string,
  sources: ImageSources,
  installing: Installing,
): Promise<string> {
  const name = `lab-images-kubernetes-${KUBERNETES}-etcd-${sources.etcd.version}-${RECIPE}`;
  const directory = path.join(toolsDir, name);
  const { say: log, signal } = installing;
  const context = { limits: LIMITS, env: process.env, log, signal };
  return withLock(path.join(toolsDir, `${name}.lock`), name, context, async () => {
    if (fs.existsSync(directory)) return directory;
    log("making the container images (1.3 GB for some seconds, 540 MB kept)");
    return placeDirectory(toolsDir, name, async (partial) => {
      const layout = path.join(partial, "layout");
      await writeLayout(layout, sources, signal);
      await execFile("tar", ["-cf", path.join(partial, "images.tar"), "-C", layout, "."]);
      fs.rmSync(layout, { recursive: true });
      const script = path.join(__dirname, "import-images.sh");
      await execFile(script, [partial, sources.packages], { signal });
      fs.rmSync(path.join(partial, "images.tar"));
      return name;
    });
  });
}

/** An OCI image layout (image-spec, image-layout.md) with every image; layers that several have lie in it once. */
async function writeLayout(
  directory: string,
  sources: ImageSources,
  signal: AbortSignal,
): Promise<void> {
  const blobs = path.join(directory, "blobs", "sha256");
  fs.mkdirSync(blobs, { recursive: true });
  const { layers, images } = recipe(sources);
  const { stdout } = await execFile(path.join(sources.packages, "bin/busybox"), ["--list"]);
  const links: Layers = {
    shell: Object.fromEntries(
      stdout
        .split("\n")
        .filter((applet) => applet !== "" && applet !== "busybox")
        .map((applet) => [`bin/${applet}`, "busybox"]),
    ),
    kubernetes: Object.fromEntries(
      images
        .filter(({ layers: [layer] }) => layer === "kubernetes")
        .map(({ entrypoint }) => [entrypoint.slice(1), "kubernetes"]),
    ),
  };
  const made = new Map<string, Descriptor>();
  for (const [layer, files] of Object.entries(layers)) {
    const tar = await layerTar(directory, files, links[layer] ?? {}, signal);
    made.set(layer, { mediaType: TYPES.layer, ...(await addBlob(blobs, tar)) });
  }
  const manifests: Descriptor[] = [];
  for (const image of images) {
    const own = image.layers.flatMap((layer) => made.get(layer) ?? []);
    const config = await addJson(blobs, TYPES.config, {
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config: { Entrypoint: [image.entrypoint], Env: ["PATH=/usr/local/bin:/bin"] },
      rootfs: { type: "layers", diff_ids: own.map(({ digest }) => digest) },
    });
    const manifest = { schemaVersion: 2, mediaType: TYPES.manifest, config, layers: own };
    manifests.push({
      ...(await addJson(blobs, TYPES.manifest, manifest)),
      annotations: { "io.containerd.image.name": `lab.local/${image.name}` },
    });
  }
  const index = { schemaVersion: 2, manifests };
  fs.writeFileSync(path.join(directory, "index.json"), JSON.stringify(index));
  fs.writeFileSync(path.join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

const OCI = "application/vnd.oci.image";
const TYPES = {
  config: `${OCI}.config.v1+json`,
  layer: `${OCI}.layer.v1.tar`,
  manifest: `${OCI}.manifest.v1+json`,
};

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A tar of some files and symbolic links, the same bytes each time. */
async function layerTar(
  directory: string,
  files: Readonly<Record<string, string>>,
  links: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string> {
  const root = path.join(directory, "root");
  for (const folder of ["tmp", "etc", "dev", "proc", "sys"]) {
    fs.mkdirSync(path.join(root, folder), { recursive: true });
  }
  fs.chmodSync(path.join(root, "tmp"), 0o1777);
  for (const [to, from] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(root, to)), { recursive: true });
    fs.copyFileSync(from, path.join(root, to));
    fs.chmodSync(path.join(root, to), 0o755);
  }
  for (const [at, target] of Object.entries(links)) fs.symlinkSync(target, path.join(root, at));
  const file = path.join(directory, "layer.tar");
  const same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
  await execFile("tar", [...same, "-C", root, "-cf", file, "."], { signal });
  fs.rmSync(root, { recursive: true });
  return file;
}

/** Moves a file among the blobs. */
async function addBlob(blobs: string, file: string) {
  const hash = createHash("sha256");
  await pipeline(fs.createReadStream(file), hash);
  const digest = hash.digest("hex");
  const { size } = fs.statSync(file);
  fs.renameSync(file, path.join(blobs, digest));
  return { digest: `sha256:${digest}`, size };
}

async function addJson(blobs: string, mediaType: string, content: object): Promise<Descriptor> {
  const file = path.join(blobs, "new");
  fs.writeFileSync(file, JSON.stringify(content));
  return { mediaType, ...(await addBlob(blobs, file)) };
}
