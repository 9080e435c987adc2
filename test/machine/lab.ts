/** A folder with everything that restore.sh and local-service.sh work on: certificates, environment file, a service. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { CERTIFICATE_FILES, environmentFile, type PeerMember } from "../../machine/environment";
import { makePki } from "../../machine/pki/pki";
import type { Pki } from "../../machine/pki/pki-texts";
import { localService } from "../../machine/local/service";
import { freePorts } from "../support/ports";

export const MACHINE = path.join(__dirname, "..", "..", "machine");

/** A backup of test/fixtures (its README has the figures). */
export interface Sample {
  readonly file: string;
  readonly sha256: string;
  readonly revision: number;
  readonly compactRevision: number;
  readonly hashKv: number;
}

/** The two samples, unpacked into a folder. */
export function unpackSamples(folder: string): { readonly main: Sample; readonly events: Sample } {
  const unpack = (name: string): string => {
    const packed = path.join(__dirname, "..", "fixtures", `kubernetes-1.35-${name}.db.gz`);
    const file = path.join(folder, `${name}.db`);
    fs.writeFileSync(file, gunzipSync(fs.readFileSync(packed)));
    return file;
  };
  return {
    main: {
      file: unpack("main"),
      sha256: "8f94ef683fd5b2596bafa005e5cbc74dd2f2bf11b2b55519f98f920522b6e008",
      revision: 482,
      compactRevision: 424,
      hashKv: 1992026518,
    },
    events: {
      file: unpack("events"),
      sha256: "a684cdb9244c0e3f1489be0aa10c177a7e87588f1b458ffa1dfa8721c80bc555",
      revision: 320,
      compactRevision: 152,
      hashKv: 1499529501,
    },
  };
}

/** What a script did. */
export interface Ended {
  /** Exit code, or the name of the signal that ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export function run(
  argv: readonly [string, ...string[]],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly input?: string;
    /** Told the process, and all of stderr so far whenever there is more. */
    readonly onStderr?: (text: string, child: ChildProcess) => void;
  } = {},
): Promise<Ended> {
  const [command, ...args] = argv;
  const child = spawn(command, args, { env: { ...process.env, ...options.env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    options.onStderr?.(stderr, child);
  });
  child.stdin.on("error", () => undefined); // it need not read
  child.stdin.end(options.input ?? "");
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code: code ?? signal ?? "unknown", stdout, stderr });
    });
  });
}

/** A TCP port on 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** A folder for a test, with a space in its name. */
export function makeFolder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore machine-"));
}

/** Pids of processes that were started with a path inside a folder. */
export function processesIn(folder: string): readonly number[] {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8");
        if (command === "") return false; // the kernel's own
        return (
          command.includes(folder) ||
          fs.readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder)
        );
      } catch {
        return false; // ended meanwhile, or not ours
      }
    })
    .map(Number);
}

/** Ends every process of a folder and removes it. */
export function removeFolder(folder: string): void {
  for (const pid of processesIn(folder)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // ended meanwhile
    }
  }
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

export interface LabOptions {
  /** Folder with etcd, etcdctl and etcdutl. */
  readonly programs: string;
  readonly clientPort?: number;
  /** Its name, and all members of its cluster. @default it is alone, and its name is `lab` */
  readonly among?: { readonly name: string; readonly members: readonly PeerMember[] };
  /** @default certificates of its own */
  readonly pki?: Pki;
  /** Whether it serves etcd's old v2 keys as well. Default: false. */
  readonly v2?: boolean;
}

export type Lab = Awaited<ReturnType<typeof makeLab>>;

