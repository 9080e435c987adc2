/** The distribution's own etcd: its packages as a machine finds them, and a backup that such an etcd has written. */
import { execFile as execFileCallback, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import type { RequestListener } from "node:http";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { packageSources } from "../../../labs/machine/root";
import { freePorts } from "../../support/ports";

const execFile = promisify(execFileCallback);
const PACKAGES = ["etcd-server", "etcd-client"] as const;
const START_LIMIT_MS = 20_000;

export interface AptMirror {
  /** A flat repository: `deb [trusted=yes] URL ./`. */
  readonly serve: RequestListener;
  /** A backup by the packages' own etcd. */
  readonly backup: string;
  /** Folder with the packages' `etcd` and `etcdctl`. */
  readonly programs: string;
  remove(): void;
}

/** Fetches a release's packages from where this computer gets its own. */
export async function aptMirror(suite: string): Promise<AptMirror> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-apt-"));
  const programs = path.join(directory, "programs");
  fs.mkdirSync(programs);
  await download(suite, directory);
  const packages = fs.readdirSync(directory).filter((name) => name.endsWith(".deb"));
  const stanzas: string[] = [];
  for (const name of packages) {
    const file = path.join(directory, name);
    const content = fs.readFileSync(file);
    const { stdout } = await execFile("dpkg-deb", ["--field", file]);
    const sha256 = createHash("sha256").update(content).digest("hex");
    stanzas.push(
      `${stdout.trimEnd()}\nFilename: ./${name}\nSize: ${content.length}\nSHA256: ${sha256}\n`,
    );
    await execFile("dpkg-deb", ["--extract", file, programs]);
  }
  const backup = path.join(directory, "backup.db");
  const inPackages = path.join(programs, "usr", "bin");
  await makeBackup(inPackages, directory, backup);
  return {
    serve: ({ url = "" }, response) => {
      const name = decodeURIComponent(path.posix.basename(url)); // versions have a +
      if (name === "Packages") response.end(stanzas.join("\n"));
      else if (packages.includes(name)) {
        fs.createReadStream(path.join(directory, name)).pipe(response);
      } else response.writeHead(404).end();
    },
    backup,
    programs: inPackages,
    remove: () => {
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** User data, with what an image would bring: where its packages come from, and what more it does at its boot. */
export function packagesFrom(
  mirror: string,
  userData: string,
  more: readonly string[] = [],
): string {
  const [header = "", json = ""] = userData.split(/(?<=^#cloud-config\n)/);
  const config = JSON.parse(json) as Record<string, unknown>;
  const bootcmd = [`echo 'deb [trusted=yes] ${mirror} ./' >/etc/apt/sources.list`, ...more];
  return header + JSON.stringify({ ...config, bootcmd });
}

/** With a state of apt of its own: this computer may be of another release. */
async function download(suite: string, directory: string): Promise<void> {
  const state = path.join(directory, "state");
  for (const name of ["lists/partial", "cache/archives/partial"]) {
    fs.mkdirSync(path.join(state, name), { recursive: true });
  }
  fs.writeFileSync(path.join(state, "sources.list"), await packageSources(suite));
  fs.writeFileSync(path.join(state, "status"), "");
  const options = [
    `Dir::Etc::sourcelist=${state}/sources.list`,
    ...["Dir::Etc::sourceparts=/dev/null", `Dir::State=${state}`],
    ...[`Dir::State::lists=${state}/lists`, `Dir::State::status=${state}/status`],
    ...[`Dir::Cache=${state}/cache`, "Acquire::Languages=none", "Acquire::Retries=4"],
    "APT::Sandbox::User=root", // who may write there
  ].flatMap((option) => ["-o", option]);
  const apt = (...words: readonly string[]) =>
    execFile("apt-get", ["--quiet", ...options, ...words], { cwd: directory });
  await apt("update");
  await apt("download", ...PACKAGES);
}

async function makeBackup(programs: string, directory: string, backup: string): Promise<void> {
  const [client = 0, peer = 0] = await freePorts(2);
  const urls = { client: `http://127.0.0.1:${client}`, peer: `http://127.0.0.1:${peer}` };
  const etcd = spawn(
    path.join(programs, "etcd"),
    [
      ...["--data-dir", path.join(directory, "data"), "--initial-cluster", `default=${urls.peer}`],
      ...["--listen-client-urls", urls.client, "--advertise-client-urls", urls.client],
      ...["--listen-peer-urls", urls.peer, "--initial-advertise-peer-urls", urls.peer],
    ],
    { stdio: "ignore" },
  );
  const ended = new Promise((resolve) => etcd.once("close", resolve));
  const etcdctl = (...args: readonly string[]) =>
    execFile(path.join(programs, "etcdctl"), ["--endpoints", urls.client, ...args], {
      env: { ...process.env, ETCDCTL_API: "3" },
    });
  try {
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      try {
        await etcdctl("put", "/old/0", "value");
        break;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(100);
      }
    }
    for (const key of ["/old/1", "/old/2"]) await etcdctl("put", key, "value");
    await etcdctl("snapshot", "save", backup);
  } finally {
    etcd.kill("SIGKILL");
    await ended;
  }
}
