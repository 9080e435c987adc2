/** The lab's world of its own: namespaces for its mounts, network and processes, that end together and leave nothing. */
import { execFile as execFileCallback, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { childOfUnshare, findFirst, recordFirst } from "../namespaced";
import { HOST_ADDRESS } from "./addresses";

const execFile = promisify(execFileCallback);

/** Everything that the lab writes, from `up` to `down`. Of the computer, not of a clone: there is one lab on it. */
export const STATE_DIR = "/var/lib/etcd-restore-openstack";
/** This computer's end of the wire to the lab. */
export const WIRE = "etcd-restore-os";
const SCRIPT = path.join(__dirname, "capsule.sh");
const RECORD = path.join(STATE_DIR, "capsule.json");
const READY = path.join(STATE_DIR, "capsule-ready");
const READY_SECONDS = 20;
/** A process's own data bases and interpreters grow to a few hundred MB of output at most. */
const LARGEST_OUTPUT = 64 * 2 ** 20;

export interface Capsule {
  readonly pid: number;
  /** Runs a program in it to its end; gives what it printed. */
  run(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** Starts a program that stays, with its output in `log/NAME.log`. */
  start(name: string, argv: readonly string[], env?: Readonly<Record<string, string>>): void;
}

/** The capsule that is there; undefined when there is none. */
export function findCapsule(): Capsule | undefined {
  const pid = findFirst(RECORD);
  return pid === undefined ? undefined : capsuleAt(pid);
}

/** Makes the capsule on a state folder that is laid out already. */
export async function openCapsule(libvirtCache: string, signal: AbortSignal): Promise<Capsule> {
  fs.rmSync(READY, { force: true });
  const log = fs.openSync(path.join(STATE_DIR, "log", "capsule.log"), "a");
  const namespaces = ["--mount", "--propagation", "private", "--net", "--pid", "--uts", "--ipc"];
  const keeper = spawn(
    "unshare",
    [...namespaces, "--fork", "--kill-child", "--mount-proc", SCRIPT, STATE_DIR, libvirtCache],
    { detached: true, stdio: ["ignore", log, log], cwd: "/", env: {} },
  );
  fs.closeSync(log);
  keeper.on("error", () => undefined); // told below, when nothing comes of it
  keeper.unref();
  const wait = async <T>(what: string, look: () => T | undefined): Promise<T> => {
    const end = Date.now() + READY_SECONDS * 1000;
    while (Date.now() < end) {
      signal.throwIfAborted();
      const found = look();
      if (found !== undefined) return found;
      await sleep(50);
    }
    const said = fs.readFileSync(path.join(STATE_DIR, "log", "capsule.log"), "utf8").trim();
    throw new Error(`${what} did not come in ${READY_SECONDS} s: ${said.slice(-500)}`);
  };
  const pid = recordFirst(
    RECORD,
    await wait("the lab's first process", () => childOfUnshare(keeper.pid ?? 0)),
  );
  await execFile("ip", [
    ...["link", "add", WIRE, "type", "veth"],
    ...["peer", "name", "uplink", "netns", `${pid}`],
  ]);
  await execFile("ip", ["address", "add", `${HOST_ADDRESS}/26`, "dev", WIRE]);
  await execFile("ip", ["link", "set", WIRE, "up"]);
  await wait("the lab's network", () => (fs.existsSync(READY) ? true : undefined));
  return capsuleAt(pid);
}

/** Ends everything in it, at once; safe when there is none. */
export async function closeCapsule(): Promise<void> {
  const capsule = findCapsule();
  if (capsule !== undefined) {
    process.kill(capsule.pid, "SIGKILL"); // the kernel ends the rest of its processes with the first
    const end = Date.now() + 20_000;
    while (findCapsule() !== undefined) {
      if (Date.now() > end) throw new Error(`process ${capsule.pid} does not end`);
      await sleep(50);
    }
  }
  if (fs.existsSync(`/sys/class/net/${WIRE}`)) {
    // The kernel may be taking it away itself in this moment.
    await execFile("ip", ["link", "delete", WIRE]).catch((error: unknown) => {
      if (fs.existsSync(`/sys/class/net/${WIRE}`)) throw error;
    });
  }
}

function capsuleAt(pid: number): Capsule {
  const entered = (argv: readonly string[]) => [
    ...["--target", `${pid}`, "--mount", "--net", "--pid", "--uts", "--ipc", "--wd=/", "--"],
    ...argv,
  ];
  const environment = (more: Readonly<Record<string, string>> = {}) => ({
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C.UTF-8",
    HOME: "/run/lab/tmp",
    PYTHONDONTWRITEBYTECODE: "1",
    ...more,
  });
  return {
    pid,
    async run(argv, env) {
      try {
        const { stdout } = await execFile("nsenter", entered(argv), {
          env: environment(env),
          maxBuffer: LARGEST_OUTPUT,
        });
        return stdout;
      } catch (error) {
        const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
        throw new Error(
          `${argv.slice(0, 3).join(" ")} failed: ${said.slice(-1500) || String(error)}`,
          {
            cause: error,
          },
        );
      }
    },
    start(name, argv, env) {
      const log = fs.openSync(path.join(STATE_DIR, "log", `${name}.log`), "a");
      // With a fork, so that its parent is the capsule's first process, and no process of this computer.
      spawn("nsenter", entered(["setsid", "--fork", ...argv]), {
        env: environment(env),
        stdio: ["ignore", log, log],
        detached: true,
      }).unref();
      fs.closeSync(log);
    },
  };
}
