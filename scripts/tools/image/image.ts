/** `npm run image`: the container image with etcd-restore and etcd in it, by buildah, and its SBOM beside it. */
import { execFile as execFileCallback, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import { Command, Option } from "commander";
import { version } from "../../../package.json";
import { toolsDirOf } from "../../../machine/programs/find";
import { platform } from "../../../machine/programs/version";
import { size } from "../../../etcd/wire/figures";
import { abortOnInterrupt } from "../../interrupt";
import { EXIT, UserError } from "../../outcome";
import { runProgram } from "../../run-program";
import { makeBase } from "./base";
import {
  ARCHITECTURES,
  NODE_VERSION,
  placeApp,
  placeEtcd,
  placeNode,
  type Architecture,
  type Making,
} from "./parts";

const execFile = promisify(execFileCallback);
const ROOT = path.resolve(__dirname, "..", "..", "..");

interface ImageOptions {
  readonly arch: Architecture;
  readonly base: "debian" | "packages";
  readonly tag: string;
  readonly output: string;
  readonly context?: boolean;
}

function commandLine(): Command {
  const here = ARCHITECTURES.find((name) => platform() === `linux-${name}`) ?? "amd64";
  return new Command("npm run image --")
    .description(
      "Builds the container image with buildah: the package as `npm pack` makes it with what it needs to run, Node.js, and etcd\n" +
        "3.5, 3.6 and 3.7. Leaves an OCI archive and the SBOM of its npm packages.",
    )
    .addOption(
      new Option("--arch <ARCH>", "of the computers that run it")
        .choices(ARCHITECTURES)
        .default(here),
    )
    .addOption(
      new Option(
        "--base <BASE>",
        "debian: docker.io/library/debian; packages: made here by mmdebstrap, without any registry",
      )
        .choices(["debian", "packages"])
        .default("debian"),
    )
    .option("--tag <NAME>", "what it is called", `localhost/etcd-restore:${version}`)
    .option("--output <DIR>", "where the archive goes", path.join(".tools", "image"))
    .option(
      "--context",
      "only lay out what the Containerfile copies, and print the line that builds it with docker",
    )
    .exitOverride()
    .addHelpText(
      "after",
      "\nExit codes: 0 built; 2 wrong use; 3 this computer cannot build it.\n" +
        "\nExamples:\n  npm run image\n  npm run image -- --arch arm64 --base packages\n  npm run image -- --context",
    );
}

/** Runs a program whose output is for whoever waits. @throws UserError when it fails or is not there */
async function shown(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", 2, 2], signal });
  const [code] = (await once(child, "exit").catch((error: unknown) => {
    signal.throwIfAborted();
    throw new UserError(
      EXIT.environment,
      `${program} cannot be started (${String(error)}); install it (apt-get install ${program})`,
    );
  })) as [number | null];
  if (code !== 0)
    throw new UserError(
      EXIT.environment,
      `${program} ${args[0] ?? ""} ended with ${String(code)}; what it said is above`,
    );
}

/** Lays out everything that the Containerfile copies. @returns the arguments for the build */
async function layOut(folder: string, making: Making): Promise<Readonly<Record<string, string>>> {
  const { root, log, signal, architecture } = making;
  const context = path.join(folder, "context");
  fs.rmSync(context, { recursive: true, force: true });
  fs.mkdirSync(path.join(context, "work"), { recursive: true });
  fs.chmodSync(path.join(context, "work"), 0o770);
  const { packed } = await import("../set-up/packed.mjs");
  const tarball = await packed(root, { log, signal });
  await placeNode(path.join(context, "node"), making);
  const etcd = await placeEtcd(path.join(context, "etcd"), making);
  const sbom = await placeApp(path.join(context, "app"), tarball, making);
  fs.writeFileSync(path.join(folder, "sbom.cdx.json"), sbom);
  log(`the context is ${context}: Node.js ${NODE_VERSION}, etcd ${etcd.join(", ")}`);
  const git = async (...args: readonly string[]) =>
    (await execFile("git", args, { cwd: root }).catch(() => ({ stdout: "" }))).stdout.trim();
  return {
    ...{ ARCH: architecture, VERSION: version, NODE_VERSION },
    REVISION: await git("rev-parse", "HEAD"),
    // Of the sources, not of the build: the same sources make the same image.
    CREATED: await git("log", "-1", "--format=%cI"),
  };
}

async function make({
  arch,
  base,
  tag,
  output,
  context: isContextOnly,
}: ImageOptions): Promise<void> {
  const signal = abortOnInterrupt();
  const log = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const folder = path.resolve(ROOT, output, arch);
  fs.mkdirSync(folder, { recursive: true });
  const making: Making = { root: ROOT, toolsDir: toolsDirOf({}), architecture: arch, log, signal };
  const values = Object.entries(await layOut(folder, making));
  const context = path.join(folder, "context");
  const build = ["--file", "Containerfile", "--platform", `linux/${arch}`];
  const given = values.flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  if (isContextOnly === true) {
    process.stdout.write(`docker build ${[...build, ...given, "--tag", tag, context].join(" ")}\n`);
    return;
  }
  const from: string[] = [];
  if (base === "packages") {
    const name = "localhost/etcd-restore-base";
    await makeBase(path.join(folder, "base.tar"), making);
    await importBase(path.join(folder, "base.tar"), `${name}:${arch}`, arch, making);
    from.push("--build-arg", `BASE=${name}:${arch}`, "--build-arg", "BASE_NAME=");
  }
  const format = [
    "--format",
    "oci",
    "--timestamp",
    String(Math.floor(Date.parse(values.at(-1)?.[1] ?? "") / 1000) || 0),
  ];
  await shown(
    "buildah",
    ["build", ...format, ...build, ...given, ...from, "--tag", tag, context],
    signal,
  );
  const archive = path.join(folder, "etcd-restore.oci.tar");
  fs.rmSync(archive, { force: true });
  await shown("buildah", ["push", "--quiet", tag, `oci-archive:${archive}:${tag}`], signal);
  process.stdout.write(
    `${tag} for ${arch}: ${archive} (${size(fs.statSync(archive).size)} compressed), SBOM ${path.join(folder, "sbom.cdx.json")}\n`,
  );
}

/** Makes an image of a tar. */
async function importBase(
  tar: string,
  name: string,
  arch: Architecture,
  { log, signal }: Making,
): Promise<void> {
  const { stdout } = await execFile("buildah", ["from", "--arch", arch, "scratch"], { signal });
  const container = stdout.trim();
  try {
    await shown("buildah", ["add", "--quiet", container, tar, "/"], signal);
    await shown("buildah", ["config", "--arch", arch, "--os", "linux", container], signal);
    await shown("buildah", ["commit", "--quiet", "--timestamp", "0", container, name], signal);
  } finally {
    await execFile("buildah", ["rm", container]).catch((error: unknown) => {
      log(`warning: buildah keeps ${container}: ${String(error)}`);
    });
  }
}

const program = commandLine();
program.action(() => make(program.opts<ImageOptions>()));
void runProgram(program);