/** A member that can be restored and started, in a folder of its own. */
export async function makeLab(folder: string, options: LabOptions) {
  const data = path.join(folder, "data");
  const environment = path.join(folder, "etcd.env");
  const certificates = path.join(folder, "tls");
  const clientPort = options.clientPort ?? (await freePort());
  fs.mkdirSync(certificates, { mode: 0o700 });
  const pki = options.pki ?? (await makePki({ addresses: [], dnsNames: [] }));
  const { name = "lab", members } = options.among ?? {};
  for (const which of Object.keys(CERTIFICATE_FILES) as (keyof typeof CERTIFICATE_FILES)[]) {
    fs.writeFileSync(path.join(certificates, CERTIFICATE_FILES[which]), pki[which]);
  }
  fs.writeFileSync(path.join(certificates, "client.crt"), pki.client);
  fs.writeFileSync(path.join(certificates, "client.key"), pki.clientKey);
  fs.writeFileSync(
    environment,
    environmentFile({
      name,
      members,
      dataDirectory: data,
      certificateDirectory: certificates,
      clientAddress: "127.0.0.1",
      listenAddresses: ["127.0.0.1"],
      clientPort,
      peerPort: members?.find((one) => one.name === name)?.peerPort ?? (await freePort()),
      snapshotBytes: 1486880,
      v2: options.v2 === true,
    }),
  );
  const service = localService({
    environmentFile: environment,
    programs: options.programs,
    stateDirectory: folder,
  });

  const etcdctl = (...args: readonly string[]): string =>
    execFileSync(
      path.join(options.programs, "etcdctl"),
      [
        `--endpoints=https://127.0.0.1:${clientPort}`,
        `--cacert=${path.join(certificates, "ca.crt")}`,
        `--cert=${path.join(certificates, "client.crt")}`,
        `--key=${path.join(certificates, "client.key")}`,
        "--command-timeout=5s",
        ...args, // of two of the same flag, the last one counts
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
    );

  return {
    name,
    folder,
    data,
    environment,
    service,
    clientPort,
    pki,
    /** A client that etcd takes for root where authentication is on. */
    root: {
      certificate: path.join(certificates, "root.crt"),
      key: path.join(certificates, "root.key"),
    },
    etcdctl,
    /** Runs the service script. */
    control: (
      action: "start" | "stop" | "status" | "log",
      env: Record<string, string> = {},
      onStderr: (text: string) => void = () => undefined,
    ) => run(["bash", "-c", `${service} ${action}`], { env, onStderr }),
    /** Pid of the etcd that the service started; undefined when it does not run. */
    pid: (): number | undefined => {
      const file = path.join(folder, "etcd.pid");
      const pid = fs.existsSync(file) ? fs.readFileSync(file, "utf8").split(" ")[1] : undefined;
      return pid !== undefined && fs.existsSync(`/proc/${pid}/exe`) ? Number(pid) : undefined;
    },
    /** The HashKV that etcd itself tells. */
    hashKv: (revision: number): number => {
      const answer = etcdctl("endpoint", "hashkv", `--rev=${revision}`, "-w", "json");
      return Number(/"hash":(\d+)/.exec(answer)?.[1]);
    },
    /** Names beside the data directory that begin with its name. */
    beside: (): readonly string[] =>
      fs
        .readdirSync(folder)
        .filter((name) => name.startsWith("data.") && !/restore-(lock|starts)$/.test(name)),
    token: (): string | undefined =>
      /^ETCD_INITIAL_CLUSTER_TOKEN="(.*)"$/m.exec(fs.readFileSync(environment, "utf8"))?.[1],
    /** Arguments of restore.sh for a sample. */
    restoreArgv: (sample: Sample, ...more: readonly string[]): [string, ...string[]] => [
      "bash",
      path.join(MACHINE, "restore", "restore.sh"),
      ...["--snapshot", sample.file, "--sha256", sample.sha256],
      ...["--revision", String(sample.revision), "--hashkv", String(sample.hashKv)],
      ...["--compact-revision", String(sample.compactRevision), "--environment", environment],
      ...["--programs", options.programs, "--service", service, "--wait-seconds", "30", ...more],
    ],
  };
}

/** Waits until something is so. */
export async function eventually(what: string, isSo: () => boolean, limitMs = 5000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(50);
  }
}
